"""A machine whose clock differs from Azure's: what is asked of Azure goes by Azure's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from services.azure.connection import Connection, permissions, workspace
from services.azure.log_analytics import ask
from services.azure.monitor import ENDPOINT_NAMESPACE, read_metrics
from services.metrics import summary_window
from tests.contract.monitor_clients import set_switches
from tests.local_azure import LocalAzure

AHEAD = 300.0
CLOSE = 30.0
"""Seconds that may pass between an answer and a look at the clock here, on a machine that is busy."""


@pytest.fixture
def ahead(local_azure: LocalAzure) -> Iterator[float]:
    """The local Azure's clock is five minutes ahead."""
    local_azure.control("DELETE", "faults").raise_for_status()
    set_switches(local_azure, clock_shift_seconds=AHEAD)
    yield AHEAD
    set_switches(local_azure, clock_shift_seconds=0)


@pytest.mark.usefixtures("ahead")
def test_the_local_azure_dates_its_answers_by_its_own_clock_at_once(local_azure: LocalAzure) -> None:
    said = parsedate_to_datetime(local_azure.control("GET", "health").headers["Date"])
    assert (said - datetime.now(UTC)).total_seconds() == pytest.approx(AHEAD, abs=CLOSE)


@pytest.mark.usefixtures("ahead")
def test_the_connection_learns_azures_time_from_any_answer(conn: Connection) -> None:
    assert conn.now().tzinfo is UTC
    workspace(conn)
    assert conn.clock.ahead_seconds == pytest.approx(AHEAD, abs=CLOSE)
    assert conn.at(conn.workspace).clock is conn.clock


@pytest.mark.usefixtures("served", "ahead")
def test_microsofts_monitor_clients_tell_the_time_too(conn: Connection) -> None:
    resource = f"{conn.workspace_path}/onlineEndpoints/served"
    permissions(conn)
    heard: list[int] = []
    conn.transport.session.hooks["response"].append(lambda answer, *_, **__: heard.append(answer.status_code))
    read_metrics(conn, [resource], ENDPOINT_NAMESPACE, ["RequestsPerMinute"], summary_window(conn.now()))
    ask(conn, "The rows could not be read.", resource, "AmlOnlineEndpointTrafficLog | take 1")
    assert heard == [200, 200]
    assert conn.clock.ahead_seconds == pytest.approx(AHEAD, abs=CLOSE)
