"""Shadow tests on a local Azure: the mirror is set and cleared, minutes are kept, and the verdict is right."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.comparison.criteria import Criteria
from services.comparison.judge import ERRORS, Verdict
from services.comparison.quantiles import Margin
from services.errors import Conflict
from services.journal.entry import REFUSED, UNKNOWN, Who
from services.journal.journal import Journal
from services.metrics import deployment_metrics
from services.model import Split, Window, WorkspaceRef
from services.shadow import rows
from services.shadow.ending import LAST_MINUTES
from services.shadow.gathering import Read
from services.shadow.keeper import Keeper
from services.shadow.mirroring import TRY_AGAIN
from services.shadow.model import Asked, Pair, Reading, Run, RunState
from services.shadow.reporting import gather
from services.shadow.runs import Runs
from services.shadow.starting import new_run, plan_of
from services.store import Store
from services.traffic.applier import Applier
from services.traffic.plan import plan
from tests.contract.elsewhere import change_split, seed_endpoint, seed_workspace
from tests.contract.history import row
from tests.contract.monitor_clients import TABLES, seed, set_switches, switch_logs_on
from tests.local_azure import ROOT, LocalAzure

pytestmark = pytest.mark.emulator

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SETTLING = timedelta(minutes=15)
"""What the newest minutes need until every source has them."""
DEADLINE_SECONDS = 60.0
MINUTES, A_MINUTE = 40, 25
COUNTS_ONLY = Criteria(2.0, None, ())
WITH_LATENCY = Criteria(2.0, Margin(0.25, 5.0), (0.5,))
ASKED = Asked(Pair("blue", "green"), 20, COUNTS_ONLY, HOUR, "ann", "app")
MIRRORED = Split({"blue": 100}, {"green": 20})


class Clock:
    """A clock that can be put back to when the requests were, and forward again."""

    def __init__(self) -> None:
        self.back = timedelta()

    def go_back(self, by: timedelta) -> None:
        """To the middle of a minute: what a test takes by itself then ends no minute."""
        now = datetime.now(UTC)
        middle = (now - by).replace(second=30, microsecond=0)
        self.back = now - middle

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.back


class Process:
    """What one process of Sluice has of the shadow tests in a store."""

    def __init__(self, conn: Connection, path: Path, clock: Clock, read: Read = rows.read) -> None:
        self.store = Store(path)
        self.journal = Journal(self.store, conn.arm_host)
        self.applier = Applier(self.journal)
        runs = Runs(self.store, conn.arm_host)
        self.keeper = Keeper(conn, runs, self.journal, self.applier, now=clock, read=read)

    def close(self) -> None:
        self.keeper.stop()
        self.applier.stop()
        self.store.close()


@pytest.fixture(scope="module")
def place(local_azure: LocalAzure) -> WorkspaceRef:
    return seed_workspace(local_azure, "shadow-runs")


@pytest.fixture
def here(conn: Connection, place: WorkspaceRef, local_azure: LocalAzure) -> Iterator[Connection]:
    set_switches(local_azure, shadow_in_deployment_metrics=True, metric_delay_seconds=0, log_delay_seconds=0)
    yield conn.at(place)
    set_switches(local_azure, shadow_in_traffic_log=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(here: Connection, tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Process]]:
    """Starts another process of Sluice on the same store."""
    made: list[Process] = []

    def start(read: Read = rows.read, conn: Connection = here) -> Process:
        made.append(Process(conn, tmp_path / "sluice.db", clock, read))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def make(local_azure: LocalAzure, place: WorkspaceRef) -> Callable[..., str]:
    """Makes an endpoint of a name that was never used; its name."""

    def endpoint(mirror: dict[str, int] | None = None) -> str:
        name = f"shadow-run-{uuid.uuid4().hex[:8]}"
        seed_endpoint(local_azure, place, name, {"blue": 100}, mirror or {})
        return name

    return endpoint


def begin(process: Process, conn: Connection, name: str, asked: Asked = ASKED, run_id: str = "") -> Run:
    endpoint, deployments = get_endpoint(conn, name), list_deployments(conn, name)
    return process.keeper.begin(conn, endpoint, deployments, asked, run_id=run_id or uuid.uuid4().hex)


def looked_after(process: Process, run: Run, until: Callable[[Run], bool]) -> Run:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        process.keeper.round()
        found = process.keeper.runs.get(run.id)
        assert found is not None
        if until(found):
            return found
        assert time.monotonic() < deadline, found


def requests_of(
    name: str, start: datetime, minutes: int, *, slower: float = 1.0, failing: float = 0.0
) -> list[dict[str, Any]]:
    """A_MINUTE requests to both in each minute, of latencies around 100 ms. ``failing``: of green's."""
    rng, a_minute = np.random.default_rng(7), A_MINUTE
    rows: list[dict[str, Any]] = []
    for minute in range(minutes):
        load = float(np.exp(rng.normal(0, 0.15)))
        times = 100 * load * np.exp(rng.normal(0, 0.3, (2, a_minute)))
        statuses = np.where(rng.random(a_minute) < failing, 424, 200)
        for second, (live, copy, status) in enumerate(zip(times[0], slower * times[1], statuses, strict=True)):
            at = start + minute * MINUTE + timedelta(seconds=second)
            rows.append(row(at, name, "blue", 200, float(live)))
            rows.append(row(at, name, "green", int(status), float(copy), kind="mirror"))
    return rows


