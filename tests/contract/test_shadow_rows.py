"""The minutes of a shadow test, read from a local Azure whose switches say where mirrored requests are visible."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.scoring.telemetry.events import Event, Events
from emulator.scoring.telemetry.gauges import Gauges, Measurement
from services.azure.connection import Connection
from services.azure.diagnostics import EVENTS
from services.azure.endpoints import get_endpoint, list_deployments
from services.comparison.judge import LATENCY
from services.comparison.use import Use
from services.model import WorkspaceRef
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.shadow import rows, using
from services.shadow.load import CAPACITY, MEMORY, PROCESSOR, ground
from services.shadow.model import Pair, Reading
from services.visibility.judging import (
    CONSOLE_LOG,
    CONTAINER_LOG,
    DEPLOYMENT_METRICS,
    ENDPOINT_METRICS,
    TRAFFIC_LOG,
)
from services.visibility.probe import LOGS_SETTLE
from tests.contract.elsewhere import seed_endpoint
from tests.contract.history import row
from tests.contract.monitor_clients import TABLES, past, switch_logs_on, wait_for_quiet_minute
from tests.local_azure import POLL_SECONDS, LocalAzure

pytestmark = pytest.mark.emulator

NAMES = itertools.count()
PAIR = Pair("blue", "green")
MINUTES, LIVE, COPIES, PERCENT = 30, 20, 4, 20
MINUTE = timedelta(minutes=1)
LOGGED_SECONDS = 120.0


@pytest.fixture(scope="module")
def made(local_azure: LocalAzure) -> Callable[..., str]:
    """Makes an endpoint with thirty minutes of requests: blue takes 10 ms and every tenth one fails, green 14 ms."""

    def make(
        *, copies: int = COPIES, named: int = 0, refused: int = 0, logged_ago: float | None = 7200, **durations: float
    ) -> str:
        name = f"shadow-rows-{next(NAMES)}"
        ref = WorkspaceRef.of(local_azure.workspace)
        endpoint_id = seed_endpoint(local_azure, ref, name, {"blue": 100}, {"green": PERCENT})
        if logged_ago is not None:
            switch_logs_on(local_azure, endpoint_id, TABLES[0], ago=logged_ago)
        found: list[dict[str, Any]] = []
        first = past(MINUTES + 1)
        for minute in range(MINUTES):
            at = first + timedelta(minutes=minute, seconds=20)
            more = {**durations} if durations else {}
            found += [{**row(at, name, "blue", 424 if n % 10 == 9 else 200, 10.0), **more} for n in range(LIVE)]
            found += [{**row(at, name, "green", 200, 14.0), **more} for _ in range(named)]
            said = [400 if number < refused else 200 for number in range(copies)]
            found += [{**row(at, name, "green", each, 14.0, kind="mirror"), **more} for each in said]
        local_azure.control("POST", "seed", {"rows": found}).raise_for_status()
        return name

    return make


@pytest.fixture(scope="module")
def plain(made: Callable[..., str]) -> str:
    """An endpoint with copies whose traffic log is sent."""
    return made()


def read(
    conn: Connection, name: str, *, back: int = MINUTES + 1, until: datetime | None = None, **more: Any
) -> Reading:
    endpoint, deployments = get_endpoint(conn, name), list_deployments(conn, name)
    # Azure's clock as its answers tell it may still be the one of when a diagnostic setting was made.
    now = datetime.now(UTC)
    return rows.read(conn, endpoint, deployments, PAIR, past(back), until or past(0), now=now, **more)


def test_every_switch_of_the_shadow_leads_to_the_sources_that_have_both(
    conn: Connection, plain: str, shadow_switches: Callable[..., None]
) -> None:
    for in_deployment, in_endpoint, in_log in itertools.product((True, False), repeat=3):
        shadow_switches(
            shadow_in_deployment_metrics=in_deployment,
            shadow_in_endpoint_metrics=in_endpoint,
            shadow_in_traffic_log=in_log,
        )
        shown = {DEPLOYMENT_METRICS: in_deployment, ENDPOINT_METRICS: in_endpoint, TRAFFIC_LOG: in_log}
        found = read(conn, plain, began_at=past(MINUTES + 1))
        assert found.counts == next((source for source, is_shown in shown.items() if is_shown), ""), (shown, found)
        assert found.rows == (TRAFFIC_LOG if in_log else "")
        arms = [(minute.live, minute.candidate) for minute in found.minutes]
        if any(shown.values()):
            assert all((live.requests, live.errors) == (LIVE, LIVE // 10) for live, _ in arms[1:-1])
            assert all((candidate.requests, candidate.errors) == (COPIES, 0) for _, candidate in arms[1:-1])
        else:
            assert not any(one.requests for arm in arms for one in arm)
            assert any(note.startswith("No source counts the requests of both") for note in found.notes)
            # Young ones are waited for: a source that shows them a little later still gets them.
            assert found.minutes[-1].at + MINUTE <= datetime.now(UTC) - LOGS_SETTLE
        assert {len(candidate.latencies_ms) for _, candidate in arms[1:-1]} == {COPIES if in_log else 0}
        assert {len(live.latencies_ms) for live, _ in arms[1:-1]} == {LIVE - LIVE // 10 if in_log else 0}
        if not in_log:
            assert any("switch on the console log" in note for note in found.notes), found.notes


def test_only_settled_minutes_come_and_each_comes_once(
    conn: Connection, plain: str, shadow_switches: Callable[..., None]
) -> None:
    shadow_switches(shadow_in_traffic_log=True)
    whole = read(conn, plain)
    times = [minute.at for minute in whole.minutes]
    assert times == [past(MINUTES + 1) + timedelta(minutes=number) for number in range(len(times))]
    assert times[-1] + timedelta(minutes=1) <= datetime.now(UTC) - timedelta(seconds=120)
    first = read(conn, plain, until=times[10])
    second = read(conn, plain, back=1 + (past(0) - times[10]) // timedelta(minutes=1))
    assert [minute.at for minute in first.minutes][-1] < times[10]
    assert times[10] in [minute.at for minute in second.minutes]
    assert read(conn, plain, back=1).minutes == ()


def test_minutes_wait_for_a_log_that_is_late(
    conn: Connection, plain: str, shadow_switches: Callable[..., None]
) -> None:
    shadow_switches(shadow_in_traffic_log=True, log_delay_seconds=300)
    found = read(conn, plain)
    assert found.rows == TRAFFIC_LOG
    assert found.minutes[-1].at + timedelta(minutes=1) <= datetime.now(UTC) - timedelta(seconds=240)
    assert all(len(minute.candidate.latencies_ms) == COPIES for minute in found.minutes)
    shadow_switches(shadow_in_traffic_log=True, log_delay_seconds=3600)
    # Nothing has come yet: what is young is waited for.
    assert read(conn, plain, back=9).minutes == ()
    shadow_switches(shadow_in_traffic_log=True, log_delay_seconds=0)
    assert len(read(conn, plain, back=9).minutes) >= 5


def test_requests_that_name_the_candidate_are_not_taken_for_copies(
    conn: Connection, made: Callable[..., str], shadow_switches: Callable[..., None]
) -> None:
    name = made(named=1)
    begun = past(MINUTES + 1)
    shadow_switches(shadow_in_deployment_metrics=False)
    found = read(conn, name, began_at=begun)
    assert (found.counts, found.rows) == ("", "")
    assert any("does not show the copies, they do not arrive, or" in note for note in found.notes)
    name = made(named=4)
    shadow_switches(shadow_in_deployment_metrics=True, shadow_in_traffic_log=True)
    found = read(conn, name, began_at=begun)
    assert (found.counts, found.rows) == (DEPLOYMENT_METRICS, TRAFFIC_LOG), found.notes
    assert any("named it. Azure does not say which ones" in note for note in found.notes), found.notes
    shadow_switches(shadow_in_traffic_log=False)
    assert read(conn, name, began_at=begun).rows == ""


def test_requests_that_only_the_candidate_refuses_are_told_although_a_minute_has_few(
    conn: Connection, made: Callable[..., str], shadow_switches: Callable[..., None]
) -> None:
    name, begun = made(refused=1, logged_ago=None), past(MINUTES + 1)
    shadow_switches(shadow_in_deployment_metrics=True)
    minute = read(conn, name, back=MINUTES // 2, until=past(MINUTES // 2 - 1), began_at=begun)
    assert len(minute.minutes) == 1
    assert any("as the callers' mistake, blue 0 of" in each for each in minute.odd), minute
    assert set(minute.odd) <= set(minute.notes)


def test_a_log_that_was_switched_on_in_the_window_has_no_latencies_before(
    conn: Connection, made: Callable[..., str], shadow_switches: Callable[..., None]
) -> None:
    name = made(logged_ago=15 * 60)
    shadow_switches(shadow_in_traffic_log=True)
    found = read(conn, name)
    assert (found.counts, found.rows) == (DEPLOYMENT_METRICS, TRAFFIC_LOG), found.notes
    with_rows = [minute.at for minute in found.minutes if len(minute.candidate.latencies_ms)]
    assert past(18) < min(with_rows) < past(13)
    assert all(minute.candidate.requests == COPIES for minute in found.minutes[1:])


def test_the_model_s_own_time_is_used_where_the_log_says_it(
    conn: Connection, plain: str, made: Callable[..., str], shadow_switches: Callable[..., None]
) -> None:
    shadow_switches(shadow_in_traffic_log=True)
    told = read(conn, made(request_ms=3.0, response_ms=9.0))
    assert {ms for minute in told.minutes for ms in minute.live.latencies_ms} == {6.0}
    assert not any("whole durations" in note for note in told.notes)
    whole = read(conn, plain)
    assert {ms for minute in whole.minutes for ms in minute.candidate.latencies_ms} == {14.0}
    assert any("whole durations" in note for note in whole.notes)


def test_a_source_that_fails_stops_no_other(
    conn: Connection, plain: str, shadow_switches: Callable[..., None], fault: Callable[..., None]
) -> None:
    shadow_switches(shadow_in_traffic_log=True)
    fault(path="/v1/*", status=403, code="InsufficientAccessError")
    found = read(conn, plain)
    assert (found.counts, found.rows) == (DEPLOYMENT_METRICS, "")
    assert any(note.startswith("The traffic log: ") for note in found.notes)


@pytest.mark.usefixtures("unsent")
def test_lines_of_containers_have_the_latencies_of_mirrored_requests(
    conn: Connection,
    local_azure: LocalAzure,
    served: str,
    split: Callable[..., None],
    shadow_switches: Callable[..., None],
) -> None:
    split({"blue": 100}, {"green": 50})
    endpoint = get_endpoint(conn, served)
    # What others have had sent to Log Analytics in this minute would be taken for the log that has it all.
    wait_for_quiet_minute(local_azure, served)
    begun = datetime.now(UTC)

    def told() -> tuple[Reading, int, int]:
        # So much later these minutes have settled everywhere.
        later = begun + timedelta(minutes=14)
        since = begun.replace(second=0, microsecond=0)
        found = rows.read(conn, endpoint, list_deployments(conn, served), PAIR, since, later, began_at=begun, now=later)
        arms = [(minute.live, minute.candidate) for minute in found.minutes]
        live, candidate = (sum(len(arm[side].latencies_ms) for arm in arms) for side in (0, 1))
        return found, live, candidate

    # Others may have sent to this endpoint in the same minute.
    before, live_before, candidate_before = told()
    failed_before = sum(minute.live.errors for minute in before.minutes)
    for number in range(40):
        send(conn, endpoint, ScoringRequest(b'{"data": ["x"]}' if number < 5 else b'{"data": [1]}'))
    deadline = time.monotonic() + LOGGED_SECONDS
    earlier, now = (-1, -1), told()[1:]
    # The copies are on their way for a moment longer than what they are of.
    while (now[0] < live_before + 35 or now != earlier) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        earlier, now = now, told()[1:]
    found, live, candidate = told()
    assert (found.counts, found.rows) == (DEPLOYMENT_METRICS, CONTAINER_LOG)
    assert live - live_before == 35
    # Copies of 35 at 50 %: fewer or more than that come in less than one of a million runs.
    assert 4 <= candidate - candidate_before <= 31
    assert sum(minute.live.errors for minute in found.minutes) - failed_before == 5
    switch_logs_on(local_azure, endpoint.id, TABLES[1], name="shadow-rows", ago=3600)
    deadline = time.monotonic() + LOGGED_SECONDS
    while told()[0].rows != CONSOLE_LOG and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    kept, live_kept, candidate_kept = told()
    assert kept.rows == CONSOLE_LOG
    # Log Analytics was not sent what others wrote in this minute while no setting was there.
    assert live - live_before <= live_kept <= live
    assert candidate - candidate_before <= candidate_kept <= candidate
    shadow_switches(shadow_in_console_log=False)
    assert told()[0].rows == CONTAINER_LOG


def test_what_a_request_uses_is_told_for_each_arm_with_what_taints_it(
    conn: Connection, local_azure: LocalAzure, plain: str, shadow_switches: Callable[..., None]
) -> None:
    shadow_switches(shadow_in_traffic_log=True)
    measured, present = [], past(0)
    for minute in range(1, MINUTES + 2):
        at = present - minute * MINUTE
        # Green's second instance began ten minutes ago.
        there = {"blue": ("b1",), "green": ("g1", "g2") if minute <= 10 else ("g1",)}
        for name, who in ((name, who) for name, each in there.items() for who in each):
            state = {"State": "Ready"}
            values: list[tuple[str, dict[str, str], float]] = [
                (PROCESSOR, {}, 20.0),
                (MEMORY, {}, 30.0),
                (CAPACITY, state, 1.0),
            ]
            for metric, more, value in values:
                measured.append(Measurement(at.timestamp(), plain, name, metric, {"instanceId": who, **more}, value))
    with closing(Gauges(local_azure.state / "telemetry.db")) as gauges:
        gauges.append(measured)
    endpoint, deployments = get_endpoint(conn, plain), list_deployments(conn, plain)
    reading = read(conn, plain)
    found = ground(conn, endpoint, deployments, PAIR, reading)
    blue, green = found.loads.live, found.loads.candidate
    assert (blue.instances, blue.processor_percent, blue.most_memory_percent) == (1, 20.0, 30.0)
    assert blue.processor_ms == pytest.approx(12_000 * blue.minutes / blue.requests)
    assert green.processor_ms is not None
    assert green.processor_ms > 4 * (blue.processor_ms or 0)
    assert [(each.at, each.instance) for each in green.restarts] == [(present - 10 * MINUTE, "g2")]
    assert found.cold == tuple(present - back * MINUTE for back in (10, 9, 8, 7, 6))
    told = using.read(conn, endpoint, deployments, PAIR, reading.minutes[0].at, reading.minutes[-1].at + MINUTE)
    known = [each for each in told.minutes if each.live.use and each.candidate.use]
    assert len(known) == len(told.minutes)
    assert known[0].live.use == Use(12_000.0, 30.0, 1)
    assert known[-1].candidate.use == Use(24_000.0, 30.0, 2)
    assert not any(using.UNKNOWN in note for note in told.notes)
    unlike = [replace(each, instance_type=f"Standard_{each.name}") for each in deployments]
    told = using.read(conn, endpoint, unlike, PAIR, reading.minutes[0].at, reading.minutes[-1].at + MINUTE)
    assert any("unlike machines" in note for note in told.notes)
    assert all(each.live.use is None for each in told.minutes)
    about = {each.about: each.sentence for each in found.taints}
    assert about[LATENCY].endswith("green may be slower than it looks when it gets as much.")
    assert any("An instance of green started at" in each.sentence for each in found.taints)
    assert any(EVENTS in note for note in found.loads.notes)


def test_a_container_that_started_again_inside_an_instance_is_told_by_the_events(
    conn: Connection, local_azure: LocalAzure, plain: str, shadow_switches: Callable[..., None]
) -> None:
    endpoint, deployments = get_endpoint(conn, plain), list_deployments(conn, plain)
    switch_logs_on(local_azure, endpoint.id, TABLES[2], name="events", ago=7200)
    restarted = past(20)
    at = restarted.timestamp()
    with closing(Events(local_azure.state / "telemetry.db")) as events:
        events.append(Event(at, plain, "green", "g1", "Killing", "Container failed its liveness probe"))
        events.append(Event(at + 10, plain, "green", "g1", "Started", "Started container storage-initializer"))
        events.append(Event(at + 20, plain, "green", "g1", "Started", "Started container inference-server"))
    found = ground(conn, endpoint, deployments, PAIR, read(conn, plain))
    of_g1 = [each for each in found.loads.candidate.restarts if each.instance == "g1"]
    assert [each.is_end for each in of_g1] == [True, False]
    assert restarted + MINUTE in found.cold
    assert any("Requests that it worked on may have failed" in each.sentence for each in found.taints)
    assert not any(EVENTS in note for note in found.loads.notes)
