"""What the logs of a local Azure know of one minute, against the requests that were put there."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.azure import endpoints
from services.azure.connection import Connection
from services.errors import AccessDenied
from services.logs import minute
from services.logs.minute import MOST_FAILED, MOST_SLOW, Lines, Requests
from services.model import Deployment, Endpoint
from tests.contract.history import row
from tests.contract.monitor_clients import TABLES, past, seed, switch_logs_off, switch_logs_on
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAME, SILENT = "minute-told", "minute-untold"
FAILED, SERVED_WELL = MOST_FAILED + 5, MOST_SLOW + 10


@pytest.fixture(scope="module")
def spike(local_azure: LocalAzure) -> datetime:
    """A minute of many failures, with quiet ones before and after it."""
    local_azure.control("DELETE", "faults").raise_for_status()
    made = {"deployments": ["blue"], "traffic": {"blue": 100}}
    seed(local_azure, endpoints=[{"name": NAME, **made}, {"name": SILENT, **made}])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{NAME}", TABLES[0], ago=3600)
    at = past(30)
    rows = []
    for number in range(FAILED):
        status = 424 if number % 2 else 400
        one = row(at + timedelta(seconds=number), NAME, "blue", status, 5.0)
        rows.append({**one, "request_id": f"failed-{number}"})
    for number in range(SERVED_WELL):
        one = row(at + timedelta(milliseconds=number), NAME, "blue", 200, 10.0 * (number + 1))
        rows.append({**one, "request_id": f"well-{number}"})
    rows += [row(at + timedelta(minutes=by, seconds=1), NAME, "blue", 503, 9999.0) for by in (-1, 1)]
    seed(local_azure, rows=rows)
    return at


def read(conn: Connection, name: str, at: datetime, minutes: int = 1) -> Requests:
    return minute.read_requests(conn, endpoints.get_endpoint(conn, name), at, at + timedelta(minutes=minutes))


def test_the_requests_are_counted_and_the_failed_and_the_slowest_are_named(conn: Connection, spike: datetime) -> None:
    found = read(conn, NAME, spike)
    assert (found.total, found.failed) == (FAILED + SERVED_WELL, FAILED)
    newest_first = [f"failed-{number}" for number in reversed(range(FAILED))]
    assert [each.request_id for each in found.failing] == newest_first[:MOST_FAILED]
    slowest_first = [f"well-{number}" for number in reversed(range(SERVED_WELL))]
    assert [each.request_id for each in found.slowest] == slowest_first[:MOST_SLOW]
    assert found.newest_at == spike + timedelta(minutes=1, seconds=1), "the log has gone on after the minute"
    assert found.is_sent is True
    assert found.partial == ""


def test_a_longer_point_has_the_requests_of_all_its_minutes(conn: Connection, spike: datetime) -> None:
    found = read(conn, NAME, spike - timedelta(minutes=1), 3)
    assert (found.total, found.failed) == (FAILED + SERVED_WELL + 2, FAILED + 2)


def test_a_minute_without_requests_has_none(conn: Connection, spike: datetime) -> None:
    found = read(conn, NAME, spike + timedelta(minutes=10))
    assert (found.total, found.failed, found.failing, found.slowest) == (0, 0, (), ())
    assert found.newest_at is None


def test_a_log_that_is_not_sent_is_told_from_one_without_rows(conn: Connection, spike: datetime) -> None:
    found = read(conn, SILENT, spike)
    assert (found.total, found.is_sent) == (0, False)


def test_settings_that_cannot_be_read_leave_the_rows(
    conn: Connection, spike: datetime, fault: Callable[..., None]
) -> None:
    fault(path="/subscriptions/*/diagnosticSettings", status=403)
    found = read(conn, NAME, spike)
    assert (found.total, found.is_sent) == (FAILED + SERVED_WELL, None)


def test_rows_that_may_not_be_read_name_the_role(conn: Connection, spike: datetime, fault: Callable[..., None]) -> None:
    fault(path="/v1/*", status=403)
    with pytest.raises(AccessDenied, match="traffic log"):
        read(conn, NAME, spike)


def read_until(
    conn: Connection, endpoint: Endpoint, deployments: list[Deployment], span: tuple[datetime, datetime], text: str
) -> Lines:
    """The lines, once the text is among them: a container's output arrives a moment after its answer."""
    deadline = time.monotonic() + 60
    while True:
        found = minute.read_lines(conn, endpoint, deployments, *span)
        if any(text in each.text for each in found.entries):
            return found
        assert time.monotonic() < deadline, found


