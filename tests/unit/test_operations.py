"""Waiting for a long-running operation, and reading lists in pages: what the local Azure never answers, scripted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseTimeoutError

from services.azure.connection import Connection, Reply
from services.azure.endpoints import list_endpoints, write_split
from services.azure.operations import LONGEST_SECONDS, wait_for
from services.azure.translation import Call, translated
from services.errors import Conflict, RuleBroken, ServiceFailed, SluiceError, Timeout, Unreachable
from services.model import Split

CALL = Call("The split of digits was not changed.")
LOST = "What became of it is not known."
OPERATION = "https://management.azure.com/operations/1"
Poll = dict[str, Any] | SluiceError


@dataclass
class Scripted:
    """A connection that answers from a list, and a clock that moves when somebody sleeps."""

    polls: list[Poll]
    retry_after: str = ""
    asked: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    workspace_path: str = "/w"
    put_fails: Exception | None = None

    def send(self, method: str, path: str, call: Call, *, api_version: str, **_options: Any) -> Reply:
        assert api_version
        if method == "PUT" and self.put_fails:
            with translated(call):
                raise self.put_fails
        self.asked.append(path)
        poll = self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]
        if isinstance(poll, SluiceError):
            raise poll
        return Reply(200, {"Retry-After": self.retry_after, "x-ms-request-id": "r-1"}, poll)

    def clock(self) -> float:
        return sum(self.slept)

    def call(self, what: str, _role: str = "") -> Call:
        return Call(what)


def wait(scripted: Scripted, operation: str | None = OPERATION) -> None:
    reply = Reply(200, {"Azure-AsyncOperation": operation} if operation else {}, {})
    conn = cast(Connection, scripted)
    wait_for(
        conn, reply, "/e/digits", CALL, lost=LOST, api_version="v", clock=scripted.clock, sleep=scripted.slept.append
    )


def test_an_operation_is_polled_until_it_succeeds_as_often_as_azure_asks() -> None:
    scripted = Scripted([{"status": "InProgress"}, {"status": "InProgress"}, {"status": "Succeeded"}], "0.5")
    wait(scripted)

    assert scripted.asked == [OPERATION] * 3
    assert scripted.slept == [0.5, 0.5]


def test_without_an_operations_address_the_resource_itself_is_polled() -> None:
    states = ("Updating", "Succeeded")
    scripted = Scripted([{"properties": {"provisioningState": state}} for state in states])
    wait(scripted, operation=None)

    assert scripted.asked == ["/e/digits"] * 2
    assert scripted.slept == [2.0]


@pytest.mark.parametrize(("code", "kind"), [("BadArgument", RuleBroken), ("InternalServerError", ServiceFailed)])
def test_a_failed_operation_says_what_azure_says(code: str, kind: type[SluiceError]) -> None:
    with pytest.raises(kind) as caught:
        wait(Scripted([{"status": "Failed", "error": {"code": code, "message": "\x1b[31mNo\x1b[0m."}}]))

    assert caught.value.why == f"Azure began the operation and it failed ({code}): No."
    assert caught.value.request_id == "r-1"


def test_a_canceled_operation_is_a_conflict() -> None:
    with pytest.raises(Conflict):
        wait(Scripted([{"status": "Canceled"}]))


def test_a_poll_without_an_answer_does_not_end_the_waiting() -> None:
    scripted = Scripted([Unreachable("a.", "b.", "c."), Timeout("a.", "b.", "c."), {"status": "Succeeded"}])
    wait(scripted)

    assert len(scripted.asked) == 3


def test_the_waiting_has_an_end() -> None:
    scripted = Scripted([{"status": "InProgress"}], "9999")

    with pytest.raises(Timeout, match="still InProgress after 15 minutes"):
        wait(scripted)
    assert LONGEST_SECONDS <= sum(scripted.slept) <= LONGEST_SECONDS + 30


def test_an_azure_that_stays_away_is_unreachable_in_the_end() -> None:
    with pytest.raises(Unreachable):
        wait(Scripted([Unreachable("a.", "b.", "c.")]))


def test_long_lists_are_read_page_by_page() -> None:
    scripted = Scripted([{"value": [{"name": "b"}], "nextLink": "https://x/2"}, {"value": [{"name": "a"}]}])

    assert [endpoint.name for endpoint in list_endpoints(cast(Connection, scripted))] == ["a", "b"]
    assert scripted.asked == ["/w/onlineEndpoints", "https://x/2"]


def test_an_accepted_operation_out_of_sight_is_not_called_unchanged() -> None:
    with pytest.raises(Timeout) as unfinished:
        wait(Scripted([{"status": "InProgress"}]))
    assert unfinished.value.what == LOST


@pytest.mark.parametrize(
    ("cause", "what"),
    [
        (ServiceResponseTimeoutError("read timed out"), "The new split of digits was sent to Azure, but what became"),
        (ServiceRequestError("connection refused"), "The split of digits was not changed."),
    ],
)
def test_a_write_without_an_answer_says_whether_azure_can_have_it(cause: Exception, what: str) -> None:
    document = {"name": "digits", "properties": {"traffic": {"blue": 100}}}
    conn = cast(Connection, Scripted([document], put_fails=cause))
    with pytest.raises((Timeout, Unreachable)) as failed:
        write_split(conn, "digits", Split({"blue": 100}), Split({"green": 100}))
    assert failed.value.what.startswith(what)
