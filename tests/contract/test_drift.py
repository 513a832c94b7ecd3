"""Changes made elsewhere: found by the next poll, explained by the activity log, and written down once."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.azure.activity import writes
from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint
from services.errors import AccessDenied, NotFound, Throttled
from services.journal.entry import DRIFT, FIRST_SEEN, OPEN, Entry, Who
from services.journal.journal import Journal
from services.model import Split, WorkspaceRef
from services.store import Store
from services.traffic.watcher import GIVE_UP_AFTER, LONGEST_PAUSE_SECONDS, Watcher
from tests.contract.elsewhere import change_split, put_split, seed_endpoint, seed_workspace
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MIRRORED = Split({"blue": 100}, {"green": 20})
DEADLINE_SECONDS = 60.0
HOUR = timedelta(hours=1)
Fault = Callable[..., None]


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def place(local_azure: LocalAzure) -> WorkspaceRef:
    """A workspace of this module alone."""
    return seed_workspace(local_azure, "drifting")


@pytest.fixture
def endpoint(local_azure: LocalAzure, place: WorkspaceRef) -> Iterator[str]:
    """ARM id of an endpoint with a mirror, which is gone after the test. Its name was never used before."""
    name = f"drift-{uuid.uuid4().hex[:8]}"
    endpoint_id = seed_endpoint(local_azure, place, name, MIRRORED.live, MIRRORED.mirror)
    yield endpoint_id
    local_azure.finish(local_azure.arm("DELETE", endpoint_id))


@pytest.fixture
def here(conn: Connection, place: WorkspaceRef) -> Connection:
    return conn.at(place)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal(store, "local")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(here: Connection, journal: Journal, clock: Clock) -> Iterator[Watcher]:
    """A watcher that polls only when it is told to."""
    made = Watcher(here, journal, every_seconds=30, clock=clock)
    yield made
    made.stop()


def waited_for(found: Callable[[], Entry | None]) -> Entry:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (entry := found()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return entry


def test_a_mirror_dropped_by_another_client_is_found_by_the_next_poll_with_its_author(
    watcher: Watcher, journal: Journal, place: WorkspaceRef, endpoint: str, local_azure: LocalAzure
) -> None:
    (first,) = watcher.poll(place)
    assert watcher.poll(place) == []
    answer = change_split(local_azure, endpoint, {"blue": 100})

    (drift,) = watcher.poll(place)

    assert (first.kind, first.after) == (FIRST_SEEN, MIRRORED)
    assert (drift.kind, drift.outcome, drift.before, drift.after) == (DRIFT, OPEN, MIRRORED, Split({"blue": 100}))
    found = journal.open_drift(endpoint)
    assert found is not None
    assert found.who.principal == "Local owner"
    assert found.request_ids == (answer.headers["x-ms-correlation-request-id"],)
    assert found.changed_at is not None
    assert abs(found.changed_at - found.began_at) < timedelta(seconds=DEADLINE_SECONDS)
    assert watcher.poll(place) == []


def test_a_poll_is_one_list_call(watcher: Watcher, here: Connection, place: WorkspaceRef, endpoint: str) -> None:
    watcher.poll(place)
    seen: list[str] = []
    hook = here.transport.session.hooks["response"]
    hook.append(lambda answer, **_: seen.append(f"{answer.request.method} {answer.request.path_url}"))
    watcher.poll(place)
    hook.clear()
    assert [line.partition("?")[0] for line in seen] == [f"GET {place.id}/onlineEndpoints"]


def test_an_operation_that_fails_is_no_drift(
    watcher: Watcher, journal: Journal, place: WorkspaceRef, endpoint: str, local_azure: LocalAzure, fault: Fault
) -> None:
    watcher.poll(place)
    fault(operation="*/onlineEndpoints/write", outcome={"code": "Broken", "message": "not now"})
    answer = put_split(local_azure, endpoint, {"green": 100})
    watcher.poll(place)
    assert local_azure.finish(answer)["status"] == "Failed"
    assert watcher.poll(place) == []
    assert journal.open_drift(endpoint) is None


def test_the_author_is_found_as_late_as_the_activity_log_shows_it(
    watcher: Watcher,
    journal: Journal,
    clock: Clock,
    place: WorkspaceRef,
    endpoint: str,
    local_azure: LocalAzure,
) -> None:
    watcher.poll(place)
    change_split(local_azure, endpoint, {"green": 100})
    local_azure.control("POST", "settings", {"activity_delay_seconds": 3600}).raise_for_status()
    try:
        (drift,) = watcher.poll(place)
    finally:
        local_azure.control("POST", "settings", {"activity_delay_seconds": 0}).raise_for_status()
    assert journal.entry(drift.id) == drift
    watcher.poll(place)
    assert journal.entry(drift.id) == drift, "it is not asked at once again"
    clock.seconds += 60
    watcher.poll(place)
    found = journal.entry(drift.id)
    assert found is not None
    assert found.who.principal == "Local owner"


@pytest.mark.parametrize("answer", [{"status": 403, "code": "AuthorizationFailed"}, {"status": 200, "body": []}])
def test_a_log_that_cannot_be_read_hides_no_drift(
    watcher: Watcher,
    journal: Journal,
    place: WorkspaceRef,
    endpoint: str,
    local_azure: LocalAzure,
    fault: Fault,
    answer: dict[str, Any],
) -> None:
    watcher.poll(place)
    change_split(local_azure, endpoint, {"green": 100})
    fault(path="/subscriptions/*/eventtypes/management/values", **answer)
    (drift,) = watcher.poll(place)
    assert (drift.kind, drift.who.principal, drift.last_modified_by) == (DRIFT, "", "Local owner")
    state = watcher.state(place)
    assert state is not None
    assert state.problem is None


def test_a_workspace_that_fails_is_left_alone_for_longer_and_longer(
    watcher: Watcher, clock: Clock, place: WorkspaceRef, endpoint: str, fault: Fault
) -> None:
    watcher.round()
    fault(path=f"{place.id}/onlineEndpoints", status=403, code="AuthorizationFailed")
    pauses = []
    for _ in range(7):
        clock.seconds += 10_000
        pauses.append(watcher.round())
    state = watcher.state(place)
    assert pauses == [60, 120, 240, 480, 600, 600, 600]
    assert max(pauses) == LONGEST_PAUSE_SECONDS
    assert state is not None
    assert isinstance(state.problem, AccessDenied)
    assert state.read_at is not None


def test_a_throttled_poll_waits_as_long_as_azure_asks_and_goes_on(
    watcher: Watcher, clock: Clock, place: WorkspaceRef, endpoint: str, local_azure: LocalAzure, fault: Fault
) -> None:
    watcher.round()
    fault(path=f"{place.id}/onlineEndpoints", status=429, retry_after=1800, times=1)
    change_split(local_azure, endpoint, {"green": 100})
    clock.seconds += 30
    assert watcher.round() == 1800
    state = watcher.state(place)
    assert state is not None
    assert isinstance(state.problem, Throttled)
    clock.seconds += 1800
    assert watcher.round() == 30
    state = watcher.state(place)
    assert state is not None
    assert state.problem is None


def test_one_workspace_that_is_gone_stops_no_other(
    watcher: Watcher, journal: Journal, place: WorkspaceRef, endpoint: str
) -> None:
    gone = WorkspaceRef(place.subscription_id, place.resource_group, "gone")
    watcher.watch(gone)
    watcher.round()
    state = watcher.state(gone)
    assert state is not None
    assert isinstance(state.problem, NotFound)
    assert [entry.kind for entry in journal.entries(endpoint_id=endpoint)] == [FIRST_SEEN]


def test_a_wrong_address_that_somebody_has_opened_is_not_watched_for_ever(
    watcher: Watcher, clock: Clock, place: WorkspaceRef
) -> None:
    gone = WorkspaceRef(place.subscription_id, place.resource_group, "gone")
    watcher.watch(gone)
    for _ in range(GIVE_UP_AFTER):
        assert watcher.state(gone) is not None
        clock.seconds += 10_000
        watcher.round()
    assert watcher.state(gone) is None
    assert watcher.state(place) is not None


def test_workspaces_of_the_journal_are_watched(
    watcher: Watcher, conn: Connection, journal: Journal, place: WorkspaceRef, endpoint: str, local_azure: LocalAzure
) -> None:
    watcher.poll(place)
    change_split(local_azure, endpoint, {"green": 100})
    elsewhere = Watcher(conn, journal, every_seconds=30)
    elsewhere.round()
    assert journal.open_drift(endpoint) is not None


def test_two_watchers_in_the_background_write_one_drift_once(
    here: Connection, place: WorkspaceRef, store: Store, endpoint: str, local_azure: LocalAzure
) -> None:
    others = set(threading.enumerate())
    journals = [Journal(store, "local"), Journal(store, "local")]
    watchers = [Watcher(here, journal, every_seconds=0.05) for journal in journals]
    for watcher in watchers:
        watcher.start()
        watcher.start()
    try:
        waited_for(lambda: next(iter(journals[0].entries(endpoint_id=endpoint)), None))
        change_split(local_azure, endpoint, {"green": 100})
        drift = waited_for(lambda: journals[0].open_drift(endpoint))
        waited_for(lambda: next((found for found in journals[0].entries() if found.who.principal), None))
    finally:
        for watcher in watchers:
            watcher.stop()
    assert not [thread for thread in set(threading.enumerate()) - others if thread.name == "watcher"]
    assert [entry.id for entry in journals[1].entries(endpoint_id=endpoint) if entry.kind == DRIFT] == [drift.id]


def test_a_watch_outlives_what_breaks_in_it(here: Connection, journal: Journal, place: WorkspaceRef) -> None:
    """Also what is no SluiceError: a bug of ours must not leave the rest of the day unwatched."""
    calls = threading.Semaphore(0)

    def broken(_: Connection) -> list[object]:
        calls.release()
        raise ZeroDivisionError

    watcher = Watcher(here, journal, every_seconds=0.001, read=broken)  # type: ignore[arg-type]  # it never returns
    watcher.start()
    for _ in range(3):
        assert calls.acquire(timeout=DEADLINE_SECONDS)
    state = watcher.state(place)
    watcher.stop()
    assert state is not None
    assert "the log has the details" in str(state.problem)


def test_unfinished_changes_are_taken_up(here: Connection, journal: Journal, store: Store, endpoint: str) -> None:
    past = Journal(store, "local", now=lambda: datetime.now(UTC) - HOUR)
    found = get_endpoint(here, endpoint.rpartition("/")[2])
    taken: list[str] = []
    watcher = Watcher(
        here, journal, every_seconds=30, recover=lambda _: taken.extend(one.id for one in journal.unfinished())
    )
    watcher.round()
    assert taken == []
    past.begin("left behind", found, Split({"green": 100}), Who())
    watcher.round()
    assert taken == ["left behind"]


def test_writes_are_told_with_their_end(here: Connection, endpoint: str, local_azure: LocalAzure, fault: Fault) -> None:
    since = datetime.now(UTC)
    first = change_split(local_azure, endpoint, {"green": 100})
    assert local_azure.finish(local_azure.arm("PATCH", endpoint, {"tags": {"a": "b"}}))["status"] == "Succeeded"
    refused = put_split(local_azure, endpoint, {"green": 70})
    fault(operation="*/onlineEndpoints/write", outcome={"code": "Broken", "message": "not now"})
    failed = put_split(local_azure, endpoint, {"blue": 100})
    local_azure.finish(failed)
    local_azure.finish(local_azure.arm("POST", f"{endpoint}/regenerateKeys", {"keyType": "Primary"}))

    found = writes(here, endpoint, since - HOUR, since + HOUR)

    assert refused.status_code == 400
    assert [(each.status, each.method) for each in found] == [
        ("Succeeded", "PUT"),
        ("Succeeded", "PATCH"),
        ("Failed", "PUT"),
        ("Failed", "PUT"),
    ]
    assert found[0].correlation_id == first.headers["x-ms-correlation-request-id"]
    assert {each.caller for each in found} == {"Local owner"}
    assert all(each.at <= each.ended_at for each in found)
    assert writes(here, endpoint, since - 2 * HOUR, since - HOUR) == []
    assert writes(here, endpoint + "-more", since - HOUR, since + HOUR) == []
    assert len(writes(here, endpoint.upper(), since - timedelta(days=400), since + HOUR)) == 4