def test_the_lines_of_a_minute_come_from_the_live_log(conn: Connection, local_azure: LocalAzure, served: str) -> None:
    now = datetime.now(UTC)
    assert local_azure.score(served, {"data": ["seven"]}).status_code == 424
    endpoint = endpoints.get_endpoint(conn, served)
    deployments = endpoints.list_deployments(conn, served)
    since, until = now - timedelta(minutes=1), now + timedelta(minutes=5)
    found = read_until(conn, endpoint, deployments, (since, until), "whole numbers expected")
    assert found.problems == ()
    assert (
        minute.read_lines(conn, endpoint, deployments, now + timedelta(hours=1), now + timedelta(hours=2)).notes == ()
    )


@pytest.mark.usefixtures("unsent")
def test_lines_from_before_the_live_log_are_said_to_be_missing(conn: Connection, served: str) -> None:
    endpoint = endpoints.get_endpoint(conn, served)
    deployments = endpoints.list_deployments(conn, served)
    long_ago = past(24 * 60)
    found = minute.read_lines(conn, endpoint, deployments, long_ago, long_ago + timedelta(minutes=1))
    assert found.entries == ()
    [note] = found.notes
    assert "begin after this time" in note
    assert "is not sent to Log Analytics" in note


def test_what_the_console_log_has_not_yet_comes_from_the_live_log(
    conn: Connection, local_azure: LocalAzure, served: str, fault: Callable[..., None]
) -> None:
    local_azure.score(served, {"data": [1]}).raise_for_status()
    endpoint = endpoints.get_endpoint(conn, served)
    deployments = [each for each in endpoints.list_deployments(conn, served) if each.name == "blue"]
    since = past(24 * 60)
    columns = [
        ("TimeGenerated", "datetime"),
        *((name, "string") for name in ("DeploymentName", "InstanceId", "Message")),
    ]
    table = {
        "name": "PrimaryResult",
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "rows": [
            [(since + timedelta(seconds=2)).isoformat(), "blue", "one", "ValueError: kept"],
            [(since + timedelta(seconds=1)).isoformat(), "blue", "one", "Traceback (most recent call last):"],
        ],
    }
    partial = {"code": "PartialError", "message": "Too many lines."}
    fault(path="/v1/*", status=200, body={"tables": [table], "error": partial})
    span = (since, datetime.now(UTC) + timedelta(minutes=5))
    found = read_until(conn, endpoint, deployments, span, "POST /score")
    assert found.entries[0].lines == ("Traceback (most recent call last):", "ValueError: kept")
    assert any("POST /score" in each.text for each in found.entries[1:]), "rows come late, the live log has it already"
    assert found.notes == ("Log Analytics left lines out: Too many lines.",)


def test_a_live_log_that_cannot_be_read_is_told_and_the_others_stay(
    conn: Connection, local_azure: LocalAzure, served: str, fault: Callable[..., None]
) -> None:
    local_azure.score(served, {"data": [1]})
    endpoint = endpoints.get_endpoint(conn, served)
    deployments = endpoints.list_deployments(conn, served)
    fault(path="/subscriptions/*/deployments/green/getLogs", status=500)
    now = datetime.now(UTC)
    span = (now - timedelta(minutes=1), now + timedelta(minutes=5))
    found = read_until(conn, endpoint, deployments, span, "POST /score")
    # What another test had sent to Log Analytics in this minute may be there of green.
    assert "blue" in {each.deployment for each in found.entries}
    assert ["log of green" in each.what for each in found.problems] == [True]


def test_lines_come_from_the_console_log_when_the_live_log_fails(
    conn: Connection, local_azure: LocalAzure, served: str, fault: Callable[..., None]
) -> None:
    endpoint = endpoints.get_endpoint(conn, served)
    deployments = [each for each in endpoints.list_deployments(conn, served) if each.name == "blue"]
    switch_logs_on(local_azure, endpoint.id, TABLES[1], name="minute")
    try:
        local_azure.score(served, {"data": ["eight"]})
        fault(path="/subscriptions/*/deployments/blue/getLogs", status=500)
        now = datetime.now(UTC)
        since, until = now - timedelta(minutes=1), now + timedelta(minutes=5)
        deadline = time.monotonic() + 60
        while not (found := minute.read_lines(conn, endpoint, deployments, since, until)).entries:
            assert time.monotonic() < deadline, found
    finally:
        switch_logs_off(local_azure, endpoint.id)
    assert {each.deployment for each in found.entries} == {"blue"}
    assert ["log of blue" in each.what for each in found.problems] == [True]
