"""Long-running operations, writes in doubt, and lists in pages: what the local Azure never answers, scripted."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import requests
from azure.core.exceptions import (
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from services.azure.connection import Connection, Reply
from services.azure.endpoints import list_endpoints, poll_split, send_split
from services.azure.operations import Poll
from services.azure.translation import Call, translated
from services.errors import Conflict, RuleBroken, ServiceFailed, SluiceError, Unreachable
from services.model import Split
from tests.values import endpoint

OPERATION = "https://management.azure.com/operations/1"
Answer = dict[str, Any] | SluiceError


@dataclass
class Scripted:
    """A connection that answers from a list."""

    polls: list[Answer]
    retry_after: str = ""
    asked: list[str] = field(default_factory=list)
    workspace_path: str = "/w"
    put_fails: Exception | None = None
    put_answers: Any = None

    def pages(self, path: str, call: Call, *, api_version: str) -> Iterator[Any]:
        return Connection.pages(cast(Connection, self), path, call, api_version=api_version)

    def send(self, method: str, path: str, call: Call, *, api_version: str, **_options: Any) -> Reply:
        assert api_version
        if method == "PUT":
            with translated(call):
                if self.put_fails:
                    raise self.put_fails
            return Reply(200, {"Azure-AsyncOperation": OPERATION}, self.put_answers)
        self.asked.append(path)
        answer = self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]
        if isinstance(answer, SluiceError):
            raise answer
        return Reply(200, {"Retry-After": self.retry_after, "x-ms-request-id": "r-1"}, answer)

    def call(self, what: str, _role: str = "") -> Call:
        return Call(what)


def look(answer: Answer, operation: str = OPERATION, retry_after: str = "") -> Poll:
    return poll_split(cast(Connection, Scripted([answer], retry_after)), endpoint(), operation)


def test_an_operation_says_how_far_it_is_and_when_to_look_again() -> None:
    assert look({"status": "InProgress"}, retry_after="0.5") == Poll("InProgress", retry_after_seconds=0.5)
    assert look({"status": "Succeeded"}).has_succeeded


@pytest.mark.parametrize(
    ("state", "has_ended"), [("Updating", False), ("Succeeded", True), ("Failed", True), ("Canceled", True)]
)
def test_without_an_operations_address_the_resource_itself_tells(state: str, has_ended: bool) -> None:
    scripted = Scripted([{"properties": {"provisioningState": state}}])
    found = poll_split(cast(Connection, scripted), endpoint(), "")

    assert found.has_ended == has_ended
    assert scripted.asked == ["/w/onlineEndpoints/digits"]


@pytest.mark.parametrize(("code", "kind"), [("BadArgument", RuleBroken), ("InternalServerError", ServiceFailed)])
def test_a_failed_operation_says_what_azure_says(code: str, kind: type[SluiceError]) -> None:
    failure = look({"status": "Failed", "error": {"code": code, "message": "\x1b[31mNo\x1b[0m."}}).failure

    assert isinstance(failure, kind)
    assert failure.why == f"Azure began the operation and it failed ({code}): No."
    assert failure.request_id == "r-1"


def test_a_canceled_operation_is_a_conflict() -> None:
    assert isinstance(look({"status": "Canceled"}).failure, Conflict)


@pytest.mark.parametrize("answer", [{"status": "Failed", "error": "odd"}, {"status": None}])
def test_odd_answers_about_an_operation_do_no_harm(answer: Any) -> None:
    assert not look(answer).has_succeeded


@pytest.mark.parametrize("operation", [OPERATION, ""])
def test_an_answer_that_is_no_object_is_azures_failure(operation: str) -> None:
    with pytest.raises(ServiceFailed):
        look(cast(Any, []), operation)


def test_a_poll_without_an_answer_is_the_callers_affair() -> None:
    with pytest.raises(Unreachable):
        look(Unreachable("a.", "b.", "c."))


def test_long_lists_are_read_page_by_page() -> None:
    scripted = Scripted([{"value": [{"name": "b"}], "nextLink": "https://x/2"}, {"value": [{"name": "a"}]}])

    assert [endpoint.name for endpoint in list_endpoints(cast(Connection, scripted))] == ["a", "b"]
    assert scripted.asked == ["/w/onlineEndpoints", "https://x/2"]


def gave_up(reason: Exception) -> MaxRetryError:
    return MaxRetryError(cast(Any, None), "/", reason)


REFUSED = requests.ConnectionError(gave_up(NewConnectionError(cast(Any, None), "refused")))
UNTRUSTED = requests.exceptions.SSLError(gave_up(SSLError(ssl.SSLCertVerificationError(1, "not trusted"))))


@pytest.mark.parametrize(
    "cause",
    [
        ServiceRequestError("refused", error=REFUSED),
        ServiceRequestError("not trusted", error=UNTRUSTED),
        ServiceRequestError("slow", error=requests.ConnectTimeout()),
    ],
)
def test_a_write_that_never_left_is_refused(cause: Exception) -> None:
    with pytest.raises(Unreachable) as failed:
        send_split(cast(Connection, Scripted([], put_fails=cause)), endpoint(), Split({"green": 100}))
    assert failed.value.what == "The split of digits was not changed."


@pytest.mark.parametrize(
    "cause",
    [
        ServiceResponseTimeoutError("read timed out"),
        ServiceResponseError("connection reset"),
        ServiceRequestError("ssl", error=requests.exceptions.SSLError("bad record while the answer was read")),
        IncompleteReadError("half of the answer"),
    ],
)
def test_a_write_that_may_have_left_is_in_doubt(cause: Exception) -> None:
    sent = send_split(cast(Connection, Scripted([], put_fails=cause)), endpoint(), Split({"green": 100}))

    assert sent.doubt is not None
    assert sent.doubt.what.startswith("The new split of digits was sent to Azure, but what became")


@pytest.mark.parametrize("body", [{}, {"systemData": None}, {"systemData": {"lastModifiedAt": "odd"}}])
def test_an_accepted_write_may_tell_little(body: Any) -> None:
    sent = send_split(cast(Connection, Scripted([], put_answers=body)), endpoint(), Split({"green": 100}))

    assert (sent.operation, sent.modified_at, sent.doubt) == (OPERATION, None, None)


def test_a_write_that_is_answered_with_something_else_is_in_doubt() -> None:
    sent = send_split(cast(Connection, Scripted([], put_answers=[])), endpoint(), Split({"green": 100}))

    assert isinstance(sent.doubt, ServiceFailed)
