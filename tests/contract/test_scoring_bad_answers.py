"""What a sane endpoint never does, and what a person may try all the same."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, keys, list_deployments
from services.errors import RuleBroken, SluiceError, Stopped, Unreachable
from services.model import Endpoint
from services.scoring.explanation import explain
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.scoring.timeouts import NoAnswerInTime
from services.scoring.transport import MOST_ANSWER_BYTES
from tests.contract.raw_server import RawServer, answer, answering
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

Write = Callable[..., None]
BODY = ScoringRequest(b'{"data": [3, 4]}', timeout_seconds=30)


@pytest.fixture
def endpoint(conn: Connection, served: str) -> Endpoint:
    """The served endpoint."""
    return get_endpoint(conn, served)


def at(endpoint: Endpoint, server: RawServer) -> Endpoint:
    """The endpoint with the scoring address of ``server``."""
    return replace(endpoint, scoring_uri=server.url)


def drip(server: RawServer, connection: ssl.SSLSocket) -> None:
    """An answer that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not server.is_over.wait(0.05):
        connection.sendall(b"1\r\n[\r\n")


def pour(_: RawServer, connection: ssl.SSLSocket) -> None:
    """An answer that never ends and comes fast."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b"1" * 1_000_000)


def be_silent(server: RawServer, connection: ssl.SSLSocket) -> None:
    """Reads the request and says nothing."""
    server.is_over.wait(10)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent"])
def test_a_redirect_is_shown_and_the_key_never_arrives_at_its_target(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint, status: str
) -> None:
    with RawServer(local_azure, answering(answer(b"[1]"))) as target:
        leading = answer(b"", f"Location: {target.url}", status=status)
        with RawServer(local_azure, answering(leading)) as server:
            found = send(conn, at(endpoint, server), BODY)
            shown = explain(conn, endpoint, [], BODY, found)

    assert found.status == int(status[:3])
    assert target.received == []
    assert shown is not None
    assert shown.title == "A redirect, not followed"
    assert dict(shown.numbers)["Leads to"] == target.host


def test_a_header_without_a_value_is_sent_all_the_same(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    with RawServer(local_azure, answering(answer(b"[1]"))) as server:
        send(conn, at(endpoint, server), replace(BODY, headers=(("X-Empty", ""), ("X-Blank", "  "))))
    head = server.received[0].lower()
    assert b"\r\nx-empty:" in head
    assert b"\r\nx-blank:" in head
    assert b"expect" not in head


def test_an_answer_that_drips_for_ever_ends_with_the_limit(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    with RawServer(local_azure, drip) as server, pytest.raises(NoAnswerInTime) as caught:
        send(conn, at(endpoint, server), replace(BODY, timeout_seconds=2.0))

    assert caught.value.received_bytes > 0
    shown = explain(conn, endpoint, [], replace(BODY, timeout_seconds=2.0), caught.value)
    assert shown is not None
    assert "the answer had begun" in shown.cause


def test_an_answer_that_pours_for_ever_is_cut(conn: Connection, local_azure: LocalAzure, endpoint: Endpoint) -> None:
    with RawServer(local_azure, pour) as server:
        found = send(conn, at(endpoint, server), replace(BODY, timeout_seconds=60))

    assert found.is_cut
    assert len(found.body) == MOST_ANSWER_BYTES


@pytest.mark.parametrize("play", [be_silent, drip])
def test_stop_ends_a_request_that_waits(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint, play: Callable[[RawServer, ssl.SSLSocket], None]
) -> None:
    stopped = threading.Event()

    def play_and_stop(server: RawServer, connection: ssl.SSLSocket) -> None:
        stopped.set()
        play(server, connection)

    with RawServer(local_azure, play_and_stop) as server, pytest.raises(Stopped):
        send(conn, at(endpoint, server), replace(BODY, timeout_seconds=60), is_stopped=stopped.is_set)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1", "broke off in the middle of its answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "answered something that is no HTTP"),
    ],
)
def test_a_broken_answer_says_how_it_broke(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint, raw: bytes, words: str
) -> None:
    with RawServer(local_azure, answering(raw)) as server, pytest.raises(Unreachable, match=words) as caught:
        send(conn, at(endpoint, server), BODY)

    shown = explain(conn, endpoint, [], BODY, caught.value)
    assert shown is not None
    assert (shown.title, "proxy" in shown.next_steps[0]) == ("No answer", True)


def test_trailers_are_kept_beside_the_headers(conn: Connection, local_azure: LocalAzure, endpoint: Endpoint) -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"2\r\n[]\r\n0\r\nMs-Azureml-Bandwidth-Response-Delay-Ms: 120\r\n\r\n"
    )
    with RawServer(local_azure, answering(raw)) as server:
        found = send(conn, at(endpoint, server), BODY)

    assert found.trailers == {"ms-azureml-bandwidth-response-delay-ms": "120"}
    assert "ms-azureml-bandwidth-response-delay-ms" not in found.headers


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"[NaN, -Infinity]", "application/json", "[NaN, -Infinity]"),
        (b'"caf\xe9"', "application/json", '"caf�"'),
        (b'"caf\xe9"', "application/json; charset=latin-1", '"café"'),
        (b"x", "text/plain; charset=nonsense", "x"),
        (b"", "", ""),
    ],
)
def test_an_odd_body_is_read_as_well_as_it_can_be(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint, body: bytes, kind: str, text: str
) -> None:
    with RawServer(local_azure, answering(answer(body, f"Content-Type: {kind}"))) as server:
        found = send(conn, at(endpoint, server), BODY)

    assert (found.text, found.body) == (text, body)
    assert explain(conn, endpoint, [], BODY, found) is None


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
def test_a_web_page_is_no_answer_of_a_model(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint, kind: str
) -> None:
    page = answer(b"\n<!DOCTYPE html><title>Sign in</title>", f"Content-Type: {kind}", "Server: squid")
    with RawServer(local_azure, answering(page)) as server:
        found = send(conn, at(endpoint, server), BODY)

    shown = explain(conn, endpoint, [], BODY, found)
    assert shown is not None
    assert shown.title == "A web page instead of JSON"
    assert "A proxy may have answered" in shown.cause
    assert dict(shown.numbers)["Server"] == "squid"


def test_bytes_that_are_no_text_arrive_as_they_are(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    request = replace(BODY, body=b"\xff\x00\xfe", content_type="image/png", headers=(("X-Name", "caf\xe9"),))
    with RawServer(local_azure, answering(answer(b"[]"))) as server:
        send(conn, at(endpoint, server), request)

    head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert body == b"\xff\x00\xfe"
    assert b"X-Name: caf\xe9" in head
    assert b"Content-Type: image/png" in head


def test_twenty_megabytes_are_sent_and_scored(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint, split: Write
) -> None:
    local_azure.control("POST", "settings", {"bytes_per_second": 100_000_000}).raise_for_status()
    try:
        found = send(conn, endpoint, ScoringRequest(b'{"data": [3]' + b" " * 20_000_000 + b"}"))
    finally:
        local_azure.control("POST", "settings", {"bytes_per_second": 5_000_000}).raise_for_status()

    assert (found.status, found.text) == (200, "[9]" if found.deployment == "green" else "[6]")


def test_an_address_that_is_not_the_endpoints_gets_nothing(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint
) -> None:
    for uri in ("https://evil.example/score", "http://localhost/score", "https://user@localhost/score"):
        with pytest.raises(RuleBroken, match=r"not one of|over TLS only"):
            send(conn, replace(endpoint, scoring_uri=uri), BODY)


def test_a_private_endpoint_that_cannot_be_reached_says_why(conn: Connection, endpoint: Endpoint) -> None:
    # Kubernetes endpoints may have any address here; on the local Azure only one of this machine is asked at all.
    private = replace(endpoint, scoring_uri="https://localhost:9/score", public_network_access=False)

    with pytest.raises(Unreachable) as caught:
        send(conn, private, BODY)

    shown = explain(conn, private, [], BODY, caught.value)
    assert shown is not None
    assert shown.title == "Not reachable from here"
    assert dict(shown.numbers)["Public network access"] == "off"


@pytest.mark.parametrize("play", [answering(b""), be_silent])
def test_no_failure_keeps_the_key(
    conn: Connection, local_azure: LocalAzure, endpoint: Endpoint, play: Callable[[RawServer, ssl.SSLSocket], None]
) -> None:
    key = keys(conn, endpoint.name)[0]
    with RawServer(local_azure, play) as server, pytest.raises(SluiceError) as caught:
        send(conn, at(endpoint, server), replace(BODY, timeout_seconds=0.5))

    error: BaseException | None = caught.value
    while error is not None:
        assert key not in str(error)
        assert not any(key in text for text in _frames_of_services(error.__traceback__))
        error = error.__cause__ or error.__context__
    shown = explain(conn, endpoint, list_deployments(conn, endpoint.name), BODY, caught.value)
    assert key not in repr(shown)


def _frames_of_services(trace: TracebackType | None) -> list[str]:
    """The local variables of every frame that an error has come through, but for those that are Sluice's memory."""
    found = []
    while trace is not None:
        local = {name: value for name, value in trace.tb_frame.f_locals.items() if name not in ("conn", "key")}
        if "/services/" in trace.tb_frame.f_code.co_filename:
            found.append(repr(local))
        trace = trace.tb_next
    return found
