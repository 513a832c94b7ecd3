"""The journal: what counts as a change made elsewhere, by any clock, with any process, and at any size."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.errors import Conflict
from services.journal.entry import (
    APPLIED,
    CHANGE,
    DRIFT,
    FAILED,
    FIRST_SEEN,
    KEPT,
    OPEN,
    REFUSED,
    RESTORED,
    SUPERSEDED,
    UNKNOWN,
    Entry,
    Known,
    Who,
    applied,
)
from services.journal.journal import Journal
from services.journal.observing import LAG_SECONDS
from services.model import Endpoint, Split
from services.store import EVENTS, Store
from tests.local_azure import ROOT
from tests.values import WORKSPACE, endpoint

A, B, C = Split({"blue": 100}), Split({"blue": 60, "green": 40}), Split({"blue": 100}, {"green": 20})
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN = Who("app", "ann")
OBSERVER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from services.journal.journal import Journal
from services.store import Store
from tests.values import endpoint
journal = Journal(Store(Path(sys.argv[1])), "arm.test")
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    journal.observe_all([endpoint({"green": 100}, name=f"e{number}")], datetime.now(UTC))
"""


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def go(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


@pytest.fixture
def journal(store: Store, clock: Clock) -> Journal:
    return Journal(store, "arm.test", now=clock)


@pytest.fixture
def see(journal: Journal, clock: Clock) -> Callable[..., Entry | None]:
    """One poll that begins a second after what was before, and is answered at once."""

    def look(
        split: Split, *, wrote: float | None = None, state: str = "Succeeded", name: str = "digits"
    ) -> Entry | None:
        return journal.observe(shown(split, wrote=wrote, state=state, name=name), clock.go(1))

    return look


def shown(split: Split, *, wrote: float | None = None, state: str = "Succeeded", name: str = "digits") -> Endpoint:
    """An endpoint whose last write Azure dates ``wrote`` seconds after the start, by its own clock."""
    modified_at = START + timedelta(seconds=wrote) if wrote is not None else None
    return replace(endpoint(split.live, split.mirror, name=name), modified_at=modified_at, state=state)


def change(journal: Journal, clock: Clock, before: Split, after: Split, entry_id: str = "change") -> Entry:
    """A change of ours, sent and not ended."""
    entry, _ = journal.begin(entry_id, shown(before), after, ANN)
    clock.go(1)
    journal.sent(entry)
    return entry


def kinds(journal: Journal) -> list[tuple[str, str]]:
    return [(entry.kind, entry.outcome) for entry in reversed(journal.entries())]


def test_an_endpoint_is_first_seen_and_then_watched(journal: Journal, see: Callable[..., Entry | None]) -> None:
    first, same, drift = see(A), see(A), see(B)
    assert first is not None
    assert drift is not None
    assert same is None
    assert (first.kind, first.before, first.after) == (FIRST_SEEN, None, A)
    assert (drift.kind, drift.outcome, drift.before, drift.after) == (DRIFT, OPEN, A, B)
    assert drift.unseen_since == first.began_at
    assert journal.open_drift(drift.endpoint_id) == drift
    assert journal.known(drift.endpoint_id) == Known(B, None, drift.began_at)


def test_the_first_split_of_a_new_endpoint_is_no_drift_and_stopped_traffic_that_starts_again_is(
    journal: Journal, see: Callable[..., Entry | None]
) -> None:
    for split in (Split(), A, Split(), B):
        see(split)
    assert kinds(journal) == [(FIRST_SEEN, KEPT), (FIRST_SEEN, KEPT), (DRIFT, SUPERSEDED), (DRIFT, OPEN)]
    empty, first = list(reversed(journal.entries()))[:2]
    assert (empty.unseen_since, first.unseen_since) == (None, empty.began_at)


def test_a_mirror_that_an_old_client_dropped_is_a_drift(see: Callable[..., Entry | None]) -> None:
    see(C)
    drift = see(A)
    assert drift is not None
    assert (drift.before, drift.after) == (C, A)


def test_the_next_drift_supersedes_the_open_one(journal: Journal, see: Callable[..., Entry | None]) -> None:
    for split in (A, B, C):
        see(split)
    assert kinds(journal) == [(FIRST_SEEN, KEPT), (DRIFT, SUPERSEDED), (DRIFT, OPEN)]


def test_a_drift_is_decided_once(journal: Journal, see: Callable[..., Entry | None]) -> None:
    see(A)
    drift = see(B)
    assert drift is not None
    journal.decide(drift, KEPT, ANN)
    journal.decide(drift, RESTORED, ANN)
    assert kinds(journal)[-1] == (DRIFT, KEPT)
    assert journal.open_drift(drift.endpoint_id) is None
    assert see(B) is None


@pytest.mark.parametrize(("to", "outcome"), [(A, RESTORED), (C, SUPERSEDED)])
def test_a_change_back_restores_a_drift_and_another_one_follows_it(
    journal: Journal, clock: Clock, see: Callable[..., Entry | None], to: Split, outcome: str
) -> None:
    see(A)
    see(B)
    journal.end(change(journal, clock, B, to), APPLIED, held=Known(to, None, clock.go(1)))
    assert kinds(journal) == [(FIRST_SEEN, KEPT), (DRIFT, outcome), (CHANGE, APPLIED)]
    assert see(to) is None


def test_our_own_change_is_no_drift_while_it_runs_and_after(
    journal: Journal, clock: Clock, see: Callable[..., Entry | None]
) -> None:
    see(A)
    entry = change(journal, clock, A, B)
    assert see(B) is None
    journal.end(entry, APPLIED, held=Known(B, None, clock.go(1)))
    assert see(B) is None


def test_a_drift_found_before_the_write_left_does_not_hide_our_own_change(
    journal: Journal, clock: Clock, see: Callable[..., Entry | None]
) -> None:
    """The poll that finds it may come between the beginning of a change and its write."""
    see(A)
    entry, _ = journal.begin("change", shown(B), C, ANN)
    assert see(B) is not None
    journal.sent(entry)
    journal.end(entry, APPLIED, held=Known(C, None, clock.go(1)))
    assert see(C) is None
    assert kinds(journal) == [(FIRST_SEEN, KEPT), (CHANGE, APPLIED), (DRIFT, SUPERSEDED)]


def test_what_nobody_polled_before_our_write_is_written_down_with_it(
    journal: Journal, clock: Clock, see: Callable[..., Entry | None]
) -> None:
    """A person opens the page, sees somebody else's new split, and changes it before the next poll."""
    see(A)
    journal.end(change(journal, clock, B, A), APPLIED, held=Known(A, None, clock.go(1)))
    assert kinds(journal) == [(FIRST_SEEN, KEPT), (CHANGE, APPLIED), (DRIFT, RESTORED)]
    assert [(entry.before, entry.after) for entry in journal.entries()] == [(A, B), (B, A), (None, A)]


def test_a_write_on_top_of_a_read_that_lagged_is_refused(
    journal: Journal, clock: Clock, see: Callable[..., Entry | None]
) -> None:
    """Azure has answered B, and then once more what was before it: writing now would overwrite B unseen."""
    see(A, wrote=0)
    see(B, wrote=10)
    entry, _ = journal.begin("change", shown(A, wrote=0), C, ANN)
    with pytest.raises(Conflict) as caught:
        journal.sent(entry, START)
    assert caught.value.theirs == B
    assert entry.sent_at is None


def test_an_operation_that_runs_is_waited_for(journal: Journal, see: Callable[..., Entry | None]) -> None:
    """Azure answers the new split at once, and the old one again when the operation fails."""
    see(A)
    assert see(B, state="Updating") is None
    assert see(A, state="Failed") is None
    assert see(B, state="Updating") is None
    assert see(B) is not None
    assert len(journal.entries()) == 2


def test_a_lagging_answer_is_no_drift(see: Callable[..., Entry | None]) -> None:
    see(A, wrote=0)
    see(B, wrote=10)
    assert see(A, wrote=0) is None


def test_an_answer_to_an_older_question_is_no_drift(journal: Journal, clock: Clock) -> None:
    asked = clock.go(1)
    journal.observe(shown(A), clock.go(1))
    assert journal.observe(shown(B), asked) is None


def test_a_write_that_azure_dates_too_early_is_found_after_a_while(
    clock: Clock, see: Callable[..., Entry | None]
) -> None:
    """Clocks inside Azure differ; what looks like a lagging answer for minutes is none."""
    see(A, wrote=100)
    assert see(B, wrote=99) is None
    clock.go(LAG_SECONDS)
    assert see(B, wrote=99) is not None


@pytest.mark.parametrize("ahead", [-86_400.0, 0.0, 86_400.0])
def test_azures_clock_may_go_anyhow(clock: Clock, see: Callable[..., Entry | None], ahead: float) -> None:
    see(A, wrote=ahead)
    assert see(B, wrote=ahead + 1) is not None
    assert see(A, wrote=ahead + 2) is not None


def test_a_clock_that_was_set_back_hides_no_drift(
    journal: Journal, clock: Clock, see: Callable[..., Entry | None]
) -> None:
    see(A)
    clock.go(-86_400)
    drift = see(B)
    assert drift is not None
    assert see(A) is not None
    assert [entry.before for entry in journal.entries()] == [B, A, None], "the order is that of the events"


def test_two_processes_write_one_drift_once(tmp_path: Path, journal: Journal, clock: Clock) -> None:
    for number in range(20):
        journal.observe(shown(A, name=f"e{number}"), clock())
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OBSERVER, str(tmp_path / "sluice.db")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        process.communicate("go\n", timeout=240)
    assert [process.returncode for process in processes] == [0, 0]
    assert len([entry for entry in journal.entries() if entry.kind == DRIFT]) == 20


def test_another_cloud_has_a_journal_of_its_own(store: Store, journal: Journal, clock: Clock) -> None:
    other = Journal(store, "arm.other", now=clock)
    journal.observe(shown(A), clock())
    found = other.observe(shown(B), clock.go(1))
    assert found is not None
    assert found.kind == FIRST_SEEN
    assert [entry.after for entry in journal.entries()] == [A]


def test_a_drift_is_attributed_once_and_looked_for_until_then(
    journal: Journal, clock: Clock, see: Callable[..., Entry | None]
) -> None:
    see(A, wrote=0)
    drift = see(B, wrote=1)
    assert drift is not None
    assert drift.changed_at == START + timedelta(seconds=1)
    assert journal.unattributed(START) == [drift]
    journal.attribute(drift, "bob", None, ["one"])
    journal.attribute(drift, "eve", START, ["two"])
    found = journal.entry(drift.id)
    assert found is not None
    assert (found.who.principal, found.changed_at, found.request_ids) == ("bob", drift.changed_at, ("one",))
    assert journal.unattributed(START) == []
    assert journal.request_ids(drift.endpoint_id, START) == {"one"}
    assert journal.request_ids(drift.endpoint_id, clock.go(1)) == set()


def test_workspaces_are_those_of_the_endpoints(journal: Journal, see: Callable[..., Entry | None]) -> None:
    see(A)
    see(A, name="other")
    assert [found.id.lower() for found in journal.workspaces()] == [WORKSPACE.lower()]


def test_charts_show_what_really_changed(journal: Journal, clock: Clock, see: Callable[..., Entry | None]) -> None:
    see(A)
    for number, outcome in enumerate((APPLIED, REFUSED, FAILED, UNKNOWN)):
        journal.end(change(journal, clock, A, B, str(number)), outcome)
        clock.go(100_000)
    see(C)
    assert [(entry.kind, entry.outcome) for entry in applied(journal.entries())] == [(DRIFT, OPEN), (CHANGE, APPLIED)]


def test_events_of_a_newer_version_are_passed_over(
    store: Store, journal: Journal, clock: Clock, see: Callable[..., Entry | None]
) -> None:
    """Two versions may share one folder: what the older one does not know must not break it."""
    see(A)
    entry = change(journal, clock, A, B)
    newer = {"at": START.isoformat(), "cloud": "arm.test", "endpoint_id": entry.endpoint_id.lower(), "known": None}
    with store.writing() as connection:
        for entry_id, kind in ((entry.id, "approved"), ("rollout", "rollout begun"), ("rollout", "rollout ended")):
            connection.execute(
                EVENTS.insert().values(newer | {"entry_id": entry_id, "kind": kind, "body": json.dumps({"by": "x"})})
            )
    assert journal.entry("rollout") is None
    assert [found.id for found in journal.unfinished()] == []
    ended = journal.end(entry, "applied by halves")
    assert ended.outcome == "applied by halves"
    assert [found.kind for found in journal.entries()] == [CHANGE, FIRST_SEEN]


def test_pages_of_entries_follow_each_other(journal: Journal, clock: Clock, see: Callable[..., Entry | None]) -> None:
    for number in range(7):
        see((A, B)[number % 2])
    first = journal.entries(limit=3)
    second = journal.entries(limit=3, before=first[-1].sequence)
    third = journal.entries(limit=3, before=second[-1].sequence)
    assert [*first, *second, *third] == journal.entries()
    assert [len(page) for page in (first, second, third)] == [3, 3, 1]
    assert journal.entries(since=first[-1].began_at) == first
    assert journal.entries(endpoint_id=first[0].endpoint_id.upper(), limit=3) == first
    assert journal.entries(endpoint_id="/none") == []


def test_it_does_not_slow_down_with_its_size(store: Store, journal: Journal, clock: Clock) -> None:
    """Counted in thousands of SQLite's own steps, which no busy machine changes."""
    names = [f"e{number}" for number in range(50)]
    steps: dict[str, int] = {}
    asked: dict[str, Callable[[], object]] = {
        "newest": lambda: journal.newest(shown(A, name="e1").id),
        "known": lambda: journal.known(shown(A, name="e1").id),
        "unfinished": journal.unfinished,
        "unattributed": lambda: journal.unattributed(clock() - timedelta(hours=3)),
        "of one": lambda: journal.entries(endpoint_id=shown(A, name="e1").id, limit=20),
        "recent": lambda: journal.entries(since=clock() - timedelta(hours=1)),
        "poll": lambda: journal.observe_all([shown(B, name=name) for name in names], clock()),
    }
    journal.observe_all([shown(A, name=name) for name in names], clock())
    fill(store, clock, names, 20_000)
    count = [0]

    def step() -> int:
        count[0] += 1
        return 0

    with store.reading() as connection:
        sqlite = connection.connection.dbapi_connection
        assert sqlite is not None
        sqlite.set_progress_handler(step, 1000)
    for name, ask in asked.items():
        count[0] = 0
        ask()
        steps[name] = count[0]
    assert max(steps.values()) < 30, steps


def fill(store: Store, clock: Clock, names: list[str], events: int) -> None:
    """Applied changes from A to B and back, over the endpoints in turn, the last one to B."""
    rows = []
    for number in range(events // 3):
        after, name = (A, B)[number // len(names) % 2], names[number % len(names)]
        found = shown(after, name=name)
        split = {"live": dict(after.live), "mirror": dict(after.mirror)}
        begun = {"endpoint_id": found.id, "endpoint_name": name, "before": split, "after": split}
        common = {"entry_id": str(number), "cloud": "arm.test", "endpoint_id": found.id.lower(), "known": None}
        common["at"] = clock.go(100).isoformat()
        known = json.dumps({"split": split, "modified_at": None, "at": common["at"]})
        rows.append(common | {"kind": "begun", "body": json.dumps(begun)})
        rows.append(common | {"kind": "sent", "body": "{}"})
        rows.append(common | {"kind": "ended", "body": json.dumps({"outcome": APPLIED}), "known": known})
    for name in names:
        rows.append(rows[-1] | {"entry_id": f"last {name}", "endpoint_id": shown(B, name=name).id.lower()})
    with store.writing() as connection:
        connection.execute(EVENTS.insert(), rows)
    clock.go(7200)
