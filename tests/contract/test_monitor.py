"""The batch service and its fallback answer the same; what is refused once is not asked again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.connection import Connection
from services.azure.metric_answers import total_of
from services.azure.monitor import DEPLOYMENT_NAMESPACE, ENDPOINT_NAMESPACE, read_metrics
from services.errors import RuleBroken, Unreachable
from services.metrics import window_for
from services.model import Series, Window
from tests.contract.history import SERVED, seed
from tests.contract.monitor_clients import set_switches
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

Connect = Callable[..., Connection]
NOW = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=3)


@pytest.fixture(scope="module")
def past(local_azure: LocalAzure, served: str) -> datetime:
    """The end of ten minutes of known requests to the served endpoint."""
    seed(local_azure, served, NOW - timedelta(minutes=10), 10)
    return NOW


def read(conn: Connection, *deployments: str, metric: str = "RequestsPerMinute") -> list[Series]:
    ids = [f"{conn.workspace_path}/onlineEndpoints/{SERVED}/deployments/{name}" for name in deployments]
    split_by = ["envoy_response_code"] if metric == "RequestsPerMinute" else []
    return read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, [metric], window_for(10, NOW), split_by=split_by).series


def refusals(conn: Connection) -> list[tuple[str, ...]]:
    return [key for key in conn.memory if key[:2] == ("monitor", "batch refused")]


def test_series_are_split_by_status_and_know_their_resource(conn: Connection, past: datetime) -> None:
    series = read(conn, "blue", "green")
    found = {(one.resource_id.rsplit("/", 1)[-1], one.dimensions["envoy_response_code"]): one for one in series}

    assert set(found) == {("blue", "200"), ("blue", "424"), ("green", "200")}
    assert sum(value or 0 for value in found["blue", "200"].values) == 90
    assert len(found["blue", "424"].times) == 10
    assert found["blue", "424"].times[0] == past - timedelta(minutes=10)
    assert {one.metric for one in series} == {"RequestsPerMinute"}


def test_one_resource_at_a_time_answers_the_same_as_the_batch(
    connect_to: Connect, local_azure: LocalAzure, past: datetime
) -> None:
    batch, refused = connect_to(local_azure), connect_to(local_azure, SLUICE_METRICS_ENDPOINT=f"{local_azure.url}/none")

    for metric in ("RequestsPerMinute", "RequestLatency_P95"):
        assert read(refused, "blue", "green", metric=metric) == read(batch, "blue", "green", metric=metric)
    assert refusals(refused)
    assert not refusals(batch)


def test_more_resources_than_one_batch_takes_are_read_in_several(conn: Connection, past: datetime) -> None:
    idle = [f"idle-{number}" for number in range(60)]

    series = read(conn, *idle[:55], "blue", *idle[55:])

    assert {one.resource_id.rsplit("/", 1)[-1] for one in series if any(one.values)} == {"blue"}
    assert not refusals(conn)


def test_dimension_names_are_lower_case(conn: Connection, past: datetime) -> None:
    ids = [f"{conn.workspace_path}/onlineEndpoints/{SERVED}"]
    window = window_for(10, NOW)
    split_by = ["deployment", "statusCode", "statusCodeClass", "modelStatusCode"]

    series = read_metrics(conn, ids, ENDPOINT_NAMESPACE, ["RequestsPerMinute"], window, split_by=split_by).series

    assert {tuple(sorted(one.dimensions)) for one in series} == {
        ("deployment", "modelstatuscode", "statuscode", "statuscodeclass")
    }
    assert {one.dimensions["statuscode"] for one in series} == {"200", "424"}


def test_minutes_without_requests_are_none(conn: Connection, past: datetime) -> None:
    ids = [f"{conn.workspace_path}/onlineEndpoints/{SERVED}/deployments/blue"]
    window = window_for(20, NOW)

    (series,) = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, ["RequestLatency_P50"], window).series

    assert series.values[:10] == (None,) * 10
    assert all(value is not None for value in series.values[10:])
    assert series.unit == "MilliSeconds"


def test_counts_come_with_the_totals_of_their_points_and_latencies_without(conn: Connection, past: datetime) -> None:
    ids = [f"{conn.workspace_path}/onlineEndpoints/{SERVED}/deployments/blue"]
    hour = Window(NOW.replace(minute=0) - timedelta(hours=1), NOW, 3600)

    answer = read_metrics(
        conn, ids, DEPLOYMENT_NAMESPACE, ["RequestsPerMinute"], hour, split_by=["envoy_response_code"]
    )

    totals = {one.dimensions["envoy_response_code"]: sum(filter(None, one.totals)) for one in answer.series}
    assert totals == {"200": 90, "424": 10}
    assert {one.totals for one in read(conn, "blue", metric="RequestLatency_P50")} == {()}


@pytest.mark.parametrize("is_batch", [True, False])
def test_where_azure_refuses_totals_the_means_are_asked_alone_from_then_on(
    connect_to: Connect, local_azure: LocalAzure, past: datetime, is_batch: bool
) -> None:
    conn = connect_to(local_azure, **({} if is_batch else {"SLUICE_METRICS_ENDPOINT": f"{local_azure.url}/none"}))
    set_switches(local_azure, undocumented_aggregations=False)
    try:
        refused = read(conn, "blue", "green")
    finally:
        set_switches(local_azure, undocumented_aggregations=True)
    again = read(conn, "blue", "green")

    for series in (refused, again):
        assert {total for one in series for total in one.totals} == {None}
        assert sum(value or 0 for one in series for value in one.values) == 120
    assert bool(refusals(conn)) is not is_batch, "a service that answers means is not taken for one that refuses"


def test_what_is_refused_with_means_too_is_not_remembered_as_missing_totals(
    connect_to: Connect, local_azure: LocalAzure, past: datetime
) -> None:
    conn = connect_to(local_azure)
    with pytest.raises(RuleBroken):
        read(conn, "blue", metric="NonsensePerMinute")
    assert not [key for key in conn.memory if key[:2] == ("monitor", "sums refused")]


def test_what_is_no_number_is_no_data(conn: Connection, past: datetime, fault: Callable[..., None]) -> None:
    resource = f"{conn.workspace_path}/onlineEndpoints/{SERVED}/deployments/blue"
    points = ",".join(
        f'{{"timeStamp":"2026-03-01T12:0{minute}:00Z","average":{mean},"total":{total},"count":1}}'
        for minute, (mean, total) in enumerate([("NaN", "NaN"), ("Infinity", "5"), ("3", "-Infinity"), ("4", "4")])
    )
    metric = f'{{"id":"{resource}/providers/Microsoft.Insights/metrics/RequestsPerMinute","unit":"Count",'
    metric += '"name":{"value":"RequestsPerMinute"},"errorCode":"Success",'
    metric += f'"timeseries":[{{"metadatavalues":[],"data":[{points}]}}]}}'
    body = f'{{"values":[{{"resourceid":"{resource}","interval":"PT1M","value":[{metric}]}}]}}'
    fault(path="/subscriptions/*/metrics:getBatch", status=200, body=body, headers={"content-type": "application/json"})

    (series,) = read(conn, "blue")

    assert series.values == (None, None, 3.0, 4.0)
    assert series.totals == (None, None, 3.0, 4.0)


@pytest.mark.parametrize("is_batch", [True, False])
def test_an_answer_that_names_no_metric_is_not_taken_for_silence(
    connect_to: Connect, local_azure: LocalAzure, past: datetime, fault: Callable[..., None], is_batch: bool
) -> None:
    changes = {} if is_batch else {"SLUICE_METRICS_ENDPOINT": f"{local_azure.url}/none"}
    conn = connect_to(local_azure, **changes)
    resource = f"{conn.workspace_path}/onlineEndpoints/{SERVED}/deployments/blue"
    path = "/subscriptions/*/metrics:getBatch" if is_batch else f"{resource}/providers/Microsoft.Insights/metrics"
    # A metric without data is named, with no series: nothing is missing there.
    before = window_for(10, NOW - timedelta(days=20))
    quiet = read_metrics(conn, [resource], DEPLOYMENT_NAMESPACE, ["RequestLatency_P95"], before)
    fault(path=path, status=200, body={"values": [], "value": []})

    answer = read_metrics(conn, [resource], DEPLOYMENT_NAMESPACE, ["RequestsPerMinute"], window_for(10, NOW))

    assert quiet.notes == ()
    assert answer.series == []
    assert [note.split(":")[0] for note in answer.notes] == [
        "Azure answered, and named none of the metrics that it was asked for"
    ]


@pytest.mark.parametrize(
    ("average", "total", "count", "expected"),
    [
        (2.0, 10.0, 5, 10.0),
        (2.0, None, 5, 10.0),
        (2.0, 0.0, 5, 10.0),
        (2.0, 0.0, 0, None),
        (2.0, None, None, None),
        (0.0, 0.0, 5, 0.0),
        (None, 0.0, 0, None),
        (1 / 3, 1 / 3 - 1e-17, 1, 1 / 3),
    ],
)
def test_a_total_is_believed_where_it_can_be(
    average: float | None, total: float | None, count: float | None, expected: float | None
) -> None:
    assert total_of(average, total, count) == expected


def test_a_metric_that_does_not_exist_is_azures_refusal(conn: Connection, past: datetime) -> None:
    with pytest.raises(RuleBroken, match="Nonsense"):
        read(conn, "blue", metric="Nonsense")


def test_a_dead_monitor_is_unreachable_and_not_remembered(connect_to: Connect, local_azure: LocalAzure) -> None:
    conn = connect_to(local_azure, SLUICE_METRICS_ENDPOINT="https://localhost:9")

    with pytest.raises(Unreachable):
        read(conn, "blue")
    assert not refusals(conn)
