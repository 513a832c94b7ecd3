"""Who made a change made elsewhere: what the activity log says, all of it, and never a guess."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.activity import WRITE, Write
from services.journal.entry import APPLIED, CHANGE, DRIFT, OPEN, Entry, Who
from services.model import Split
from services.traffic.attribution import Attribution, attribution, is_complete, overwritten

CHANGED = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTICED = CHANGED + timedelta(seconds=20)
LATE = NOTICED + timedelta(hours=1)


def drift(changed_at: datetime | None = CHANGED) -> Entry:
    return Entry(
        id="d",
        kind=DRIFT,
        cloud="c",
        endpoint_id="/e",
        endpoint_name="e",
        before=Split({"blue": 100}),
        after=Split({"green": 100}),
        who=Who(),
        reason="",
        restores="",
        began_at=NOTICED,
        changed_at=changed_at,
        unseen_since=CHANGED - timedelta(seconds=10),
        outcome=OPEN,
    )


def write(caller: str = "bob", seconds: float = 0.0, status: str = "Succeeded", method: str = "PUT") -> Write:
    at = CHANGED + timedelta(seconds=seconds)
    return Write(at, caller, WRITE, status, f"{caller}{seconds}", at + timedelta(seconds=1), method)


def test_the_write_of_the_time_that_azure_names_is_the_one() -> None:
    found = attribution(drift(), [write("eve", -60), write("bob"), write("eve", 60)], set(), NOTICED)
    assert found == Attribution("bob", CHANGED, ("bob0.0",))


@pytest.mark.parametrize(
    "other",
    [
        write("eve", 1, status="Failed"),
        write("eve", 1, status="Started"),
        write("eve", 1, method="PATCH"),
        write("", 1),
    ],
)
def test_what_cannot_have_changed_the_split_is_left_out(other: Write) -> None:
    found = attribution(drift(), [write("bob"), other], set(), NOTICED)
    assert found is not None
    assert found.principal == "bob"


def test_our_own_writes_are_left_out() -> None:
    assert attribution(drift(), [write("bob")], {"bob0.0"}, LATE) is None


def test_two_who_may_have_done_it_are_both_named() -> None:
    found = attribution(drift(), [write("bob", 1), write("eve", 2), write("bob", 3)], set(), NOTICED)
    assert found is not None
    assert found.principal == "bob or eve"
    assert len(found.request_ids) == 3


def test_the_write_that_holds_the_time_goes_before_those_that_are_near_it() -> None:
    found = attribution(drift(), [write("bob"), write("eve", 2)], set(), NOTICED)
    assert found is not None
    assert found.principal == "bob"


def test_nothing_is_said_while_the_log_may_not_have_all_of_it() -> None:
    """The log is minutes late, and what comes later may be the write that counts."""
    assert attribution(drift(), [], set(), LATE) is None
    assert attribution(drift(None), [write("bob")], set(), NOTICED) is None
    assert attribution(drift(), [write("bob", -60)], set(), NOTICED) is None


def test_a_log_that_is_complete_is_taken_without_a_time() -> None:
    for one in (drift(None), replace(drift(), changed_at=CHANGED + timedelta(seconds=90))):
        found = attribution(one, [write("bob")], set(), LATE)
        assert found is not None
        assert found.principal == "bob"


def ours() -> Write:
    return replace(write("ann", 10), correlation_id="ours10")


def change() -> Entry:
    """One of ours: what it was made from was written at CHANGED, and it left ten seconds later."""
    return replace(
        drift(None),
        kind=CHANGE,
        outcome=APPLIED,
        sent_at=NOTICED,
        ended_at=NOTICED,
        followed_at=CHANGED,
        request_ids=("ours10",),
    )


def test_a_write_between_our_read_and_our_write_is_told() -> None:
    found = overwritten(change(), [write("before", -5), write("eve", 5), ours(), write("later", 60)], set())
    assert len(found) == 1
    assert found[0].startswith("eve wrote to the endpoint at 12:00:05 UTC")
    assert "eve5" in found[0]


@pytest.mark.parametrize(
    "writes",
    [
        [],
        [write("eve", 5)],
        [write("eve", 5, status="Failed"), ours()],
        [write("bob"), ours()],
    ],
)
def test_nothing_is_said_to_be_overwritten_without_proof(writes: list[Write]) -> None:
    assert overwritten(change(), writes, set()) == ()


def test_what_the_journal_knows_was_not_overwritten_unseen() -> None:
    assert overwritten(change(), [write("ann", 5), ours()], {"ann5", "ours10"}) == ()


def test_a_change_is_asked_about_until_the_log_must_be_complete() -> None:
    assert not is_complete(change(), NOTICED + timedelta(minutes=20))
    assert is_complete(change(), LATE)