def wait_for_metrics(conn: Connection, name: str, start: datetime) -> None:
    """Wait until the metrics have all rows: minutes this old are taken as they are."""
    endpoint, deployments = get_endpoint(conn, name), list_deployments(conn, name)
    window = Window(start, start + MINUTES * MINUTE, 60)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while deployment_metrics(conn, endpoint, deployments, window).requests["count"].sum() < 2 * MINUTES * A_MINUTE:
        assert time.monotonic() < deadline


def told_of_statuses(run: Run) -> list[str]:
    return [each.sentence for each in run.remarks if each.sentence.startswith("Which statuses count as errors")]


def whole_minute(ago: timedelta) -> datetime:
    return (datetime.now(UTC) - ago).replace(second=0, microsecond=0)


def test_a_run_sets_the_mirror_and_clears_it_when_it_is_stopped(
    process: Callable[..., Process], here: Connection, make: Callable[..., str]
) -> None:
    name, one = make(), process()
    run = begin(one, here, name, run_id="a-decision-of-ann")
    assert begin(one, here, name, replace(ASKED, percent=50), "a-decision-of-ann") == run
    with pytest.raises(Conflict, match="Another one of this endpoint is running"):
        begin(one, here, name)

    run = looked_after(one, run, lambda found: found.set_at is not None)
    assert get_endpoint(here, name).split == run.split == MIRRORED
    assert run.state is RunState.RUNNING
    assert [each.name for each in run.setup] == ["blue", "green"]

    one.keeper.stop_run(run.id)
    ended = looked_after(one, run, lambda found: found.verdict is not None)

    assert get_endpoint(here, name).split == Split({"blue": 100})
    assert (ended.state, ended.verdict, ended.trouble) == (RunState.STOPPED, Verdict.NEED_MORE, "")
    assert ended.why == "Somebody stopped it before its time."
    reasons = [each.reason for each in one.journal.entries(endpoint_id=run.endpoint_id)]
    assert reasons[:2] == ["The shadow test has ended.", "Shadow test: is green as good as blue?"]
    assert one.keeper.runs.open() == ()


