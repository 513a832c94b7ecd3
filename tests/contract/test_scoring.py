"""Real requests to a real scoring process: through the split, pinned, and every way in which they fail."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import certifi
import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, keys, list_deployments
from services.errors import AccessDenied, Timeout, Unreachable
from services.scoring.explanation import explain
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

Write = Callable[..., None]
BODY = ScoringRequest(b'{"data": [3, 4]}')


def test_an_answer_through_the_split(conn: Connection, served: str, split: Write) -> None:
    answer = send(conn, get_endpoint(conn, served), BODY)

    assert (answer.status, answer.text.replace(" ", ""), answer.deployment) == (200, "[6,8]", "blue")
    assert answer.meaning == "The model answered."
    assert answer.request_id
    assert answer.model_ms is not None
    assert 0 < answer.model_ms < answer.total_ms


def test_a_pinned_request_bypasses_the_split_and_the_next_one_does_not(
    conn: Connection, served: str, split: Write
) -> None:
    endpoint = get_endpoint(conn, served)

    assert send(conn, endpoint, replace(BODY, deployment="green")).deployment == "green"
    assert send(conn, endpoint, BODY).deployment == "blue"


def test_a_script_that_fails_is_shown_with_its_own_words(conn: Connection, served: str, split: Write) -> None:
    answer = send(conn, get_endpoint(conn, served), ScoringRequest(b'{"data": ["three"]}'))

    assert answer.status == 424
    assert "It answered 500 (model_error)." in answer.meaning


def test_a_model_that_is_too_slow(conn: Connection, served: str, split: Write) -> None:
    endpoint, request = get_endpoint(conn, served), ScoringRequest(b'{"data": [1], "sleep": 6.4}')

    answer = send(conn, endpoint, request)

    assert answer.status == 408
    assert "request_timeout_ms" in answer.meaning
    assert answer.total_ms >= 5900
    shown = explain(conn, endpoint, list_deployments(conn, served), request, answer)
    assert shown is not None
    assert shown.cause.startswith(
        "Azure ended the call: blue did not answer within its request_timeout_ms of 6,000 ms."
    )
    assert dict(shown.numbers)["request_timeout_ms of blue"] == "6,000 ms"
    assert shown.log_note.startswith("Container log of blue.")


def test_nobody_takes_the_request(conn: Connection, served: str, split: Write) -> None:
    split({})
    endpoint = get_endpoint(conn, served)

    assert send(conn, endpoint, BODY).status == 404
    assert send(conn, endpoint, replace(BODY, deployment="violet")).status == 404
    assert send(conn, endpoint, replace(BODY, deployment="green")).status == 200


def test_a_rotated_key_is_fetched_again(conn: Connection, local_azure: LocalAzure, served: str, split: Write) -> None:
    endpoint = get_endpoint(conn, served)
    assert send(conn, endpoint, BODY).status == 200
    before = keys(conn, served)[0]

    local_azure.finish(local_azure.arm("POST", f"onlineEndpoints/{served}/regenerateKeys", {"keyType": "Primary"}))

    assert keys(conn, served)[0] != before
    assert send(conn, endpoint, BODY).status == 200


def test_without_the_right_to_read_keys_nothing_is_sent(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, served: str
) -> None:
    reader = connect_to(local_azure, role="reader")

    with pytest.raises(AccessDenied):
        send(reader, get_endpoint(reader, served), BODY)


def test_the_key_is_never_logged(conn: Connection, served: str, split: Write, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        send(conn, get_endpoint(conn, served), BODY)

    assert keys(conn, served)[0] not in caplog.text


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_an_address_without_a_connection_is_unreachable(conn: Connection, served: str, silent_port: int) -> None:
    silent = replace(get_endpoint(conn, served), scoring_uri=f"https://127.0.0.1:{silent_port}/score")

    with pytest.raises(Unreachable, match="does not accept connections in time"):
        send(conn, silent, replace(BODY, timeout_seconds=0.3))


def test_a_model_that_outlasts_the_patience_here_is_a_timeout(conn: Connection, served: str, split: Write) -> None:
    endpoint = get_endpoint(conn, served)
    # The connection is there then: it is the model alone that takes the time.
    assert send(conn, endpoint, BODY).status == 200
    with pytest.raises(Timeout, match="passed without a whole answer"):
        send(conn, endpoint, ScoringRequest(b'{"data": [1], "sleep": 1.9}', timeout_seconds=1.0))


def test_a_dead_gateway_is_unreachable(conn: Connection, served: str) -> None:
    dead = replace(get_endpoint(conn, served), scoring_uri="https://localhost:9/score")

    with pytest.raises(Unreachable) as caught:
        send(conn, dead, BODY)

    assert caught.value.next_step == "Start the local Azure again."


def test_a_certificate_that_is_not_trusted_says_so(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = connect_to(local_azure)
    endpoint = get_endpoint(conn, served)
    keys(conn, served)
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())

    with pytest.raises(Unreachable, match="not trusted"):
        send(conn, endpoint, BODY)
