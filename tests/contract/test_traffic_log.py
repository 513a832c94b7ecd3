"""The traffic log read from the Log Analytics of a local Azure, against the requests that were put there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.azure import endpoints
from services.azure.connection import Connection
from services.azure.log_analytics import QueryRefused, ask
from services.errors import AccessDenied, RuleBroken, ServiceFailed, Throttled
from services.logs import traffic_log
from services.logs.traffic_log import Reading, Wanted
from services.model import Endpoint
from services.statuses import StatusSets
from tests.contract.history import row
from tests.contract.monitor_clients import TABLES, past, seed, set_switches, switch_logs_on
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAME, SILENT = "told", "untold"
TRAFFIC = TABLES[0]
MINUTES = 10
STATUSES = (200, 200, 200, 400, 408, 424, 429, 503)


@pytest.fixture(scope="module")
def told(local_azure: LocalAzure) -> datetime:
    """The minute of the first of ten minutes of requests: eight to blue with all kinds of statuses, and a mirrored
    one to green."""
    made = {"deployments": ["blue", "green"], "traffic": {"blue": 100}, "mirrorTraffic": {"green": 20}}
    seed(local_azure, endpoints=[{"name": NAME, **made}, {"name": SILENT, **made}])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{NAME}", TRAFFIC, ago=3600)
    first = past(MINUTES)
    rows = []
    for minute in range(MINUTES):
        at = first + timedelta(minutes=minute)
        for number, status in enumerate(STATUSES):
            one = row(at + timedelta(seconds=number), NAME, "blue", status, 10.0 * (number + 1))
            rows.append({**one, "request_id": f"id-{minute}-{number}", "client_request_id": f"mine-{minute}-{number}"})
        rows.append({**row(at, NAME, "green", 200, 40.0, kind="mirror"), "request_id": f"id-{minute}-0"})
    seed(local_azure, rows=rows)
    return first


@pytest.fixture
def read(conn: Connection, told: datetime) -> Callable[..., Reading]:
    """Reads what is wanted of the endpoint with rows."""
    endpoint = endpoints.get_endpoint(conn, NAME)
    return lambda **wanted: traffic_log.read(conn, endpoint, Wanted(**wanted))


def test_every_request_is_a_row_the_newest_first(read: Callable[..., Reading], told: datetime) -> None:
    found = read()
    assert found.total == len(found.requests) == MINUTES * len(STATUSES)
    assert not found.is_cut
    assert [each.at for each in found.requests] == sorted((each.at for each in found.requests), reverse=True)
    last = found.requests[-1]
    assert (last.at, last.deployment, last.status) == (told, "blue", 200)
    assert (last.request_id, last.client_request_id) == ("id-0-0", "mine-0-0")
    assert last.total_ms == 10.0
    assert last.columns["UserAgent"] == "test"
    assert sum(each.has_failed for each in found.requests) == MINUTES * 5
    assert found.newest_at == found.requests[0].at


@pytest.mark.parametrize(
    ("statuses", "of_each_minute"),
    [
        (("2xx",), 3),
        (("4xx",), 4),
        (("5xx",), 1),
        (("server errors",), 4),
        (("client errors",), 1),
        (("424",), 1),
        (("424", "2xx"), 4),
        (("3xx",), 0),
    ],
)
def test_statuses_narrow_the_rows(read: Callable[..., Reading], statuses: tuple[str, ...], of_each_minute: int) -> None:
    found = read(statuses=statuses)
    assert found.total == len(found.requests) == MINUTES * of_each_minute
    assert found.newest_at is not None


def test_other_sets_of_errors_choose_other_rows(read: Callable[..., Reading]) -> None:
    sets = StatusSets.of("424", "5xx,429")
    found = {kind: read(statuses=(kind,), errors=sets).requests for kind in ("server errors", "client errors")}
    assert {each.status for each in found["server errors"]} == {424}
    assert all(sets.is_client_error(str(each.status)) for each in found["client errors"])
    assert found["client errors"]


def test_a_time_leads_to_the_requests_of_that_minute(read: Callable[..., Reading], told: datetime) -> None:
    since = told + timedelta(minutes=3)
    found = read(since=since, until=since + timedelta(minutes=1))
    assert {each.at.replace(second=0) for each in found.requests} == {since}
    assert found.total == len(STATUSES)
    assert read(since=told - timedelta(minutes=30), until=told).total == 0


def test_one_request_is_found_by_either_id_and_text_stays_text(read: Callable[..., Reading]) -> None:
    assert [each.client_request_id for each in read(request_id="ID-2-1").requests] == ["mine-2-1"]
    assert [each.request_id for each in read(request_id="mine-2-5").requests] == ["id-2-5"]
    assert read(request_id='" or "1" == "1').total == 0
    assert read(deployments=("BLUE", "green")).total == MINUTES * len(STATUSES)
    assert read(deployments=('") or ("1" == "1',)).total == 0


def test_mirrored_copies_are_rows_where_azure_logs_them(local_azure: LocalAzure, read: Callable[..., Reading]) -> None:
    set_switches(local_azure, shadow_in_traffic_log=True)
    try:
        found = read(request_id="id-4-0")
        assert {each.deployment for each in found.requests} == {"blue", "green"}
        assert traffic_log.deployments_in(found.requests) == {"blue", "green"}
    finally:
        set_switches(local_azure, shadow_in_traffic_log=False)
    assert read(deployments=("green",)).total == 0


def test_late_rows_make_the_newest_row_old(
    local_azure: LocalAzure, read: Callable[..., Reading], told: datetime
) -> None:
    shown_until = told + timedelta(minutes=MINUTES // 2)
    delay = (datetime.now(UTC) - shown_until).total_seconds()
    set_switches(local_azure, log_delay_seconds=delay)
    try:
        found = read()
        assert found.newest_at is not None
        assert found.newest_at <= datetime.now(UTC) - timedelta(seconds=delay)
        assert 0 < found.total < MINUTES * len(STATUSES)
    finally:
        set_switches(local_azure, log_delay_seconds=0)


def test_the_clock_of_this_machine_does_not_count(local_azure: LocalAzure, read: Callable[..., Reading]) -> None:
    set_switches(local_azure, clock_shift_seconds=7200)
    try:
        assert read(span=timedelta(hours=1)).total == 0
        assert read(span=timedelta(hours=3)).total == MINUTES * len(STATUSES)
    finally:
        set_switches(local_azure, clock_shift_seconds=0)


def test_more_rows_than_are_read_are_said(read: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_log, "MOST_ROWS", 7)
    found = read()
    assert len(found.requests) == 7
    assert found.is_cut
    assert found.total == MINUTES * len(STATUSES)


def test_an_endpoint_whose_log_is_not_sent_has_no_rows(conn: Connection, told: datetime) -> None:
    found = traffic_log.read(conn, endpoints.get_endpoint(conn, SILENT), Wanted())
    assert found == Reading((), 0, None)


def test_no_workspace_has_to_be_named(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, told: datetime
) -> None:
    conn = connect_to(local_azure, "reader", SLUICE_LOG_WORKSPACE_ID="")
    assert traffic_log.read(conn, endpoints.get_endpoint(conn, NAME), Wanted()).requests


def test_times_that_cannot_be_are_refused() -> None:
    now = datetime.now(UTC)
    with pytest.raises(RuleBroken):
        Wanted(since=now)
    with pytest.raises(RuleBroken):
        Wanted(since=now, until=now)


@pytest.mark.parametrize(("status", "kind"), [(403, AccessDenied), (429, Throttled), (500, ServiceFailed)])
def test_failures_are_told_in_words(
    read: Callable[..., Reading], fault: Callable[..., None], status: int, kind: type[Exception]
) -> None:
    fault(path="/v1/*", status=status)
    with pytest.raises(kind, match=f"The traffic log of {NAME} could not be read."):
        read()


@pytest.mark.parametrize(
    ("kql", "line", "column"),
    [("AmlOnlineEndpointTrafficLog\n| wher x == 1", 2, 1), ("Nowhere | take 1", None, None)],
)
def test_a_query_that_cannot_be_run_says_where(
    conn: Connection, told: datetime, kql: str, line: int | None, column: int | None
) -> None:
    with pytest.raises(QueryRefused) as caught:
        ask(conn, "The query failed.", endpoint_of(conn).id, kql)
    if line is not None:
        assert (caught.value.line, caught.value.column) == (line, column)
    assert "BadArgument" not in caught.value.why
    assert "some invalid properties" not in caught.value.why


def test_a_partial_answer_keeps_its_rows_and_says_why(
    conn: Connection, told: datetime, fault: Callable[..., None]
) -> None:
    inner = {"code": "-2133196797", "message": "The results of this query exceed the set limit of 64000000 bytes."}
    wrong = {"code": "EngineError", "message": "Something went wrong.", "innererror": inner}
    table = {"name": "PrimaryResult", "columns": [{"name": "x", "type": "long"}], "rows": [[1], [2]]}
    partial = {"code": "PartialError", "message": "There were some errors.", "details": [wrong]}
    endpoint = endpoint_of(conn)
    fault(path="/v1/*", status=200, body={"tables": [table], "error": partial})
    found = ask(conn, "x", endpoint.id, "range x from 1 to 9 step 1")
    assert found.records() == [{"x": 1}, {"x": 2}]
    assert found.partial == "The results of this query exceed the set limit of 64000000 bytes"


def endpoint_of(conn: Connection) -> Endpoint:
    return endpoints.get_endpoint(conn, NAME)
