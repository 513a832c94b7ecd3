"""Applying a plan in the background: phases, waits, refusals, what is never written twice, and what is journaled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.azure.connection import Connection, connect
from services.azure.operations import Poll
from services.errors import (
    AccessDenied,
    Conflict,
    NotFound,
    RuleBroken,
    ServiceFailed,
    SignInFailed,
    StoreFailed,
    Throttled,
    Timeout,
    Unreachable,
)
from services.journal.entry import APPLIED, CANCELLED, DRIFT, FAILED, REFUSED, UNKNOWN, Entry, Who
from services.journal.journal import Journal
from services.model import Endpoint, Split, WorkspaceRef
from services.settings import Settings
from services.store import Store
from services.traffic.application import Application
from services.traffic.applier import Applier
from services.traffic.plan import Plan, plan
from tests.azure_in_memory import WAIT_SECONDS, Azure, Clock
from tests.values import WORKSPACE, deployments

ENDPOINT = f"{WORKSPACE}/onlineEndpoints/digits"
BEFORE, AFTER, THEIRS = Split({"blue": 100}), Split({"blue": 70, "green": 30}), Split({"green": 100})
WHO = Who("app", "ann")
GONE = Unreachable("a.", "Nothing answers.", "c.")
BUSY = Conflict("a.", "An operation is running.", "c.")
RUNNING = Poll("InProgress", retry_after_seconds=1.0)


@pytest.fixture
def conn(tmp_path: Path) -> Connection:
    environ = {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g", "AZUREML_WORKSPACE_NAME": "w"}
    return connect(Settings.read(environ, tmp_path))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def azure(clock: Clock) -> Azure:
    return Azure(clock, BEFORE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


@pytest.fixture
def journal(store: Store, clock: Clock) -> Journal:
    return Journal(store, "arm.test", now=clock.now)


@pytest.fixture
def applier(journal: Journal, azure: Azure, clock: Clock) -> Iterator[Applier]:
    made = Applier(journal, endpoints=azure, now=clock.now, sleep=clock.sleep)
    yield made
    azure.hold.set()
    made.stop()


@pytest.fixture
def begin(applier: Applier, conn: Connection, azure: Azure) -> Callable[..., Application]:
    def start(percent: int = 30, change_id: str = "first", **more: str) -> Application:
        return applier.start(conn, shift(azure, percent), change_id=change_id, who=WHO, **more)

    return start


@pytest.fixture
def apply(applier: Applier, begin: Callable[..., Application]) -> Callable[..., Application]:
    def run(percent: int = 30, change_id: str = "first") -> Application:
        begin(percent, change_id)
        return finished(applier)

    return run


Run = Callable[..., Application]


def shift(azure: Azure, percent: int = 30) -> Plan:
    """A plan made from what Azure holds now."""
    live = {"blue": 100 - percent, "green": percent}
    return plan(azure.document, deployments("blue", "green"), live, None, 0)


def finished(applier: Applier) -> Application:
    application = applier.wait(ENDPOINT, WAIT_SECONDS)
    assert application is not None
    assert not application.is_running
    return application


def entry(journal: Journal) -> Entry:
    found = journal.newest(ENDPOINT)
    assert found is not None
    return found


def drifts(journal: Journal) -> list[tuple[Split | None, Split]]:
    return [(found.before, found.after) for found in journal.entries() if found.kind == DRIFT]


def test_nothing_was_applied_yet(applier: Applier) -> None:
    assert applier.current(ENDPOINT) is None


def test_a_plan_is_written_read_back_and_journaled(
    applier: Applier, begin: Run, azure: Azure, journal: Journal
) -> None:
    first = begin(reason="slow", restores="earlier")
    last = finished(applier)
    kept = entry(journal)

    assert first.is_running
    assert (last.phase, last.outcome, last.error, last.held) == ("done", APPLIED, None, AFTER)
    assert azure.split == AFTER
    assert (kept.outcome, kept.before, kept.after, kept.held) == (APPLIED, BEFORE, AFTER, AFTER)
    assert (kept.who, kept.reason, kept.restores, kept.request_ids) == (WHO, "slow", "earlier", ("r-1",))
    assert kept.sent_at is not None
    assert drifts(journal) == []


def test_a_reader_that_lags_behind_the_write_is_asked_again(apply: Run, azure: Azure) -> None:
    def lag() -> None:
        azure.lag = 3

    azure.polls = [lag]
    last = apply()

    assert last.outcome == APPLIED
    assert last.elapsed_seconds >= 3


def test_a_reader_that_lags_behind_the_last_change_is_no_conflict(apply: Run, azure: Azure, journal: Journal) -> None:
    azure.change(Split({"blue": 90, "green": 10}))
    azure.lag = 2

    assert apply(40).outcome == APPLIED
    assert azure.split == Split({"blue": 60, "green": 40})
    assert drifts(journal) == []


def test_what_the_journal_knows_to_be_newer_is_not_overwritten(
    applier: Applier, conn: Connection, azure: Azure, journal: Journal, clock: Clock
) -> None:
    wanted = shift(azure)
    journal.observe(azure.document, clock.now())
    clock.sleep(1)
    azure.change(THEIRS)
    clock.sleep(1)
    journal.observe(azure.document, clock.now())
    clock.sleep(1)
    azure.lag = 5
    applier.start(conn, wanted, change_id="first", who=WHO)
    last = finished(applier)

    assert (last.outcome, last.held) == (REFUSED, THEIRS)
    assert azure.written == []


def test_a_change_made_meanwhile_is_a_conflict_that_shows_it(
    applier: Applier, conn: Connection, azure: Azure, journal: Journal, clock: Clock
) -> None:
    wanted = shift(azure)
    clock.sleep(1)
    azure.change(THEIRS)
    applier.start(conn, wanted, change_id="first", who=WHO)
    clock.sleep(1)
    last = finished(applier)

    assert (last.outcome, last.held, azure.written) == (REFUSED, THEIRS, [])
    assert isinstance(last.error, Conflict)
    assert (entry(journal).outcome, entry(journal).held) == (REFUSED, THEIRS)
    assert drifts(journal) == [(BEFORE, THEIRS)]

    after_a_restart = Applier(journal, endpoints=azure, now=clock.now).current(ENDPOINT)
    assert after_a_restart is not None
    assert isinstance(after_a_restart.error, Conflict)
    assert after_a_restart.error.theirs == THEIRS


def test_a_change_made_right_after_ours_is_two_changes(
    apply: Run, azure: Azure, journal: Journal, clock: Clock
) -> None:
    def interfere() -> None:
        clock.sleep(1)
        azure.change(THEIRS)

    azure.polls = [interfere]
    last = apply()

    assert (last.outcome, last.held) == (APPLIED, THEIRS)
    assert isinstance(last.error, Conflict)
    assert drifts(journal) == [(AFTER, THEIRS)]


def test_a_write_whose_time_is_not_told_is_not_taken_for_somebody_elses(
    apply: Run, azure: Azure, journal: Journal, clock: Clock
) -> None:
    azure.answers_times = False

    def fall_back() -> None:
        clock.sleep(1)
        azure.change(BEFORE)

    azure.polls = [fall_back]
    last = apply()

    assert (last.outcome, last.held) == (UNKNOWN, BEFORE)
    assert drifts(journal) == []


def test_a_read_back_that_never_agrees_shows_both_and_is_journaled(apply: Run, azure: Azure, journal: Journal) -> None:
    azure.tells_times = False

    def forget() -> None:
        azure.change(THEIRS)

    azure.polls = [forget]
    last = apply()

    assert (last.outcome, last.after, last.held) == (UNKNOWN, AFTER, THEIRS)
    assert last.elapsed_seconds >= 60
    assert (entry(journal).outcome, entry(journal).held) == (UNKNOWN, THEIRS)


def test_another_operation_is_waited_for_with_a_reason_and_then_read_again(
    begin: Run, applier: Applier, azure: Azure, clock: Clock
) -> None:
    notes: list[str] = []

    def watch() -> None:
        shown = applier.current(ENDPOINT)
        notes.append(f"{shown.phase}: {shown.note}" if shown else "")
        if len(notes) == 5:
            azure.state("Succeeded")

    azure.state("Updating")
    azure.reads = [watch] * 5
    begin()

    assert finished(applier).outcome == APPLIED
    assert "waiting for others: Another operation is running on the endpoint: its state is Updating." in notes[2]
    assert azure.written == [AFTER]


def test_an_operation_that_changes_the_split_meanwhile_ends_the_waiting(apply: Run, azure: Azure) -> None:
    azure.puts = [BUSY, None]
    azure.reads = [None, lambda: azure.change(THEIRS)]
    last = apply()

    assert (last.outcome, last.held, azure.written) == (REFUSED, THEIRS, [])


def test_a_refusal_because_an_operation_runs_is_waited_out(apply: Run, azure: Azure, journal: Journal) -> None:
    azure.puts = [BUSY, BUSY, None]

    assert apply().outcome == APPLIED
    assert azure.written == [AFTER]


def test_the_wait_for_others_has_an_end(apply: Run, azure: Azure) -> None:
    azure.state("Updating")
    last = apply()

    assert (last.outcome, azure.written) == (REFUSED, [])
    assert isinstance(last.error, Conflict)
    assert "15 minutes" in last.error.why
    assert 900 <= last.elapsed_seconds < 910


@pytest.mark.parametrize(("retry_after", "seconds"), [(7.0, 7), (None, 10)])
def test_a_throttled_write_waits_as_long_as_azure_asks(
    apply: Run, azure: Azure, retry_after: float | None, seconds: int
) -> None:
    azure.puts = [Throttled("a.", "b.", "c.", retry_after_seconds=retry_after), None]
    last = apply()

    assert (last.outcome, azure.written) == (APPLIED, [AFTER])
    assert seconds <= last.elapsed_seconds < seconds + 1


def test_throttling_without_end_is_given_up(apply: Run, azure: Azure) -> None:
    azure.puts = [Throttled("a.", "b.", "c.")] * 50
    last = apply()

    assert (last.outcome, azure.written) == (REFUSED, [])
    assert isinstance(last.error, Throttled)


def test_nobody_waits_an_hour_because_azure_asks_to(apply: Run, azure: Azure) -> None:
    azure.reads = [Throttled("a.", "b.", "c.", retry_after_seconds=3600)]
    last = apply()

    assert isinstance(last.error, Throttled)
    assert last.elapsed_seconds < 1


def test_a_read_without_an_answer_is_repeated_for_a_while(apply: Run, azure: Azure) -> None:
    azure.reads = [GONE, Timeout("a.", "b.", "c."), ServiceFailed("a.", "b.", "c.")]
    assert apply().outcome == APPLIED


def test_an_azure_that_stays_away_before_the_write_is_given_up(apply: Run, azure: Azure) -> None:
    azure.reads = [GONE] * 1000
    last = apply()

    assert (last.outcome, last.error) == (REFUSED, GONE)
    assert last.elapsed_seconds < 60


@pytest.mark.parametrize(
    "error", [RuleBroken("a.", "b.", "c."), AccessDenied("a.", "b.", "c."), SignInFailed("a.", "b.", "c.")]
)
def test_a_refused_write_ends_at_once(apply: Run, azure: Azure, journal: Journal, error: Exception) -> None:
    azure.puts = [error]
    last = apply()

    assert (last.outcome, last.error, azure.split) == (REFUSED, error, BEFORE)
    assert entry(journal).outcome == REFUSED


def test_an_endpoint_that_was_deleted_before_the_write(apply: Run, azure: Azure) -> None:
    azure.reads = [lambda: setattr(azure, "is_deleted", True)]
    last = apply()

    assert last.outcome == REFUSED
    assert isinstance(last.error, NotFound)


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_endpoint_that_was_deleted_after_the_write(apply: Run, azure: Azure, is_lost: bool) -> None:
    azure.loses = GONE if is_lost else None
    azure.reads = [None, lambda: setattr(azure, "is_deleted", True)]
    last = apply()

    assert last.outcome == UNKNOWN
    assert isinstance(last.error, NotFound)
    assert 10 <= last.elapsed_seconds < 60


def test_rules_are_checked_against_the_deployments_of_that_moment(
    applier: Applier, conn: Connection, azure: Azure
) -> None:
    wanted = shift(azure)
    azure.names = ("blue",)
    applier.start(conn, wanted, change_id="first", who=WHO)
    last = finished(applier)

    assert isinstance(last.error, RuleBroken)
    assert "no deployment named green" in last.error.why
    assert azure.written == []


def test_a_write_without_an_answer_that_azure_has_is_found(apply: Run, azure: Azure) -> None:
    azure.loses = GONE
    last = apply()

    assert (last.outcome, last.error, last.held) == (APPLIED, None, AFTER)
    assert azure.written == [AFTER]


def test_a_write_without_an_answer_that_shows_late_is_waited_for(apply: Run, azure: Azure) -> None:
    def lag() -> None:
        azure.lag = 30

    azure.loses = GONE
    azure.reads = [None, lag]

    assert apply().outcome == APPLIED
    assert azure.written == [AFTER]


def test_a_write_that_never_arrived_is_not_sent_again(apply: Run, azure: Azure, journal: Journal) -> None:
    azure.loses = GONE
    azure.is_deaf = True
    last = apply()

    assert (last.outcome, last.held) == (REFUSED, BEFORE)
    assert last.error is not None
    assert "has not reached it" in last.error.why
    assert len(azure.written) == 1
    assert 60 <= last.elapsed_seconds < 70


def test_an_older_split_that_looks_like_the_wanted_one_is_not_believed(
    applier: Applier, conn: Connection, azure: Azure, clock: Clock
) -> None:
    earlier = azure.document
    clock.sleep(5)
    azure.change(THEIRS)
    back = plan(azure.document, deployments("blue", "green"), {"blue": 100}, None, 0)

    def lose() -> None:
        azure.before = earlier
        azure.lag = 5
        azure.is_deaf = True

    azure.loses = GONE
    azure.puts = [lose]
    applier.start(conn, back, change_id="first", who=WHO)

    assert finished(applier).outcome == REFUSED


def test_a_lost_write_and_somebody_elses_is_unknown_and_shows_theirs(
    apply: Run, azure: Azure, journal: Journal
) -> None:
    azure.loses = GONE
    azure.reads = [None, lambda: azure.change(THEIRS)]
    last = apply()

    assert (last.outcome, last.held) == (UNKNOWN, THEIRS)
    assert last.error is not None
    assert "what became of it is not known" in last.error.what
    assert drifts(journal) == [(BEFORE, THEIRS)]


def test_a_lost_write_that_azure_took_and_undid_has_failed(apply: Run, azure: Azure) -> None:
    azure.loses = GONE
    azure.reads = [None, lambda: azure.change(BEFORE, "Failed")]
    last = apply()

    assert (last.outcome, last.held) == (FAILED, BEFORE)


def test_a_write_that_never_arrived_is_found_out_when_azure_is_back(
    apply: Run, applier: Applier, conn: Connection, azure: Azure
) -> None:
    azure.loses, azure.is_deaf = GONE, True
    azure.reads = [None, *[GONE] * 1000]
    assert apply().outcome == UNKNOWN

    azure.reads = []
    applier.recover_now(conn)
    found = applier.current(ENDPOINT)
    assert found is not None
    assert (found.outcome, found.held) == (REFUSED, BEFORE)


def test_azure_that_is_gone_after_it_has_accepted_leaves_an_unknown_end_that_is_found_out_later(
    apply: Run, applier: Applier, conn: Connection, azure: Azure, journal: Journal
) -> None:
    azure.polls = [GONE] * 1000
    azure.reads = [None, *[GONE] * 1000]
    last = apply()

    assert (last.outcome, last.held) == (UNKNOWN, None)
    assert isinstance(last.error, Unreachable)
    assert "accepted by Azure" in last.error.what
    assert 120 <= last.elapsed_seconds < 200

    azure.reads, azure.polls = [], []
    applier.recover_now(conn)
    found = applier.current(ENDPOINT)
    assert found is not None
    assert (found.outcome, found.held) == (APPLIED, AFTER)


@pytest.mark.parametrize("failure", [ServiceFailed("a.", "b.", "c."), Conflict("a.", "canceled", "c.")])
def test_an_operation_that_failed_says_so_and_what_azure_holds(
    apply: Run, azure: Azure, journal: Journal, failure: RuleBroken
) -> None:
    azure.polls = [RUNNING, Poll("Failed", failure=failure)]
    azure.reads = [None, lambda: azure.change(BEFORE, "Failed")]
    last = apply()

    assert (last.outcome, last.error, last.held) == (FAILED, failure, BEFORE)
    assert (entry(journal).outcome, entry(journal).held) == (FAILED, BEFORE)


def test_an_operation_that_never_ends_is_unknown_and_looked_at_again(
    apply: Run, applier: Applier, conn: Connection, azure: Azure
) -> None:
    azure.polls = [RUNNING] * 2000
    azure.puts = [lambda: None]
    last = apply()

    assert last.outcome == UNKNOWN
    assert isinstance(last.error, Timeout)
    assert "still InProgress after 15 minutes" in last.error.why
    assert 900 <= last.elapsed_seconds < 910

    applier.recover_now(conn)
    found = applier.current(ENDPOINT)
    assert found is not None
    assert found.outcome == APPLIED


def test_polls_without_an_answer_do_not_end_the_waiting(apply: Run, azure: Azure) -> None:
    azure.polls = [GONE, Throttled("a.", "b.", "c."), ServiceFailed("a.", "b.", "c."), NotFound("a.", "b.", "c.")]
    assert apply().outcome == APPLIED


def test_a_written_split_that_cannot_be_read_back_is_said_to_be_written(apply: Run, azure: Azure) -> None:
    azure.reads = [None, *[SignInFailed("a.", "b.", "c.")] * 1000]
    last = apply()

    assert last.outcome == UNKNOWN
    assert isinstance(last.error, SignInFailed)
    assert last.error.what == "The split of digits was written but could not be confirmed."


def test_a_bug_before_the_write_ends_as_refused(apply: Run, azure: Azure, caplog: pytest.LogCaptureFixture) -> None:
    azure.reads = [ZeroDivisionError()]
    last = apply()

    assert (last.outcome, type(last.error)) == (REFUSED, ServiceFailed)
    assert "ZeroDivisionError" in caplog.text


def test_a_bug_after_the_write_ends_as_unknown(apply: Run, azure: Azure, caplog: pytest.LogCaptureFixture) -> None:
    azure.polls = [ZeroDivisionError()]
    last = apply()

    assert (last.outcome, type(last.error)) == (UNKNOWN, ServiceFailed)
    assert "ZeroDivisionError" in caplog.text


def test_the_same_decision_is_applied_once_for_ever(apply: Run, begin: Run, applier: Applier, azure: Azure) -> None:
    apply()
    azure.change(BEFORE)
    again = begin()

    assert (again.outcome, again.change_id) == (APPLIED, "first")
    assert azure.written == [AFTER]


def test_the_same_plan_from_another_tab_joins(begin: Run, applier: Applier, azure: Azure) -> None:
    azure.hold.clear()
    begin()
    assert azure.writing.wait(WAIT_SECONDS)
    second = begin(change_id="second")
    azure.hold.set()

    assert (second.phase, second.change_id) == ("writing", "first")
    assert finished(applier).outcome == APPLIED
    assert azure.written == [AFTER]


def test_another_plan_meanwhile_is_refused(begin: Run, applier: Applier, azure: Azure) -> None:
    azure.hold.clear()
    begin()
    assert azure.writing.wait(WAIT_SECONDS)
    with pytest.raises(Conflict, match="under way"):
        begin(40, "second")
    azure.hold.set()

    assert finished(applier).outcome == APPLIED


def test_after_one_is_done_the_next_may_start(apply: Run, azure: Azure) -> None:
    apply()
    assert apply(0, "second").outcome == APPLIED
    assert azure.split == BEFORE


def test_a_plan_that_changes_nothing_is_refused(begin: Run) -> None:
    with pytest.raises(RuleBroken, match="changes nothing"):
        begin(0)


def test_many_clicks_at_once_write_once(begin: Run, applier: Applier, azure: Azure) -> None:
    azure.hold.clear()
    gate = threading.Barrier(8)

    def click(number: int) -> None:
        gate.wait(WAIT_SECONDS)
        begin(change_id=f"change {number}")

    clicks = [threading.Thread(target=click, args=(number,)) for number in range(8)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join(WAIT_SECONDS)
    azure.hold.set()

    assert finished(applier).outcome == APPLIED
    assert azure.written == [AFTER]


def test_a_change_that_waits_can_be_cancelled(begin: Run, applier: Applier, azure: Azure, journal: Journal) -> None:
    azure.state("Updating")
    azure.reads = [None, None, lambda: None if applier.cancel(ENDPOINT) else pytest.fail("not cancelled")]
    begin()
    last = finished(applier)

    assert (last.outcome, last.can_cancel, azure.written) == (CANCELLED, False, [])
    assert entry(journal).outcome == CANCELLED


def test_what_breaks_while_it_is_being_cancelled_is_not_said_to_be_written(
    begin: Run, applier: Applier, azure: Azure, journal: Journal
) -> None:
    def cancel_and_break() -> None:
        assert applier.cancel(ENDPOINT)
        raise ZeroDivisionError

    azure.reads = [cancel_and_break]
    begin()
    done = finished(applier)
    assert (done.outcome, azure.written, entry(journal).outcome) == (REFUSED, [], REFUSED)
    assert done.error is not None
    assert "was not changed" in done.error.what


def test_a_plan_is_applied_in_the_workspace_of_its_endpoint(
    applier: Applier, conn: Connection, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of endpoints are the same in many workspaces: the connection may look at another one."""
    asked: list[str] = []
    read = azure.get_endpoint

    def note(at: Connection, name: str) -> Endpoint:
        asked.append(at.workspace.name)
        return read(at, name)

    monkeypatch.setattr(azure, "get_endpoint", note)
    elsewhere = conn.at(WorkspaceRef("s", "g", "another"))
    applier.start(elsewhere, shift(azure), change_id="first", who=WHO)
    assert finished(applier).outcome == APPLIED
    assert set(asked) == {azure.document.workspace_ref.name}


