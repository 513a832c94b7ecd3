"""The batch service and its fallback answer the same; what is refused once is not asked again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, ENDPOINT_NAMESPACE, read_metrics
from services.errors import RuleBroken, Unreachable
from services.metrics import window_for
from services.model import Series
from tests.contract.history import SERVED, seed
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


def test_a_metric_that_does_not_exist_is_azures_refusal(conn: Connection, past: datetime) -> None:
    with pytest.raises(RuleBroken, match="Nonsense"):
        read(conn, "blue", metric="Nonsense")


def test_a_dead_monitor_is_unreachable_and_not_remembered(connect_to: Connect, local_azure: LocalAzure) -> None:
    conn = connect_to(local_azure, SLUICE_METRICS_ENDPOINT="https://localhost:9")

    with pytest.raises(Unreachable):
        read(conn, "blue")
    assert not refusals(conn)
