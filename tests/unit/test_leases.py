"""Who may change an endpoint: leases, interrupted changes, and ends that are found out later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.errors import Conflict
from services.journal.entry import APPLIED, DRIFT, FAILED, REFUSED, UNKNOWN, Entry, Known, Who
from services.journal.journal import Journal
from services.model import Endpoint, Split
from services.store import Store
from tests.values import endpoint

BEFORE, AFTER, THEIRS = Split({"blue": 100}), Split({"blue": 70, "green": 30}), Split({"green": 100})
WHO = Who("app", "ann")


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def go(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(tmp_path: Path, clock: Clock) -> Iterator[Callable[[str], Journal]]:
    """The journal as a process sees it: all share one file."""
    stores: list[Store] = []

    def make(holder: str) -> Journal:
        stores.append(Store(tmp_path / "sluice.db"))
        return Journal(stores[-1], "arm.test", now=clock.now, holder=holder)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def one(process: Callable[[str], Journal]) -> Journal:
    return process("one")


@pytest.fixture
def other(process: Callable[[str], Journal]) -> Journal:
    return process("other")


def shown(split: Split = BEFORE) -> Endpoint:
    return endpoint(split.live, split.mirror)


def begin(journal: Journal, entry_id: str = "first") -> Entry:
    return journal.begin(entry_id, shown(), AFTER, WHO)[0]


def known(split: Split, clock: Clock) -> Known:
    return Known(split, None, clock.now())


def test_an_endpoint_is_changed_by_one_process_at_a_time(one: Journal, other: Journal) -> None:
    begin(one)

    with pytest.raises(Conflict, match="under way"):
        begin(other, "second")


def test_a_change_begins_once_however_often_it_is_asked_for(one: Journal, other: Journal, clock: Clock) -> None:
    assert one.begin("first", shown(), AFTER, WHO)[1]
    assert not other.begin("first", shown(), AFTER, WHO)[1]
    clock.go(3600)
    assert not other.begin("first", shown(), AFTER, WHO)[1]


def test_a_renewed_lease_stays(one: Journal, other: Journal, clock: Clock) -> None:
    entry = begin(one)
    clock.go(20)
    assert one.renew(entry)
    clock.go(20)

    assert not other.take(entry)
    assert other.unfinished() == []


def test_what_a_dead_process_left_is_taken_over_by_one_alone(one: Journal, other: Journal, clock: Clock) -> None:
    entry = begin(one)
    one.sent(entry)
    clock.go(31)

    assert [found.id for found in other.unfinished()] == ["first"]
    assert other.take(entry)
    assert not other.take(entry)
    assert not one.renew(entry)


def test_a_process_that_stood_still_may_not_write_any_more(one: Journal, other: Journal, clock: Clock) -> None:
    entry = begin(one)
    clock.go(31)
    assert other.take(entry)

    with pytest.raises(Conflict, match="stood still"):
        one.sent(entry)


def test_a_process_that_stood_still_unnoticed_goes_on(one: Journal, clock: Clock) -> None:
    entry = begin(one)
    clock.go(31)
    one.sent(entry)

    assert one.unfinished() == []


def test_a_change_that_was_just_ended_elsewhere_is_not_taken_over(one: Journal, other: Journal, clock: Clock) -> None:
    entry = begin(one)
    one.sent(entry)
    clock.go(31)
    [found] = other.unfinished()
    one.end(entry, APPLIED, held=known(AFTER, clock))

    assert not other.take(found)


def test_an_interrupted_change_that_was_not_sent_makes_way(one: Journal, other: Journal, clock: Clock) -> None:
    begin(one)
    clock.go(31)
    begin(other, "second")

    ended = other.entry("first")
    assert ended is not None
    assert (ended.outcome, ended.sent_at) == (REFUSED, None)
    assert other.unfinished() == []


def test_an_interrupted_change_that_may_have_been_sent_does_not(one: Journal, other: Journal, clock: Clock) -> None:
    one.sent(begin(one))
    clock.go(31)

    with pytest.raises(Conflict, match="interrupted"):
        begin(other, "second")


def test_a_change_that_was_let_go_can_be_taken_at_once(one: Journal, other: Journal) -> None:
    entry = begin(one)
    one.sent(entry)
    one.let_go(entry)

    assert other.take(entry)


def test_a_lease_from_before_the_clock_was_set_back_ends(one: Journal, other: Journal, clock: Clock) -> None:
    entry = begin(one)
    one.sent(entry)
    clock.go(-3600)

    assert other.take(entry)


@pytest.mark.parametrize(
    ("first", "second", "last"),
    [
        (APPLIED, UNKNOWN, APPLIED),
        (APPLIED, REFUSED, APPLIED),
        (UNKNOWN, APPLIED, APPLIED),
        (UNKNOWN, REFUSED, REFUSED),
        (REFUSED, APPLIED, APPLIED),
        (REFUSED, UNKNOWN, REFUSED),
        (FAILED, APPLIED, FAILED),
    ],
)
def test_a_certain_end_stays(one: Journal, clock: Clock, first: str, second: str, last: str) -> None:
    entry = begin(one)
    one.sent(entry)
    one.end(entry, first)

    assert one.end(entry, second, held=known(AFTER, clock)).outcome == last


def test_what_is_unknown_is_looked_at_for_a_while(one: Journal, clock: Clock) -> None:
    entry = begin(one)
    one.sent(entry)
    one.end(entry, UNKNOWN, held=known(BEFORE, clock))

    assert [found.id for found in one.unfinished()] == ["first"]
    clock.go(1000)
    assert one.unfinished() == []


def test_what_nobody_could_see_is_looked_at_for_longer(one: Journal, clock: Clock) -> None:
    entry = begin(one)
    one.sent(entry)
    one.end(entry, UNKNOWN)
    clock.go(20000)

    assert [found.id for found in one.unfinished()] == ["first"]


def test_our_own_interrupted_change_is_no_drift(one: Journal, clock: Clock) -> None:
    one.observe(shown(), clock.now())
    one.sent(begin(one))
    clock.go(60)

    assert one.observe(shown(AFTER), clock.now()) is None


def test_an_unknown_end_that_turns_out_applied_is_no_drift(one: Journal, clock: Clock) -> None:
    one.observe(shown(), clock.now())
    entry = begin(one)
    one.sent(entry)
    one.end(entry, UNKNOWN)
    clock.go(60)

    assert one.observe(shown(AFTER), clock.now()) is None
    theirs = one.observe(shown(THEIRS), clock.now())
    assert theirs is not None
    assert (theirs.kind, theirs.before, theirs.after) == (DRIFT, BEFORE, THEIRS)


def test_what_a_refused_change_found_is_somebody_elses(one: Journal, clock: Clock) -> None:
    one.observe(shown(), clock.now())
    clock.go(1)
    entry = begin(one)
    read_at = clock.now()
    ended = one.end(entry, REFUSED, held=known(THEIRS, clock))
    drift = one.observe(shown(THEIRS), read_at)

    assert ended.held == THEIRS
    assert drift is not None
    assert (drift.before, drift.after) == (BEFORE, THEIRS)


def test_a_change_made_right_after_ours_is_found_though_ours_was_ended_later(one: Journal, clock: Clock) -> None:
    one.observe(shown(), clock.now())
    entry = begin(one)
    one.sent(entry)
    clock.go(1)
    agreed = known(AFTER, clock)
    clock.go(1)
    read_at = clock.now()
    clock.go(1)
    one.end(entry, APPLIED, held=agreed)
    drift = one.observe(shown(THEIRS), read_at)

    assert drift is not None
    assert (drift.before, drift.after) == (AFTER, THEIRS)


def test_drift_is_seen_after_the_clock_was_set_back(one: Journal, clock: Clock) -> None:
    one.observe(shown(), clock.now())
    clock.go(-3600)

    assert one.observe(shown(THEIRS), clock.now()) is not None


def test_an_endpoint_that_is_held_for_another_reason_has_no_split_changed_meanwhile(
    one: Journal, other: Journal, clock: Clock
) -> None:
    one.hold(shown().id, "the job")
    for journal in (one, other):
        with pytest.raises(Conflict, match="under way"):
            begin(journal)
        with pytest.raises(Conflict, match="under way"):
            journal.hold(shown().id, "another job")
    clock.go(20)
    assert one.keep("the job")
    clock.go(20)
    with pytest.raises(Conflict, match="under way"):
        begin(other)
    one.release("the job")
    begin(other)


def test_what_holds_an_endpoint_can_change_its_split_without_letting_go_and_nobody_else_in_its_name(
    one: Journal, other: Journal, clock: Clock
) -> None:
    one.hold(shown().id, "the job")
    with pytest.raises(Conflict, match="under way"):
        other.begin("theirs", shown(), AFTER, WHO, holding="another job")
    entry, is_new = one.begin("ours", shown(), AFTER, WHO, holding="the job")
    assert is_new
    with pytest.raises(Conflict, match="under way"):
        begin(other)
    one.end(entry, APPLIED, held=known(AFTER, clock))
    other.hold(shown().id, "another job")


def test_an_endpoint_that_a_dead_process_held_is_free_and_one_it_may_have_changed_is_not(
    one: Journal, other: Journal, clock: Clock
) -> None:
    one.hold(shown().id, "the job")
    clock.go(60)
    assert other.unfinished() == []
    other.hold(shown().id, "another job")
    assert not one.keep("the job")
    other.release("another job")
    one.sent(begin(one))
    clock.go(60)
    with pytest.raises(Conflict, match="interrupted"):
        other.hold(shown().id, "another job")
    assert [each.id for each in other.unfinished()] == ["first"]