def test_from_the_write_on_nothing_can_be_cancelled(begin: Run, applier: Applier, azure: Azure) -> None:
    azure.hold.clear()
    begin()
    assert azure.writing.wait(WAIT_SECONDS)
    running = applier.current(ENDPOINT)
    assert not applier.cancel(ENDPOINT)
    azure.hold.set()

    assert running is not None
    assert not running.can_cancel
    assert finished(applier).outcome == APPLIED
    assert not applier.cancel(ENDPOINT)


def test_nothing_is_sent_that_cannot_be_journaled(
    applier: Applier, conn: Connection, azure: Azure, store: Store
) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(StoreFailed):
        applier.start(conn, shift(azure), change_id="first", who=WHO)

    assert azure.written == []


def test_a_journal_that_fails_right_before_the_write_keeps_the_write_back(
    apply: Run, azure: Azure, store: Store
) -> None:
    def fill() -> None:
        with store.writing() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER full BEFORE INSERT ON events WHEN NEW.kind = 'sent' "
                "BEGIN SELECT RAISE(ABORT, 'full'); END"
            )

    azure.reads = [fill]
    last = apply()

    assert (last.outcome, azure.written) == (REFUSED, [])
    assert isinstance(last.error, StoreFailed)


def test_an_end_that_cannot_be_journaled_is_shown_and_journaled_later(
    apply: Run, azure: Azure, store: Store, journal: Journal, clock: Clock, conn: Connection
) -> None:
    def fill() -> None:
        with store.writing() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER full BEFORE INSERT ON events WHEN NEW.kind = 'ended' "
                "BEGIN SELECT RAISE(ABORT, 'full'); END"
            )

    azure.polls = [fill]
    last = apply()
    assert last.outcome == APPLIED
    assert isinstance(last.error, StoreFailed)

    with store.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    clock.sleep(31)
    following = Applier(journal, endpoints=azure, now=clock.now, sleep=clock.sleep)
    assert [found.outcome for found in following.recover_now(conn)] == [APPLIED]


