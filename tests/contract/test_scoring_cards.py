"""A card for every way in which a request fails on the local Azure, by a real failure or by one of its faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.errors import SluiceError
from services.scoring.answer import Answer
from services.scoring.bearer import bearer_state
from services.scoring.explanation import Explanation, explain
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

Write = Callable[..., None]
Fault = Callable[..., None]
BODY = ScoringRequest(b'{"data": [3, 4]}', timeout_seconds=20)
REASON = "ms-azureml-model-error-reason"
MODEL_STATUS = "ms-azureml-model-error-statuscode"
BLUE = {"azureml-model-deployment": "blue"}


def failing(conn: Connection, name: str, request: ScoringRequest = BODY) -> tuple[Answer | SluiceError, Explanation]:
    """What came of ``request``, and its card."""
    endpoint, deployments = get_endpoint(conn, name), list_deployments(conn, name)
    outcome: Answer | SluiceError
    try:
        outcome = send(conn, endpoint, request)
    except SluiceError as error:
        outcome = error
    shown = explain(conn, endpoint, deployments, request, outcome)
    assert shown is not None, outcome
    return outcome, shown


@pytest.fixture
def auth_mode(local_azure: LocalAzure, served: str, split: Write) -> Iterator[Callable[[str], None]]:
    """Changes how callers of the served endpoint show who they are. After the test they send keys again."""
    yield lambda mode: split({"blue": 100}, authMode=mode)
    split({"blue": 100}, authMode="Key")


@pytest.mark.parametrize(
    ("answer", "title", "label", "value"),
    [
        ({"status": 401, "message": "key_auth_access_denied"}, "The key was not accepted", "Azure's words",
         "key_auth_access_denied"),
        ({"status": 403}, "Not allowed", "Public network access", "on"),
        ({"status": 404}, "Nobody took the request", "Live traffic", "blue 100 %"),
        ({"status": 408, "headers": BLUE}, "The model took too long", "request_timeout_ms of blue", "6,000 ms"),
        ({"status": 413}, "The body is too large", "Body", "16 bytes"),
        ({"status": 424, "headers": {**BLUE, REASON: "model_not_ready"}}, "The model is not ready", "Reason",
         "model_not_ready"),
        ({"status": 424, "headers": {**BLUE, REASON: "model_error", MODEL_STATUS: "422"}},
         "The model refused the request", "Model status", "422"),
        ({"status": 424, "headers": {**BLUE, MODEL_STATUS: "500", "content-type": "text/html"}, "body": "<html>"},
         "The worker was ended", "Model status", "500"),
        ({"status": 429, "headers": {**BLUE, REASON: "too_many_pending_request"}, "retry_after": 3},
         "The deployment is full", "In-flight limit of blue", "8 requests"),
        ({"status": 429, "body": ""}, "Too many requests", "Azure's reason", "not said"),
        ({"status": 307, "headers": {"location": "https://elsewhere.example/score"}}, "A redirect, not followed",
         "Leads to", "elsewhere.example"),
        ({"status": 418}, "Refused with status 418", "Status", "418"),
        ({"status": 500}, "Azure failed", "Status", "500"),
        ({"status": 502, "headers": BLUE}, "The container broke off", "Deployment", "blue"),
        ({"status": 502, "headers": {"content-type": "text/html"}, "body": "<html>Bad gateway"},
         "A web page instead of JSON", "Content type", "text/html"),
        ({"status": 503}, "No instance is ready", "Status", "503"),
        ({"status": 504, "headers": BLUE}, "No answer in time", "request_timeout_ms of blue", "6,000 ms"),
    ],
    ids=lambda value: str(value["status"]) if isinstance(value, dict) else None,
)  # fmt: skip
def test_every_status_has_its_card(
    conn: Connection,
    served: str,
    split: Write,
    fault: Fault,
    answer: dict[str, Any],
    title: str,
    label: str,
    value: str,
) -> None:
    fault(path=f"/endpoints/{served}/score", **answer)

    outcome, shown = failing(conn, served)

    assert isinstance(outcome, Answer)
    assert (outcome.status, shown.title) == (answer["status"], title)
    assert dict(shown.numbers)[label] == value
    assert shown.next_steps


@pytest.mark.parametrize(
    ("trouble", "title"),
    [
        ({"connection": "reset"}, "No answer"),
        ({"connection": "lost"}, "No answer"),
        ({"connection": "half"}, "No answer"),
        ({"delay_seconds": 3}, "No answer in time"),
    ],
)
def test_no_answer_has_its_card(
    conn: Connection, served: str, split: Write, fault: Fault, trouble: dict[str, Any], title: str
) -> None:
    fault(path=f"/endpoints/{served}/score", **trouble)

    _, shown = failing(conn, served, replace(BODY, timeout_seconds=1.0 if "delay_seconds" in trouble else 20))

    assert shown.title == title
    if "delay_seconds" in trouble:
        assert dict(shown.numbers)["request_timeout_ms of blue"] == "6,000 ms"
        assert "blue may take 6,000 ms before Azure ends it" in shown.cause


def test_a_script_that_fails_says_itself_why(conn: Connection, served: str, split: Write) -> None:
    request = replace(BODY, body=b'{"data": ["three"]}', deployment="green")
    failing(conn, served, replace(request, body=b'{"nothing": 1}'))

    outcome, shown = failing(conn, served, request)
    # The output of a container arrives a moment after its answer.
    endpoint, deadline = get_endpoint(conn, served), time.monotonic() + 60
    while "ValueError: whole numbers expected" not in shown.log_lines:
        assert time.monotonic() < deadline, shown
        shown = explain(conn, endpoint, list_deployments(conn, served), request, outcome) or shown

    assert isinstance(outcome, Answer)
    assert shown.title == "The model failed"
    assert shown.cause.endswith("It says: ValueError: whole numbers expected")
    assert dict(shown.numbers)["Model status"] == "500"
    assert dict(shown.numbers)["Model time"].endswith(" ms")
    assert "ValueError: whole numbers expected" in shown.log_lines
    assert "KeyError" not in shown.log_lines, "the request before has lines of its own"
    assert shown.log_note.startswith("Container log of green. The lines of this request")


def test_a_form_as_curl_sends_it_names_the_content_type(conn: Connection, served: str, split: Write) -> None:
    _, shown = failing(conn, served, replace(BODY, content_type="application/x-www-form-urlencoded"))

    assert "application/x-www-form-urlencoded" in shown.next_steps[0]


def test_who_may_not_read_the_log_still_gets_the_card(
    conn: Connection, connect_to: Callable[..., Connection], local_azure: LocalAzure, served: str, split: Write
) -> None:
    request = replace(BODY, body=b'{"data": ["three"]}')
    outcome, _ = failing(conn, served, request)
    reader = connect_to(local_azure, role="reader")

    shown = explain(reader, get_endpoint(reader, served), list_deployments(reader, served), request, outcome)

    assert shown is not None
    assert (shown.title, shown.log_lines) == ("The model failed", "")
    assert shown.log_note.startswith("The log of blue could not be read.")


def test_nobody_to_answer(conn: Connection, served: str, split: Write) -> None:
    split({})

    idle = failing(conn, served)[1]
    unknown = failing(conn, served, replace(BODY, deployment="violet"))[1]

    assert (idle.title, dict(idle.numbers)["Live traffic"]) == ("No live traffic", "none")
    assert unknown.title == "No such deployment"
    # Other tests may have made more of them.
    names = [each.name for each in list_deployments(conn, served)]
    assert {"blue", "green"} <= set(names)
    assert unknown.next_steps == (f"Choose one of {', '.join(names)}.",)


def test_an_endpoint_without_any_deployment(conn: Connection, local_azure: LocalAzure) -> None:
    name = "bare-for-cards"
    local_azure.control("POST", "seed", {"endpoints": [{"name": name, "deployments": []}]}).raise_for_status()

    outcome, shown = failing(conn, name)

    assert isinstance(outcome, Answer)
    assert (outcome.status, shown.title) == (404, "No deployment")


def test_good_answers_and_failures_that_say_everything_have_no_card(
    conn: Connection, served: str, split: Write
) -> None:
    endpoint = get_endpoint(conn, served)

    assert explain(conn, endpoint, [], BODY, send(conn, endpoint, BODY)) is None
    assert explain(conn, endpoint, [], BODY, SluiceError("A.", "B.", "C.")) is None


@pytest.mark.parametrize("mode", ["AMLToken", "AADToken"])
def test_a_token_is_fetched_scored_with_and_its_end_is_known(
    conn: Connection, served: str, auth_mode: Callable[[str], None], fault: Fault, mode: str
) -> None:
    auth_mode(mode)
    endpoint = get_endpoint(conn, served)
    assert bearer_state(conn, endpoint) is None

    first = send(conn, endpoint, BODY)
    state = bearer_state(conn, endpoint)
    fault(path=f"/endpoints/{served}/score", status=401, times=1)
    second = send(conn, endpoint, BODY)

    assert (first.status, first.attempts) == (200, 1)
    assert (second.status, second.attempts) == (200, 2)
    assert state is not None
    assert state.expires_at is not None
    assert first.started_at is not None
    assert state.expires_at > first.started_at


def test_a_token_that_stays_refused_is_explained(
    conn: Connection, served: str, auth_mode: Callable[[str], None], fault: Fault
) -> None:
    auth_mode("AMLToken")
    fault(path=f"/endpoints/{served}/score", status=401, message="aml_token_auth_access_denied")
    _, shown = failing(conn, served)

    assert shown.title == "The token was not accepted"
    assert dict(shown.numbers)["Auth mode"] == "aml_token"
    assert "clock" in shown.next_steps[0]


def test_an_identity_without_the_right_to_score(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, served: str, auth_mode: Callable[[str], None]
) -> None:
    auth_mode("AADToken")
    reader = connect_to(local_azure, role="reader")

    outcome, shown = failing(reader, served)

    assert isinstance(outcome, Answer)
    assert (outcome.status, shown.title) == (403, "The identity may not score")
    assert "onlineEndpoints/score/action" in shown.next_steps[0]
