"""Frames and summaries from the platform metrics of requests whose truth is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.metrics import PERCENTILES, deployment_metrics, deployment_summaries, window_for
from tests.contract.history import seed
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MINUTES = 20


@pytest.fixture(scope="module")
def past(local_azure: LocalAzure, served: str) -> datetime:
    """The whole minute after twenty minutes of known requests, two days ago."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
    seed(local_azure, served, start, MINUTES)
    return start + timedelta(minutes=MINUTES)


def test_each_deployment_has_its_percentiles_per_minute(conn: Connection, served: str, past: datetime) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)

    latency = deployment_metrics(conn, endpoint, deployments, window_for(MINUTES, past)).latency

    assert list(latency.columns) == ["at", "deployment", "percentile", "ms"]
    assert str(latency["at"].dtype).endswith("UTC]")
    assert set(latency["percentile"]) == set(PERCENTILES)
    assert len(latency) == MINUTES * len(PERCENTILES) * 2
    mean = latency.groupby(["deployment", "percentile"])["ms"].mean()
    assert mean["blue", "P50"] == pytest.approx(50, rel=0.15)
    assert mean["blue", "P99"] == pytest.approx(100, rel=0.15)
    assert mean["green", "P95"] == pytest.approx(40, rel=0.15)


def test_requests_are_counted_by_status_mirrored_ones_included(conn: Connection, served: str, past: datetime) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)

    requests = deployment_metrics(conn, endpoint, deployments, window_for(MINUTES, past)).requests

    total = requests.groupby(["deployment", "status"])["count"].sum().to_dict()
    assert list(requests.columns) == ["at", "deployment", "status", "count", "per_minute"]
    assert total == {("blue", "200"): 9 * MINUTES, ("blue", "424"): MINUTES, ("green", "200"): 2 * MINUTES}


def test_minutes_without_requests_are_absent_and_not_zero(conn: Connection, served: str, past: datetime) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    window = window_for(3 * MINUTES, past + timedelta(minutes=MINUTES))

    found = deployment_metrics(conn, endpoint, deployments, window)

    assert found.latency["at"].min() == past - timedelta(minutes=MINUTES)
    assert found.latency["at"].max() == past - timedelta(minutes=1)
    assert found.requests["at"].max() < past


def test_nothing_at_all_is_an_empty_frame_of_the_same_shape(conn: Connection, served: str, past: datetime) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)

    found = deployment_metrics(conn, endpoint, deployments, window_for(30, past - timedelta(days=5)))

    assert found.latency.empty
    assert list(found.requests.columns) == ["at", "deployment", "status", "count", "per_minute"]
    assert str(found.requests["at"].dtype).endswith("UTC]")


def test_a_month_is_read_in_hours(conn: Connection, served: str, past: datetime) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    window = window_for(30 * 24 * 60, past + timedelta(hours=1))

    found = deployment_metrics(conn, endpoint, deployments, window)

    assert window.grain_seconds == 3600
    hours = set(found.latency["at"])
    assert all(at.minute == 0 for at in hours)
    # Other requests of this month may be there too.
    assert {
        minute.replace(minute=0) for minute in (past - timedelta(minutes=MINUTES), past - timedelta(minutes=1))
    } <= hours


def test_each_deployment_is_summed_up_with_its_mirrored_requests(conn: Connection, served: str, past: datetime) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)

    found = deployment_summaries(conn, endpoint, deployments, past + timedelta(minutes=1))

    assert found["blue"].requests_per_minute == pytest.approx(10)
    assert found["blue"].error_percent == pytest.approx(10)
    assert found["green"].requests_per_minute == pytest.approx(2)
    assert found["green"].error_percent == 0
    assert found["green"].p95_ms == pytest.approx(40, rel=0.15)


def test_no_requests_are_no_data_and_not_zero(conn: Connection, served: str, past: datetime) -> None:
    long_ago = past - timedelta(days=5)
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)

    summary = deployment_summaries(conn, endpoint, deployments, long_ago)["blue"]

    assert (summary.requests_per_minute, summary.p95_ms, summary.error_percent) == (None, None, None)
    assert summary.window.end_at == long_ago - timedelta(minutes=2)


def test_no_deployments_need_no_request(conn: Connection, served: str, past: datetime) -> None:
    endpoint = get_endpoint(conn, served)

    assert deployment_summaries(conn, endpoint, [], past) == {}
    assert deployment_metrics(conn, endpoint, [], window_for(30, past)).latency.empty