def test_a_process_that_stood_still_before_the_write_reads_again(
    apply: Run, azure: Azure, clock: Clock, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = journal.sent
    stood_still: list[int] = []

    def slow(*arguments: object, **more: object) -> None:
        sent(*arguments, **more)  # type: ignore[arg-type]  # handed on as they are
        if not stood_still:
            stood_still.append(1)
            clock.sleep(3600)
            azure.change(THEIRS)

    monkeypatch.setattr(journal, "sent", slow)
    last = apply()

    assert (last.outcome, last.held, azure.written) == (REFUSED, THEIRS, [])


def test_the_end_of_sluice_leaves_a_sent_change_to_the_next_start(
    begin: Run, applier: Applier, azure: Azure, journal: Journal, clock: Clock, conn: Connection
) -> None:
    def stop() -> None:
        applier.stop(0.0)
        raise GONE

    azure.polls = [stop]
    begin()
    applier.wait(ENDPOINT, WAIT_SECONDS)
    assert entry(journal).outcome == ""

    following = Applier(Journal(journal._store, "arm.test", now=clock.now), endpoints=azure, now=clock.now)
    assert [found.outcome for found in following.recover_now(conn)] == [APPLIED]
    assert azure.written == [AFTER]


def test_the_end_of_sluice_before_the_write_cancels(
    begin: Run, applier: Applier, azure: Azure, journal: Journal
) -> None:
    azure.state("Updating")
    azure.reads = [lambda: applier.stop(0.0)]
    begin()

    assert finished(applier).outcome == CANCELLED
    assert entry(journal).outcome == CANCELLED


def test_the_change_of_another_process_is_seen_and_joined(
    store: Store, azure: Azure, applier: Applier, conn: Connection, clock: Clock
) -> None:
    other = Applier(Journal(store, "arm.test", now=clock.now), endpoints=azure, now=clock.now, sleep=clock.sleep)
    azure.hold.clear()
    wanted = shift(azure)
    applier.start(conn, wanted, change_id="first", who=WHO)
    assert azure.writing.wait(WAIT_SECONDS)
    seen = other.current(ENDPOINT)
    joined = other.start(conn, wanted, change_id="second", who=WHO)
    azure.hold.set()
    finished(applier)
    ended = other.current(ENDPOINT)

    assert seen is not None
    assert ended is not None
    assert (seen.is_running, seen.phase, seen.can_cancel) == (True, "waiting", False)
    assert joined.change_id == "first"
    assert (ended.outcome, ended.held) == (APPLIED, AFTER)
    assert azure.written == [AFTER]


def test_the_last_change_is_known_after_a_restart(apply: Run, journal: Journal, azure: Azure, clock: Clock) -> None:
    azure.puts = [AccessDenied("What.", "Why.", "Next.")]
    before = apply()
    clock.at += timedelta(hours=1)
    after = Applier(journal, endpoints=azure, now=clock.now).current(ENDPOINT)

    assert after is not None
    assert after.error is not None
    assert (after.outcome, after.error.what, after.elapsed_seconds) == (REFUSED, "What.", before.elapsed_seconds)
