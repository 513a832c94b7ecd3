"""Where mirrored requests are visible, and whether metrics and log agree, on a local Azure with its switches."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.model import WorkspaceRef
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.traffic.arrival import CLOCKS
from services.visibility.judging import (
    CONSOLE_LOG,
    CONTAINER_LOG,
    DEPLOYMENT_METRICS,
    ENDPOINT_METRICS,
    NOT_VISIBLE,
    NOT_YET_KNOWN,
    TRAFFIC_LOG,
    VISIBLE,
)
from services.visibility.probe import Findings, probe
from tests.contract.elsewhere import seed_endpoint
from tests.contract.history import row
from tests.contract.monitor_clients import SHADOW_SWITCHES, past, switch_logs_on, wait_for_quiet_minute
from tests.local_azure import POLL_SECONDS, LocalAzure

pytestmark = pytest.mark.emulator

MINUTES = 30
"""Of traffic; the newest twelve have not settled in the logs."""
LIVE, COPIES, PERCENT = 20, 4, 20
LOGGED_SECONDS = 120.0
TRAFFIC_TABLE = "AmlOnlineEndpointTrafficLog"


@pytest.fixture(scope="module")
def made(local_azure: LocalAzure) -> Callable[..., str]:
    """Makes an endpoint with so many requests in each of thirty minutes. ``named`` are those that name the target."""

    def make(*, copies: int = COPIES, named: int = 0, is_logged: bool = True, live: int = LIVE) -> str:
        name = f"shadow-{uuid.uuid4().hex[:8]}"
        ref = workspace_of(local_azure)
        endpoint_id = seed_endpoint(local_azure, ref, name, {"blue": 100}, {"green": PERCENT})
        if is_logged:
            switch_logs_on(local_azure, endpoint_id, TRAFFIC_TABLE, ago=2 * 3600)
        rows: list[dict[str, Any]] = []
        first = past(MINUTES)
        for minute in range(MINUTES):
            at = first + timedelta(minutes=minute, seconds=20)
            rows += [row(at, name, "blue", 200, 10.0) for _ in range(live)]
            rows += [row(at, name, "green", 200, 10.0) for _ in range(named)]
            rows += [row(at, name, "green", 200, 10.0, kind="mirror") for _ in range(copies)]
        local_azure.control("POST", "seed", {"rows": rows}).raise_for_status()
        return name

    return make


@pytest.fixture(scope="module")
def logged(made: Callable[..., str]) -> str:
    """An endpoint with copies whose traffic log is sent."""
    return made()


def workspace_of(azure: LocalAzure) -> WorkspaceRef:
    return WorkspaceRef.of(azure.workspace)


def look(conn: Connection, name: str, *, minutes: int = MINUTES + 1, now: datetime | None = None) -> Findings:
    endpoint, deployments = get_endpoint(conn, name), list_deployments(conn, name)
    return probe(conn, endpoint, deployments, past(minutes), now or datetime.now(UTC))


def verdicts(found: Findings) -> dict[str, str]:
    return {seen.source: seen.verdict for seen in found.seen}


def compared(found: Findings) -> Mapping[str, tuple[int, int, bool]]:
    assert not found.reconciliation.problem
    return {each.deployment: (each.metrics, each.rows, each.agrees) for each in found.reconciliation.agreements}


def test_every_switch_of_the_shadow_is_found_out_beside_a_source_that_differs(
    conn: Connection, logged: str, shadow_switches: Callable[..., None]
) -> None:
    for in_deployment, in_endpoint, in_log in itertools.product((True, False), repeat=3):
        shadow_switches(
            shadow_in_deployment_metrics=in_deployment,
            shadow_in_endpoint_metrics=in_endpoint,
            shadow_in_traffic_log=in_log,
        )
        truth = {DEPLOYMENT_METRICS: in_deployment, ENDPOINT_METRICS: in_endpoint, TRAFFIC_LOG: in_log}
        found = look(conn, logged)
        by_source = {seen.source: seen for seen in found.seen}
        for source, is_shown in truth.items():
            seen = by_source[source]
            if any(truth.values()):
                assert seen.verdict == (VISIBLE if is_shown else NOT_VISIBLE), (truth, seen)
            else:
                assert seen.verdict == NOT_YET_KNOWN
                assert "copies do not arrive, or none of these sources shows them" in seen.why
            minutes = (seen.until - seen.since) // timedelta(minutes=1)
            assert minutes > 15
            assert (seen.live, seen.target) == (LIVE * minutes, COPIES * minutes if is_shown else 0)
        blue, green = compared(found)["blue"], compared(found).get("green")
        assert blue[0] == blue[1] > 0
        assert blue[2]
        if in_endpoint == in_log:
            assert green is None if not in_log else green is not None and green[2]
        else:
            reason = next(each.reason for each in found.reconciliation.agreements if each.deployment == "green")
            assert reason.startswith("Mirrored copies")
            assert green is not None
            assert not green[2]


def test_requests_that_name_the_target_are_not_taken_for_copies(
    conn: Connection, made: Callable[..., str], shadow_switches: Callable[..., None]
) -> None:
    shadow_switches()
    name = made(named=9)
    assert verdicts(look(conn, name)) | {CONTAINER_LOG: ""} == {
        DEPLOYMENT_METRICS: VISIBLE,
        ENDPOINT_METRICS: NOT_VISIBLE,
        TRAFFIC_LOG: NOT_VISIBLE,
        CONSOLE_LOG: NOT_YET_KNOWN,
        CONTAINER_LOG: "",
    }
    found = look(conn, made(named=9, copies=0))
    assert set(verdicts(found).values()) == {NOT_YET_KNOWN}
    assert "may be requests that name the deployment" in found.seen[0].why


def test_few_requests_tell_nothing(
    conn: Connection, made: Callable[..., str], shadow_switches: Callable[..., None]
) -> None:
    shadow_switches(shadow_in_deployment_metrics=False)
    found = look(conn, made(live=1, copies=0))
    assert set(verdicts(found).values()) == {NOT_YET_KNOWN}
    assert "too few to tell" in found.seen[0].why


def test_late_metrics_and_logs_change_no_verdict(
    conn: Connection, logged: str, shadow_switches: Callable[..., None]
) -> None:
    for delays in ({"metric_delay_seconds": 600}, {"log_delay_seconds": 1200}, {"metric_delay_seconds": 900}):
        shadow_switches(**{**SHADOW_SWITCHES, "shadow_in_endpoint_metrics": True, **delays})
        found = look(conn, logged)
        assert verdicts(found)[DEPLOYMENT_METRICS] == VISIBLE, delays
        assert verdicts(found)[ENDPOINT_METRICS] == VISIBLE, delays
        assert verdicts(found)[TRAFFIC_LOG] == NOT_VISIBLE, delays
    reasons = {each.deployment: each.reason for each in found.reconciliation.agreements}
    assert reasons["blue"].startswith("Delay: the newest minute of the metrics")
    shadow_switches(**{**SHADOW_SWITCHES, "log_delay_seconds": 1200})
    reasons = {each.deployment: each.reason for each in look(conn, logged).reconciliation.agreements}
    assert reasons["blue"].startswith("Delay: the log's newest row is of")


def test_a_log_that_has_nothing_yet_is_not_said_to_hide_copies(
    conn: Connection, logged: str, shadow_switches: Callable[..., None]
) -> None:
    shadow_switches(log_delay_seconds=3600)
    found = look(conn, logged)
    seen = next(each for each in found.seen if each.source == TRAFFIC_LOG)
    assert seen.verdict == NOT_YET_KNOWN
    assert seen.why.startswith("It has none of the")
    assert verdicts(found)[DEPLOYMENT_METRICS] == VISIBLE


def test_a_log_that_nothing_sends_says_which_category_is_missing(
    conn: Connection, made: Callable[..., str], shadow_switches: Callable[..., None]
) -> None:
    shadow_switches()
    found = look(conn, made(is_logged=False))
    seen = next(each for each in found.seen if each.source == TRAFFIC_LOG)
    assert (seen.verdict, seen.target) == (NOT_YET_KNOWN, None)
    assert TRAFFIC_TABLE in seen.why
    assert found.reconciliation.problem == seen.why
    assert verdicts(found)[DEPLOYMENT_METRICS] == VISIBLE
    assert verdicts(found)[ENDPOINT_METRICS] == NOT_VISIBLE


def test_a_source_that_fails_says_why_and_stops_no_other(
    conn: Connection, logged: str, shadow_switches: Callable[..., None], fault: Callable[..., None]
) -> None:
    shadow_switches()
    fault(path="/v1/*", status=403, code="InsufficientAccessError")
    found = look(conn, logged)
    by_source = {seen.source: seen for seen in found.seen}
    assert by_source[TRAFFIC_LOG].verdict == NOT_YET_KNOWN
    assert by_source[TRAFFIC_LOG].why
    assert found.reconciliation.problem == by_source[TRAFFIC_LOG].why
    assert by_source[DEPLOYMENT_METRICS].verdict == VISIBLE


def test_rows_of_requests_that_no_deployment_answered_are_compared_apart(
    conn: Connection, local_azure: LocalAzure, made: Callable[..., str], shadow_switches: Callable[..., None]
) -> None:
    shadow_switches()
    name = made(copies=0)
    refused = [row(past(20), name, "", 401, 1.0) for _ in range(5)]
    local_azure.control("POST", "seed", {"rows": refused}).raise_for_status()
    found = look(conn, name)
    assert compared(found)[""] == (0, 5, False)
    assert found.reconciliation.agreements[-1].reason.startswith("Refused before a deployment was chosen")


@pytest.mark.usefixtures("unsent")
def test_what_a_container_writes_proves_copies_that_no_metric_shows(
    conn: Connection,
    local_azure: LocalAzure,
    served: str,
    split: Callable[..., None],
    shadow_switches: Callable[..., None],
) -> None:
    shadow_switches(shadow_in_deployment_metrics=False)
    endpoint_id = f"{local_azure.workspace}/onlineEndpoints/{served}"
    switch_logs_on(local_azure, endpoint_id, TRAFFIC_TABLE, "AmlOnlineEndpointConsoleLog", name="visibility", ago=3600)
    split({"blue": 100}, {"green": 50})
    endpoint = get_endpoint(conn, served)
    # Requests of other tests that name green would be told from copies by nothing.
    wait_for_quiet_minute(local_azure, served)
    begun = datetime.now(UTC)
    for _ in range(60):
        send(conn, endpoint, ScoringRequest(b'{"data": [1]}'))
    # So much later the minutes of these requests have settled everywhere.
    later = begun + timedelta(minutes=14)
    wanted = {
        DEPLOYMENT_METRICS: NOT_VISIBLE,
        ENDPOINT_METRICS: NOT_VISIBLE,
        CONSOLE_LOG: VISIBLE,
        CONTAINER_LOG: VISIBLE,
    }

    def seen() -> dict[str, str]:
        # The traffic log has a test of its own: here other tests may have switched it within these minutes.
        since = begun.replace(second=0, microsecond=0) - CLOCKS
        found = probe(conn, endpoint, list_deployments(conn, served), since, later)
        return {source: verdict for source, verdict in verdicts(found).items() if source != TRAFFIC_LOG}

    # The last requests and lines are on their way for a moment.
    deadline = time.monotonic() + LOGGED_SECONDS
    while seen() != wanted and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    assert seen() == wanted
    shadow_switches(shadow_in_console_log=False)
    assert seen()[CONSOLE_LOG] == NOT_VISIBLE