@pytest.mark.parametrize(
    ("planted", "criteria", "verdict", "by"),
    [
        ({"failing": 0.2}, COUNTS_ONLY, Verdict.FAIL, {ERRORS}),
        ({}, WITH_LATENCY, Verdict.PASS, set()),
        ({"slower": 1.5}, WITH_LATENCY, Verdict.FAIL, {"Latency in the same minute", "Latency P50"}),
    ],
    ids=["planted errors", "a true twin", "a planted slowdown"],
)
def test_what_was_planted_is_found(
    planted: Mapping[str, Any],
    criteria: Criteria,
    verdict: Verdict,
    by: set[str],
    process: Callable[..., Process],
    here: Connection,
    make: Callable[..., str],
    clock: Clock,
    local_azure: LocalAzure,
) -> None:
    set_switches(local_azure, shadow_in_traffic_log=criteria.latency is not None)
    name, one = make({"green": 20}), process()
    if criteria.latency is not None:
        switch_logs_on(local_azure, get_endpoint(here, name).id, TABLES[0], ago=3 * HOUR.total_seconds())
    start = whole_minute(MINUTES * MINUTE + SETTLING)
    seed(local_azure, rows=requests_of(name, start, MINUTES, **planted))
    wait_for_metrics(here, name, start)
    clock.back = datetime.now(UTC) - start
    run = begin(one, here, name, replace(ASKED, criteria=criteria, duration=MINUTES * MINUTE))
    assert run.set_at is not None

    clock.back = timedelta()
    ended = looked_after(one, run, lambda found: found.verdict is not None)

    view = one.keeper.standing(ended)
    assert (ended.state, ended.why, ended.trouble) == (RunState.ENDED, "Its time was over.", "")
    assert (ended.verdict, view.is_frozen) == (verdict, True), view
    assert {each.name for each in view.standings if each.verdict is Verdict.FAIL} == by
    assert view.minutes == MINUTES - 1, "the first one is not whole"
    assert view.standings[0].n == (MINUTES - 1) * A_MINUTE
    assert view.counts
    assert bool(view.rows) is (criteria.latency is not None)
    assert get_endpoint(here, name).split == Split({"blue": 100})


def test_a_killed_process_loses_nothing(
    process: Callable[..., Process],
    here: Connection,
    make: Callable[..., str],
    clock: Clock,
    local_azure: LocalAzure,
) -> None:
    name, first = make({"green": 20}), process()
    start = whole_minute(HOUR + SETTLING)
    seed(local_azure, rows=requests_of(name, start, 60))
    clock.back = datetime.now(UTC) - start + MINUTE
    run = begin(first, here, name)
    clock.back = HOUR / 2 + SETTLING
    first.keeper.round()
    half = first.keeper.standing(run)
    assert 25 <= half.minutes <= 31
    seen = len(first.keeper.runs.minutes(run.id))

    second = process()
    second.keeper.round()
    assert len(second.keeper.runs.minutes(run.id)) == seen, "the first may still live"
    clock.back = timedelta()
    ended = looked_after(second, run, lambda found: found.verdict is not None)

    whole = second.keeper.standing(ended)
    assert (ended.state, whole.minutes, ended.verdict) == (RunState.ENDED, 59, Verdict.PASS)
    ats = [each.at for each in second.keeper.runs.minutes(run.id)]
    assert ats == [start + number * MINUTE for number in range(59)], "it began a minute before the first request"


def test_errors_stay_what_they_were_when_it_began_although_the_setting_is_another_after_a_restart(
    process: Callable[..., Process],
    here: Connection,
    make: Callable[..., str],
    clock: Clock,
    local_azure: LocalAzure,
    connect_to: Callable[..., Connection],
) -> None:
    name, first = make({"green": 20}), process()
    start = whole_minute(MINUTES * MINUTE + SETTLING)
    planted = requests_of(name, start, MINUTES, failing=0.2)
    seed(local_azure, rows=planted)
    wait_for_metrics(here, name, start)
    clock.back = datetime.now(UTC) - start + MINUTE
    run = begin(first, here, name, replace(ASKED, duration=(MINUTES + 1) * MINUTE))
    clock.back = MINUTES / 2 * MINUTE + SETTLING
    half = looked_after(first, run, lambda found: bool(first.keeper.runs.minutes(found.id)))
    assert (half.statuses, told_of_statuses(half)) == (here.settings.statuses, [])

    now = connect_to(local_azure, SLUICE_SERVER_ERRORS="5xx").at(here.workspace)
    second = process(conn=now)
    # The first one's lease is over.
    clock.back -= 2 * MINUTE
    going = looked_after(second, run, lambda found: bool(told_of_statuses(found)))
    assert going.state is RunState.RUNNING
    second.keeper.round()
    clock.back = timedelta()
    ended = looked_after(second, run, lambda found: found.verdict is not None)

    kept = second.keeper.runs.minutes(run.id)
    failed = sum(each["status"] == 424 for each in planted)
    assert (len(kept), sum(each.candidate.errors for each in kept)) == (MINUTES, failed)
    assert len(told_of_statuses(ended)) == 1
    view = second.keeper.standing(ended)
    made = gather(second.keeper.runs, second.journal, ended, view, get_endpoint(here, name), now, ROOT)
    assert made.statuses == here.settings.statuses


