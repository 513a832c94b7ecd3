"""Which metrics exist is asked of Azure, and each chart knows what is wrong with its own source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.azure.metric_definitions import definitions
from services.errors import SluiceError
from services.metrics import (
    RESOURCES,
    TRAFFIC,
    GroupData,
    PanelData,
    deployment_metrics,
    group_metrics,
    window_for,
)
from tests.contract.history import seed
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MINUTES = 10


@pytest.fixture(scope="module")
def past(local_azure: LocalAzure, served: str) -> datetime:
    """The end of ten minutes of known requests, eleven days ago."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=11)
    seed(local_azure, served, start, MINUTES)
    return start + timedelta(minutes=MINUTES)


def read(conn: Connection, served: str, group: str, past: datetime) -> GroupData:
    deployments = list_deployments(conn, served)
    return group_metrics(conn, get_endpoint(conn, served), deployments, group, window_for(MINUTES, past), past)


def panel(group: GroupData, metric: str) -> PanelData:
    (found,) = [each for each in group.panels if each.panel.metric == metric]
    return found


def test_definitions_are_asked_once_an_hour(conn: Connection, served: str, fault: Callable[..., None]) -> None:
    endpoint = get_endpoint(conn, served)
    first = definitions(conn, endpoint.id)
    fault(path="/subscriptions/*/metricDefinitions*", status=422)

    assert definitions(conn, endpoint.id) == first
    assert "NetworkBytes" in [each.name for each in first]
    with pytest.raises(SluiceError):
        definitions(conn, list_deployments(conn, served)[0].id)


def test_the_mean_of_live_requests_is_read_at_the_endpoint(conn: Connection, served: str, past: datetime) -> None:
    rows = panel(read(conn, served, TRAFFIC, past), "RequestLatency").rows

    assert set(rows["deployment"]) == {"blue"}
    assert rows["value"].tolist() == pytest.approx([55.0] * MINUTES)


def test_resources_without_data_have_no_rows_and_no_zeros(conn: Connection, served: str, past: datetime) -> None:
    group = read(conn, served, RESOURCES, past)

    assert {each.panel.metric for each in group.panels} >= {"CpuUtilizationPercentage", "GpuUtilizationPercentage"}
    assert all(each.rows.empty and each.problem is None for each in group.panels)


def test_one_source_that_fails_leaves_the_other_charts(
    conn: Connection, served: str, past: datetime, fault: Callable[..., None]
) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    read(conn, served, TRAFFIC, past)
    # Both are asked at once. The rates are asked again, for their means alone: two refusals fail one of the two,
    # whichever comes first.
    fault(path="/subscriptions/*getBatch*", status=422, code="Odd", message="Not today.", times=2)

    found = deployment_metrics(conn, endpoint, deployments, window_for(MINUTES, past))

    problems = [each for each in (found.requests_problem, found.latency_problem) if each]
    assert ["Not today." in each.why for each in problems] == [True]
    assert found.latency.empty is (found.latency_problem is not None)
    assert found.requests.empty is (found.requests_problem is not None)


def test_when_neither_source_answers_the_reading_fails(
    conn: Connection, served: str, past: datetime, fault: Callable[..., None]
) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    fault(path="/subscriptions/*getBatch*", status=422)

    with pytest.raises(SluiceError):
        deployment_metrics(conn, endpoint, deployments, window_for(MINUTES, past))
