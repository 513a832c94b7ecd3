"""Days at one point per minute are read piece by piece, and are the same as the pieces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.metrics import deployment_metrics, window_for
from tests.contract.history import seed
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MINUTES = 30
DAY = 24 * 60


def test_three_days_of_minutes_have_every_minute_on_both_sides_of_a_piece(
    conn: Connection, served: str, local_azure: LocalAzure
) -> None:
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=11)
    seed(local_azure, served, end - timedelta(days=2, minutes=MINUTES // 2), MINUTES)

    found = deployment_metrics(conn, endpoint, deployments, window_for(3 * DAY, end, 60))

    assert found.window.grain_seconds == 60
    assert (found.latency_problem, found.requests_problem) == (None, None)
    blue = found.requests[found.requests["deployment"] == "blue"]
    assert blue.groupby("status")["count"].sum().to_dict() == {"200": 9 * MINUTES, "424": MINUTES}
    assert blue["at"].nunique() == MINUTES
    assert not found.latency.duplicated(["at", "deployment", "percentile"]).any()
    assert found.latency["at"].nunique() == MINUTES
