"""What became of a request: whether Azure has it, whose write is seen, and when asking again is of no use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from unittest.mock import ANY

import pytest

from services.azure.connection import Connection, Reply
from services.azure.translation import Call, from_answer
from services.deploying.model import Job, JobState
from services.errors import NotFound
from services.jobs import arriving
from services.jobs.arriving import ON_ITS_WAY_SECONDS, SETTLE_SECONDS, Held, has_arrived
from services.jobs.following import Target, follow
from services.jobs.jobs import Jobs, Kept
from services.jobs.work import Work
from services.model import WorkspaceRef
from services.store import Store
from services.traffic.work import Limits

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALL = Call("shop was not changed.", "role", "azure")
OURS = frozenset({"Ann", "ann@example.com"})


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    store = Store(tmp_path / "sluice.db")
    job = Job("job", "cloud", WorkspaceRef("s", "g", "w"), "shop", "", "change", "Change shop", JobState.RUNNING, NOW)
    jobs = Jobs(store, "cloud")
    jobs.begin(Kept(job, ("shop",)), "me", NOW)
    made = Work(jobs, "job", ANY, lambda: NOW, threading.Event(), "me")
    monkeypatch.setattr(made, "pause", lambda _seconds: None)
    monkeypatch.setattr(arriving, "own_names", lambda _conn: OURS)
    yield made
    store.close()


class Shown:
    """A cloud that shows one body after the other, the last one from then on; None is nothing."""

    def __init__(self, *bodies: dict[str, Any] | None, seconds: float = 0.0) -> None:
        self.left, self.moment, self.seconds = list(bodies), NOW, seconds

    def now(self) -> datetime:
        """Azure's clock."""
        return self.moment

    def send(self, *_request: object, **_options: object) -> Reply:
        """The next body."""
        self.moment += timedelta(seconds=self.seconds)
        body = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if body is None:
            raise NotFound("what", "It is not there.", "Wait.")
        return Reply(200, {}, body)


def written(by: str, at: datetime, state: str = "Succeeded") -> dict[str, Any]:
    system = {"lastModifiedBy": by, "lastModifiedAt": at.isoformat()}
    return {"systemData": system, "properties": {"provisioningState": state}}


OLD = written("Ann", after(-3600))


def found_out(work: Work, *bodies: dict[str, Any] | None, is_delete: bool = False) -> tuple[JobState | None, str]:
    """How a request over OLD has ended, None when it can be followed."""
    work.conn = cast(Connection, Shown(OLD))
    arriving.commit(work, arriving.held(work, "/path", "2024-10-01", CALL))
    work.conn = cast(Connection, Shown(*bodies, seconds=1.0))
    ending = arriving.find_out(work, "/path", "2024-10-01", CALL, again="Begin it again.", is_delete=is_delete)
    return (None, "") if ending is None else (ending.state, str(ending.error))


def test_our_own_write_is_found_also_when_azure_shows_it_late(work: Work) -> None:
    assert found_out(work, written("ANN", after(2))) == (None, "")


def test_our_own_write_is_waited_for(work: Work) -> None:
    assert found_out(work, OLD, OLD, written("ann@example.com", after(1), "Updating")) == (None, "")


def test_our_own_write_is_found_when_reads_lag_by_many_seconds(work: Work) -> None:
    assert found_out(work, *([OLD] * 40), written("Ann", after(1))) == (None, "")


def test_what_never_shows_has_not_arrived(work: Work) -> None:
    state, said = found_out(work, OLD)
    assert (state, "holds what it held before" in said) == (JobState.FAILED, True)


def test_what_somebody_else_has_written_since_is_not_taken_for_ours(work: Work) -> None:
    state, said = found_out(work, written("Ben", after(3)))
    assert state is JobState.UNKNOWN
    assert "by Ben, 2026-03-01 12:00:03 UTC: that need not be yours" in said


def test_what_was_only_coming_to_rest_is_not_taken_for_ours(work: Work) -> None:
    state, said = found_out(work, {**OLD, "tags": {"came": "to rest"}})
    assert state is JobState.FAILED
    assert "by Ann, 2026-03-01 11:00:00 UTC, which was before" in said


def test_a_resource_that_is_gone_is_what_a_delete_wanted_and_nothing_else(work: Work) -> None:
    assert found_out(work, None, is_delete=True) == (None, "")