def test_the_last_minutes_are_waited_for_but_not_for_ever(
    process: Callable[..., Process],
    here: Connection,
    make: Callable[..., str],
    clock: Clock,
) -> None:
    late = 3

    def read(*asked: Any, **more: Any) -> Reading:
        found = rows.read(*asked, **more)
        return replace(found, minutes=found.minutes[: len(found.minutes) - late])

    one = process(read)
    clock.go_back(HOUR)
    run = begin(one, here, make({"green": 20}), replace(ASKED, duration=10 * MINUTE))
    clock.back -= 11 * MINUTE
    ended = looked_after(one, run, lambda found: found.state is RunState.ENDED)
    some = len(one.keeper.runs.minutes(run.id))
    assert (ended.verdict, 6 <= some <= 7) == (None, True)

    late = 0
    clock.back -= MINUTE
    one.keeper.round()
    assert len(one.keeper.runs.minutes(run.id)) == some + 3
    assert one.keeper.runs.open() == ()


def test_a_verdict_is_frozen_without_minutes_that_never_come(
    process: Callable[..., Process], here: Connection, make: Callable[..., str], clock: Clock
) -> None:
    one = process(lambda *_, **__: Reading((), "", ""))
    clock.back = HOUR
    run = begin(one, here, make({"green": 20}), replace(ASKED, duration=10 * MINUTE))
    clock.back -= 10 * MINUTE
    looked_after(one, run, lambda found: found.state is RunState.ENDED)
    clock.back -= LAST_MINUTES - MINUTE
    one.keeper.round()
    assert len(one.keeper.runs.open()) == 1
    clock.back -= 2 * MINUTE
    one.keeper.round()
    assert one.keeper.runs.open() == ()
    ended = one.keeper.runs.get(run.id)
    assert ended is not None
    assert ended.verdict is Verdict.NEED_MORE


def test_a_process_that_dies_before_it_sets_the_mirror_leaves_a_broken_run(
    process: Callable[..., Process], here: Connection, make: Callable[..., str], clock: Clock
) -> None:
    name, one = make(), process()
    begun = begin(one, here, make({"green": 20}))
    lost = one.keeper.runs.begin(
        replace(begun, id="lost", endpoint_id=begun.endpoint_id.rpartition("/")[0] + f"/{name}", set_at=None)
    )
    one.keeper.round()
    assert one.keeper.runs.get(lost.id) == lost
    clock.back = -3 * MINUTE
    ended = looked_after(one, lost, lambda found: found.verdict is not None)
    assert (ended.state, ended.why) == (RunState.BROKEN, "Sluice was stopped before the mirror was set.")


def test_a_mirror_whose_fate_is_not_known_counts_once_azure_holds_it(
    process: Callable[..., Process], here: Connection, make: Callable[..., str], clock: Clock, local_azure: LocalAzure
) -> None:
    one = process()
    ids = []
    for is_held in (True, False):
        name = make()
        endpoint, deployments = get_endpoint(here, name), list_deployments(here, name)
        wanted = plan_of(endpoint, deployments, ASKED)
        run = one.keeper.runs.begin(new_run(uuid.uuid4().hex, wanted, deployments, ASKED, clock()))
        entry, _ = one.journal.begin(f"{run.id}-begin", endpoint, wanted.after, Who("app", "ann"))
        one.journal.end(entry, UNKNOWN)
        if is_held:
            change_split(local_azure, endpoint.id, MIRRORED.live, MIRRORED.mirror)
        ids.append(run.id)

    one.keeper.round()
    held, lost = (one.keeper.runs.get(each) for each in ids)
    assert held is not None
    assert lost is not None
    assert (held.set_at is not None, lost.set_at, lost.state) == (True, None, RunState.RUNNING)
    clock.back = -LAST_MINUTES - MINUTE
    ended = looked_after(one, lost, lambda found: found.verdict is not None)
    assert ended.why == "What became of setting the mirror is not known, and Azure does not hold it."


