"""How late metrics are, measured on a local Azure whose metrics come late on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.metrics import deployment_metrics, window_for
from services.metrics.lag import look_of, meter, newest_end, settled
from tests.contract.history import seed
from tests.contract.monitor_clients import set_switches
from tests.local_azure import LocalAzure

STEP_SECONDS = 60
BEGAN = timedelta(minutes=20)
"""How far the local Azure's clock is behind when the readings begin; it catches up with each of them."""


@pytest.fixture
def switches(local_azure: LocalAzure) -> Iterator[None]:
    """Puts the local Azure's clock and delay back."""
    local_azure.control("DELETE", "faults").raise_for_status()
    yield
    set_switches(local_azure, metric_delay_seconds=0, clock_shift_seconds=0)


@pytest.mark.usefixtures("switches")
@pytest.mark.parametrize(
    ("delay", "looks"),
    [
        pytest.param(80.0, 14, id="shorter than documented: known after ten minutes"),
        pytest.param(200.0, 4, id="longer than documented: known at once"),
    ],
)
def test_the_delay_of_metrics_is_measured_and_gaps_stay_gaps(
    conn: Connection, local_azure: LocalAzure, served: str, delay: float, looks: int
) -> None:
    set_switches(local_azure, metric_delay_seconds=delay)
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    seed(local_azure, served, minute - timedelta(minutes=40), 40)
    # In the middle of a minute: what passes between setting the clock and the answer makes no further minute visible.
    start = minute + timedelta(seconds=30) - BEGAN
    endpoint, deployments = get_endpoint(conn, served), list_deployments(conn, served)
    found = None
    for number in range(looks):
        now = start + timedelta(seconds=number * STEP_SECONDS)
        set_switches(local_azure, clock_shift_seconds=(now - datetime.now(UTC)).total_seconds())
        data = deployment_metrics(conn, endpoint, deployments, window_for(30, now), now)
        look = look_of(data, [each.name for each in deployments], now)
        assert look is not None
        meter(conn, endpoint.id).add(look)
        found = settled(data, meter(conn, endpoint.id).lag(), now)

    lag = meter(conn, endpoint.id.upper()).lag()
    assert found is not None
    newest = newest_end(found)
    assert newest is not None
    assert lag.measured_seconds is not None
    assert delay <= lag.seconds <= delay + STEP_SECONDS + 30
    assert timedelta(seconds=delay) <= now - newest < timedelta(seconds=delay + 61)
    assert found.settled_until <= newest, "a minute that has not come yet is no gap"
    assert not (found.requests["count"] == 0).any()