def test_a_resource_that_is_gone_says_nothing_of_a_change_to_it(work: Work) -> None:
    state, said = found_out(work, None)
    assert (state, "By now Azure holds nothing there" in said) == (JobState.UNKNOWN, True)


@pytest.mark.parametrize(
    ("held", "is_delete", "arrived"),
    [
        (Held("b"), False, False),
        (Held("c", modified_by="Ann"), False, None),
        (Held("c", "Updating", after(-60), "Ann"), False, None),
        (Held("c", "Succeeded", after(10 + ON_ITS_WAY_SECONDS), "Ann"), False, True),
        (Held("c", "Succeeded", after(11 + ON_ITS_WAY_SECONDS), "Ann"), False, None),
        (Held("c", "Succeeded", after(1), ""), False, None),
        (Held("c", "Deleting", after(-60), "Ben"), True, True),
        (Held("c", "Succeeded", after(1), "Ann"), True, None),
        (Held("c", "Succeeded", after(-60), "Ann"), True, False),
    ],
)
def test_what_cannot_be_told_is_not_told(held: Held, is_delete: bool, arrived: bool | None) -> None:
    assert has_arrived(held, "b", (NOW, after(10)), OURS, is_delete=is_delete) is arrived


def test_it_is_waited_no_longer_than_azure_may_need(work: Work) -> None:
    # One number with the applier of splits.
    assert Limits().lag == SETTLE_SECONDS
    cloud = Shown(OLD, seconds=1.0)
    work.conn = cast(Connection, cloud)
    arriving.commit(work, Held("other"))
    assert arriving.find_out(work, "/path", "2024-10-01", CALL, again="", is_delete=False) is not None
    assert after(SETTLE_SECONDS) <= cloud.now() <= after(SETTLE_SECONDS + 1)


class Refusing(Shown):
    """A cloud that refuses to tell of an operation, so many times."""

    def __init__(self, times: int, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.times, self.status, self.asked = times, status, list[str]()

    def send(self, *request: object, **options: object) -> Reply:
        """Answer."""
        path = str(request[1])
        self.asked.append(path)
        if path == "/operation" and len(self.asked) <= self.times:
            raise from_answer(self.status, {}, "", CALL)
        return super().send(*request, **options)


READY: dict[str, Any] = {"properties": {"provisioningState": "Succeeded"}}


@pytest.mark.parametrize("status", [400, 403, 409, 410])
def test_what_asking_again_cannot_mend_is_not_asked_again(work: Work, status: int) -> None:
    cloud = Refusing(999, status, READY)
    work.conn = cast(Connection, cloud)
    ending = follow(work, Target("/path", "2024-10-01", "/operation", by_status=True), CALL)
    assert (ending.state, cloud.asked) == (JobState.UNKNOWN, ["/operation"])
    assert "refuses to tell what became of it" in str(ending.error)


@pytest.mark.parametrize("status", [401, 408, 429, 500, 503])
def test_what_may_pass_is_asked_again(work: Work, status: int) -> None:
    cloud = Refusing(3, status, READY)
    work.conn = cast(Connection, cloud)
    ending = follow(work, Target("/path", "2024-10-01", "/operation", by_status=True), CALL)
    assert (ending.state, len(cloud.asked)) == (JobState.SUCCEEDED, 4)


def test_an_operation_that_is_not_told_to_us_is_told_by_its_resource(work: Work) -> None:
    cloud = Refusing(999, 403, READY)
    work.conn = cast(Connection, cloud)
    assert follow(work, Target("/path", "2024-10-01", "/operation"), CALL).state is JobState.SUCCEEDED
    assert cloud.asked == ["/operation", "/path"]


@pytest.mark.parametrize(("unknown", "state"), [(2, JobState.FAILED), (3, JobState.SUCCEEDED)])
def test_an_operation_that_is_not_known_at_once_is_asked_again_before_the_resource_is(
    work: Work, unknown: int, state: JobState
) -> None:
    cloud = Refusing(unknown, 404, {"status": "Failed"} if state is JobState.FAILED else READY)
    work.conn = cast(Connection, cloud)
    assert follow(work, Target("/path", "2024-01-01", "/operation"), CALL).state is state
    assert cloud.asked == ["/operation"] * 3 + (["/path"] if unknown == 3 else [])