@pytest.mark.parametrize(
    ("live", "mirror", "why"),
    [
        ({"blue": 100}, {}, "The mirror was cleared."),
        ({"blue": 100}, {"green": 40}, "The mirror was changed to 40 % to green."),
        ({"blue": 60, "green": 40}, {}, "green was given live traffic."),
    ],
)
def test_a_split_changed_elsewhere_breaks_a_run_and_is_left_as_it_is(
    live: dict[str, int],
    mirror: dict[str, int],
    why: str,
    process: Callable[..., Process],
    here: Connection,
    make: Callable[..., str],
    local_azure: LocalAzure,
) -> None:
    name, one = make({"green": 20}), process()
    run = begin(one, here, name)
    one.keeper.round()
    change_split(local_azure, run.endpoint_id, live, mirror)

    ended = looked_after(one, run, lambda found: found.verdict is not None)

    assert ended.state is RunState.BROKEN
    assert ended.why.startswith(f"{why} It was changed without Sluice at ")
    assert ended.verdict is Verdict.NEED_MORE
    assert get_endpoint(here, name).split == Split(live, mirror)


def test_another_model_breaks_a_run_and_leaves_no_mirror_behind(
    process: Callable[..., Process], here: Connection, make: Callable[..., str]
) -> None:
    name, one = make({"green": 20}), process()
    run = begin(one, here, name)
    one.keeper.round()
    was = [replace(each, model="digits:0") if each.name == "green" else each for each in run.setup]
    one.keeper.runs.tell(run.id, lambda kept: replace(kept, setup=tuple(was)))

    ended = looked_after(one, run, lambda found: found.verdict is not None)

    assert ended.state is RunState.BROKEN
    assert ended.why.startswith("green became another one: its model is ")
    assert get_endpoint(here, name).split == Split({"blue": 100})


def test_an_endpoint_that_was_deleted_while_its_mirror_was_in_doubt_ends_its_run(
    process: Callable[..., Process], here: Connection, make: Callable[..., str], local_azure: LocalAzure
) -> None:
    one = process()
    run = begin(one, here, make({"green": 20}))
    endpoint = get_endpoint(here, run.endpoint_id.rsplit("/", 1)[-1])
    entry, _ = one.journal.begin("in-doubt", endpoint, Split({"blue": 100}, {"green": 30}), Who("app", "ann"))
    one.journal.end(entry, UNKNOWN)
    one.keeper.runs.tell(run.id, lambda kept: replace(kept, change_id="in-doubt", set_at=None))
    local_azure.finish(local_azure.arm("DELETE", run.endpoint_id))

    ended = looked_after(one, run, lambda found: found.verdict is not None)

    assert (ended.state, ended.why) == (RunState.BROKEN, "The endpoint was deleted.")


def test_other_shares_of_live_traffic_are_told_and_kept_when_the_mirror_is_cleared(
    process: Callable[..., Process], here: Connection, make: Callable[..., str], local_azure: LocalAzure
) -> None:
    name, one = make({"green": 20}), process()
    run = begin(one, here, name)
    change_split(local_azure, run.endpoint_id, {"blue": 90, "red": 10}, {"green": 20})
    one.keeper.round()
    view = one.keeper.standing(one.keeper.runs.get(run.id) or run)
    assert view.told[0].startswith("The live traffic is 90 % blue, 10 % red instead of 100 % blue.")

    one.keeper.stop_run(run.id)
    looked_after(one, run, lambda found: found.state is RunState.STOPPED)
    assert get_endpoint(here, name).split == Split({"blue": 90, "red": 10})


def test_an_endpoint_that_was_deleted_ends_its_run(
    process: Callable[..., Process], here: Connection, make: Callable[..., str], local_azure: LocalAzure
) -> None:
    name, one = make({"green": 20}), process()
    run = begin(one, here, name)
    local_azure.finish(local_azure.arm("DELETE", run.endpoint_id))
    ended = looked_after(one, run, lambda found: found.verdict is not None)
    assert (ended.state, ended.why) == (RunState.BROKEN, "The endpoint was deleted.")


def test_that_azure_does_not_answer_is_told_and_ends_no_run(
    process: Callable[..., Process],
    here: Connection,
    make: Callable[..., str],
    local_azure: LocalAzure,
    fault: Callable[..., None],
) -> None:
    one = process()
    run = begin(one, here, make({"green": 20}))
    fault(path="/subscriptions/*/onlineEndpoints/*", status=500)
    one.keeper.round()
    troubled = one.keeper.runs.get(run.id)
    assert troubled is not None
    assert troubled.state is RunState.RUNNING
    assert troubled.trouble
    local_azure.control("DELETE", "faults").raise_for_status()
    assert looked_after(one, run, lambda found: not found.trouble).state is RunState.RUNNING


def test_a_mirror_that_cannot_be_cleared_is_tried_again_later(
    process: Callable[..., Process],
    here: Connection,
    make: Callable[..., str],
    clock: Clock,
    local_azure: LocalAzure,
    fault: Callable[..., None],
) -> None:
    name, one = make({"green": 20}), process()
    run = begin(one, here, name)
    one.keeper.stop_run(run.id)
    fault(path="/subscriptions/*/onlineEndpoints/*", method="PUT", status=403, code="AuthorizationFailed")

    looked_after(one, run, lambda found: "The mirror was not cleared" in found.trouble)
    one.keeper.round()
    tried = [each.outcome for each in one.journal.entries(endpoint_id=run.endpoint_id) if each.reason]
    assert tried == [REFUSED]
    assert get_endpoint(here, name).split == MIRRORED

    local_azure.control("DELETE", "faults").raise_for_status()
    clock.back = -2 * TRY_AGAIN
    assert looked_after(one, run, lambda found: found.verdict is not None).state is RunState.STOPPED
    assert get_endpoint(here, name).split == Split({"blue": 100})


def test_a_mirror_that_was_cleared_by_a_process_that_died_is_known_as_ours(
    process: Callable[..., Process], here: Connection, make: Callable[..., str], clock: Clock
) -> None:
    name, first = make({"green": 20}), process()
    run = begin(first, here, name)
    first.keeper.stop_run(run.id)
    endpoint, deployments = get_endpoint(here, name), list_deployments(here, name)
    first.keeper.runs.tell(run.id, lambda kept: replace(kept, clearing_id="cleared-and-killed"))
    wanted = plan(endpoint, deployments, {"blue": 100}, None, 0)
    first.applier.start(here, wanted, change_id="cleared-and-killed", who=Who("app", "ann"))
    first.applier.wait(endpoint.id, DEADLINE_SECONDS)

    ended = looked_after(process(), run, lambda found: found.verdict is not None)
    assert (ended.state, ended.why) == (RunState.STOPPED, "Somebody stopped it before its time.")


def test_a_reader_cannot_begin_one_and_is_told_why(
    connect_to: Callable[..., Connection],
    local_azure: LocalAzure,
    place: WorkspaceRef,
    make: Callable[..., str],
    tmp_path: Path,
    clock: Clock,
) -> None:
    reader = connect_to(local_azure, "reader").at(place)
    one = Process(reader, tmp_path / "reader.db", clock)
    run = begin(one, reader, make())
    ended = looked_after(one, run, lambda found: found.verdict is not None)
    one.close()
    assert ended.state is RunState.BROKEN
    assert ended.why.startswith("The mirror was not set. ")
