"""What is told when nobody knows: lost answers, a store that fails, clocks that are set, jobs that cannot be read."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from azure.core.credentials import TokenCredential

from services.azure import written
from services.azure.connection import Connection, Reply
from services.azure.translation import Call
from services.deploying.model import Job, JobState, Kind
from services.deploying.order import Item
from services.errors import Conflict, SignInFailed, StoreFailed, Timeout, Unreachable
from services.jobs import arriving, following, leaving, writing
from services.jobs import work as work_module
from services.jobs.clocks import Clocks
from services.jobs.following import GIVEN_UP_AFTER, Ending, Target, follow
from services.jobs.holding import HELD_SECONDS, Hold
from services.jobs.jobs import LEASE_SECONDS, Jobs, Kept
from services.jobs.work import Work, taken_back
from services.jobs.worker import Worker, Write
from services.journal.journal import Journal
from services.model import WorkspaceRef
from services.store import JOBS, Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = WorkspaceRef("sub", "group", "space")
CALL = Call("It was not done.", "role", "azure")
PATH = f"{PLACE.id}/onlineEndpoints/shop"
SENT = {"sending": True, "before": "b", "sent_at": NOW.isoformat()}
WRITE = {"kind": "write", "method": "PUT", "path": PATH, "api_version": "1", "phase": "write", "role": "r"}


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def kept(job_id: str = "one", resource: str = "shop", **work: Any) -> Kept:
    job = Job(job_id, "cloud", PLACE, resource, "", "change", "Change shop", JobState.RUNNING, NOW)
    return Kept(job, (resource,), work)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    store = Store(tmp_path / "sluice.db")
    yield Jobs(store, "cloud")
    store.close()


class Cloud:
    """Answers what it is told to, at a time that passes with every question."""

    workspace = PLACE
    workspace_path = PLACE.id

    def __init__(self, answer: Callable[[str, str], Any] = lambda _method, _path: {}) -> None:
        self.answer, self.moment, self.seconds = answer, NOW, 0.0

    def call(self, *_texts: str) -> Call:
        """What is done."""
        return CALL

    def at(self, _workspace: WorkspaceRef) -> Connection:
        """The same for every workspace."""
        return cast(Connection, self)

    @property
    def credential(self) -> TokenCredential:
        """It does not say who somebody is."""
        raise SignInFailed("It was not done.", "Nobody is signed in.", "Sign in.")

    def now(self) -> datetime:
        """Its clock."""
        self.moment += timedelta(seconds=self.seconds)
        return self.moment

    def send(self, method: str, path: str, *_request: object, **_options: object) -> Reply:
        """What it is told to answer."""
        return Reply(200, {}, self.answer(method, path))


READY = {"properties": {"provisioningState": "Succeeded"}}


def working(jobs: Jobs, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, **values: Any) -> Work:
    """A job in the hands of this test, which waits for nothing."""
    jobs.begin(kept(**{**WRITE, **values}), "me", NOW)
    made = Work(jobs, "one", cast(Connection, cloud), lambda: NOW, threading.Event(), "me")
    monkeypatch.setattr(made, "pause", lambda _seconds: None)
    monkeypatch.setattr(arriving, "own_names", lambda _conn: frozenset({"Ann"}))
    return made


def test_what_was_read_too_long_ago_is_read_again_before_it_is_sent(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = working(jobs, Cloud(), monkeypatch)
    seconds, pauses, read = [0.0], [leaving.STOOD_STILL + 1, leaving.STOOD_STILL - 1], list[int]()
    work.ticks = lambda: seconds[0]

    def look() -> int:
        assert not work.values.get("sending")
        read.append(len(read))
        return len(read)

    def keep(_found: int) -> None:
        work.commit(before="")
        seconds[0] += pauses.pop(0)

    assert leaving.fresh(work, CALL, look, keep) == 2
    assert work.values["sending"]
    work.take_back()
    pauses[:] = [leaving.STOOD_STILL + 1] * 99
    with pytest.raises(Timeout, match="too much time passed"):
        leaving.fresh(work, CALL, look, keep)
    assert not work.values.get("sending")


def test_who_cannot_ask_azure_asks_again_and_never_says_that_it_was_not_done(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [3]
    ours = {"systemData": {"lastModifiedBy": "Ann", "lastModifiedAt": later(1).isoformat()}, **READY}

    def answer(_method: str, _path: str) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise Unreachable("It was not read.", "Nothing answers.", "Wait.")
        return ours

    work = working(jobs, Cloud(answer), monkeypatch, **SENT)
    assert arriving.find_out(work, PATH, "1", CALL, again="", is_delete=False) is None
    left[0] = 10 * GIVEN_UP_AFTER
    ending = arriving.find_out(work, PATH, "1", CALL, again="", is_delete=False)
    assert ending is not None
    assert (ending.state, "Nothing answers." in str(ending.error)) == (JobState.UNKNOWN, True)


def test_who_is_signed_out_after_a_restart_is_not_told_that_it_failed(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = working(jobs, Cloud(), monkeypatch, **SENT)

    def out(_conn: object) -> frozenset[str]:
        raise SignInFailed("It was not done.", "The token of az login has run out.", "az login")

    monkeypatch.setattr(arriving, "own_names", out)
    writing.run(work, None)
    found = jobs.get("one")
    assert found is not None
    assert (found.state, "has run out" in str(found.failure)) == (JobState.UNKNOWN, True)


@pytest.mark.parametrize(("held", "state"), [("mine", JobState.SUCCEEDED), ("theirs", JobState.UNKNOWN)])
def test_only_what_azure_holds_has_succeeded(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, held: str, state: JobState
) -> None:
    system = {"lastModifiedBy": "Ann", "lastModifiedAt": later(1).isoformat()}
    cloud = Cloud(lambda *_request: {"systemData": system, "tags": {"team": held}, **READY})
    cloud.seconds = 1.0
    work = working(jobs, cloud, monkeypatch, **SENT, wanted=arriving.wanted_of({"tags": {"team": "mine"}}))
    ending = arriving.confirm(work, PATH, "1", CALL, Ending(JobState.SUCCEEDED))
    assert ending.state is state
    assert "mine" not in json.dumps(work.values)
    if ending.error:
        assert "by Ann, 2026-03-01 12:00:01 UTC, and not all that was sent is in it" in str(ending.error)


SECRET = {"API_KEY": "hunter2", "LEVEL": "1.0"}
BODY: dict[str, Any] = {
    "location": "West Europe",
    "tags": {"team": "Blue"},
    "sku": {"name": "Default", "capacity": 3},
    "identity": {"type": "SystemAssigned", "principalId": "old"},
    "properties": {
        "provisioningState": "Updating",
        "authMode": "Key",
        "traffic": {"blue": 100, "green": 0},
        "requestSettings": {"requestTimeout": "PT60S"},
        "environmentVariables": SECRET,
        "livenessProbe": None,
        "properties": {"AzureAsyncOperationUri": "before"},
        "rules": [{"share": 70}, {"share": 80}],
    },
}
HELD = {
    "location": "westeurope",
    "tags": {"team": "Blue"},
    "sku": {"name": "Default", "capacity": 3.0, "tier": "more"},
    "identity": {"type": "systemAssigned", "principalId": "new"},
    "properties": {
        "provisioningState": "Succeeded",
        "authMode": "key",
        "traffic": {"blue": 100},
        "requestSettings": {"requestTimeout": "PT1M"},
        "environmentVariables": {**SECRET, "AZUREML_MODEL_DIR": "there"},
        "livenessProbe": {"period": "PT10S"},
        "properties": {"AzureAsyncOperationUri": "after"},
        "rules": [{"share": 70.0, "more": 1}, {"share": 80.0}],
    },
}


def test_what_azure_spells_in_another_way_or_adds_is_still_what_was_sent() -> None:
    found = written.kept_of(BODY, b"salt")
    assert written.holds(HELD, found)
    assert not {"hunter2", "1.0", "Blue"} & set(json.dumps(found).split('"'))


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {"team": "blue"}},
        {"tags": {"team": "Blue", "more": ""}},
        {"sku": {"capacity": 2}},
        {"properties": {**HELD["properties"], "traffic": {"blue": 50, "green": 50}}},  # type: ignore[dict-item]  # JSON
        {"properties": {**HELD["properties"], "environmentVariables": {**SECRET, "LEVEL": "1"}}},  # type: ignore[dict-item]  # JSON
        {"properties": {**HELD["properties"], "rules": [{"share": 70}]}},  # type: ignore[dict-item]  # JSON
    ],
)
def test_what_is_different_is_not_what_was_sent(change: dict[str, Any]) -> None:
    assert not written.holds({**HELD, **change}, written.kept_of(BODY, b"salt"))
    assert not written.holds(None, written.kept_of(BODY, b"salt"))


class Failing(Jobs):
    """A store that fails so many times once a request has left."""

    times = 0

    def tell(self, job_id: str, change: Callable[[Kept], Kept], holder: str = "") -> Kept:
        """Keep it, or fail."""
        before = self.kept(job_id)
        if before is not None and before.work.get("sending") and self.times:
            self.times -= 1
            raise StoreFailed("Nothing was kept.", "The file is locked.", "Wait.")
        return super().tell(job_id, change, holder)


@pytest.mark.parametrize(("times", "state"), [(7, JobState.SUCCEEDED), (999, JobState.RUNNING)])
def test_a_key_that_was_made_has_not_failed_because_the_store_does(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, times: int, state: JobState
) -> None:
    monkeypatch.setattr(work_module, "STORE_SECONDS", 0.0)
    failing = Failing(jobs.store, "cloud")
    failing.times = times
    worker = Worker(cast(Connection, Cloud()), failing)
    request = Write("POST", f"{PATH}/regenerateKeys", {"keyType": "Primary"}, "1")
    worker.write(cast(Connection, Cloud()), "rotate key", "Make a key", "shop", "", request, "ann", job_id="one")
    assert worker.wait("one", 60).state is state
    failing.times = 0
    if state is JobState.RUNNING:
        # The next round takes it up: nobody knows, and nobody says that it failed.
        worker._round()
        assert worker.wait("one", 60).state is JobState.UNKNOWN


def test_a_job_that_goes_on_with_its_put_keeps_the_endpoint(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    others, refused = Journal(jobs.store, "cloud", now=lambda: NOW, holder="others"), list[Conflict]()

    def answer(_method: str, _path: str) -> Any:
        with pytest.raises(Conflict, match="under way") as found:
            others.hold(PATH, "theirs")
        refused.append(found.value)
        return {"status": "Succeeded"}

    work = working(jobs, Cloud(answer), monkeypatch, **SENT, operation="/operation")
    writing.run(work, None)
    assert refused
    others.hold(PATH, "theirs")


def test_following_ends_after_a_day_and_the_endpoint_is_free_long_before(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert following.FOLLOWED_SECONDS == 24 * 3600
    # A day has many looks.
    monkeypatch.setattr(following, "FOLLOWED_SECONDS", 3600.0)
    work = working(jobs, Cloud(lambda *_request: {"status": "Updating"}), monkeypatch, **SENT, operation="/op")
    passed = [0.0]
    work.now = lambda: later(passed[0])
    work.ticks = lambda: passed[0]
    work.journal = Journal(jobs.store, "cloud", now=work.now, holder="me")
    others = Journal(jobs.store, "cloud", now=work.now, holder="others")
    free_at = list[float]()

    def pause(seconds: float) -> None:
        passed[0] += seconds
        work.renew()
        if not free_at:
            try:
                others.hold(PATH, "theirs")
            except Conflict:
                return
            free_at.append(passed[0])

    monkeypatch.setattr(work, "pause", pause)
    with Hold(work, PATH, CALL) as hold:
        hold.take()
        hold.leaves()
        ending = follow(work, Target(PATH, "1", "/operation"), CALL)
    assert (ending.state, "has not ended it in 1 hours" in str(ending.error)) == (JobState.UNKNOWN, True)
    assert 3600 <= passed[0] <= 3660
    assert HELD_SECONDS <= free_at[0] <= HELD_SECONDS + 2 * LEASE_SECONDS


def test_a_job_that_cannot_be_read_stops_nothing_and_keeps_what_it_changes(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.begin(kept("odd", "other"), "newer", NOW)
    worker = Worker(cast(Connection, Cloud()), jobs, now=lambda: later(10))
    jobs.begin(kept("mine"), worker._holder, NOW)
    with jobs.store.writing() as connection:
        odd = JOBS.c.id == "odd"
        content = json.loads(str(connection.scalar(sa.select(JOBS.c.content).where(odd))))
        content["job"]["plan"] = [["other", "brand-new"]]
        connection.execute(sa.update(JOBS).where(odd).values(content=json.dumps(content)))
    worker._leaving.set()
    worker._round()
    worker._round()
    with jobs.store.reading() as connection:
        expires_at = connection.scalar(sa.select(JOBS.c.expires_at).where(JOBS.c.id == "mine"))
    assert expires_at == later(10 + LEASE_SECONDS).timestamp()
    assert [each.id for each in jobs.running()] == ["mine"]
    assert sum("cannot be read" in record.getMessage() for record in caplog.records) == 1
    jobs.begin(kept("third", "third"), "me", NOW)
    with pytest.raises(Conflict, match="Another version of Sluice is changing other"):
        jobs.begin(kept("fourth", "other"), "me", NOW)
    with pytest.raises(StoreFailed, match=r"The job cannot be read\."):
        jobs.kept("odd")


class Curious(Jobs):
    """Somebody cancels after everything that is kept."""

    told = False

    def tell(self, job_id: str, change: Callable[[Kept], Kept], holder: str = "") -> Kept:
        """Keep it, then cancel if that is possible."""
        found = super().tell(job_id, change, holder)
        if found.work.get("index") == 1 and not found.job.state.has_ended:
            super().tell(job_id, taken_back)
            self.told = True
        return found


def test_nothing_is_cancelled_that_is_done(jobs: Jobs) -> None:
    item = Item(Kind.ENDPOINT, "endpoint.yml", "shop", "shop")
    values: dict[str, Any] = {
        "kind": "deploy",
        "folder": "/nowhere",
        "items": [item.document()],
        "index": 0,
        "splits": {},
    }
    curious, cloud = Curious(jobs.store, "cloud"), Cloud(lambda *_request: {"status": "Succeeded"})
    curious.begin(kept(**{**values, **SENT, "operation": "/operation"}), "gone", later(-3600))
    worker = Worker(cast(Connection, cloud), curious, now=lambda: NOW)
    worker._round()
    assert worker.wait("one", 60).state is JobState.SUCCEEDED
    assert not curious.told


@pytest.mark.parametrize("step", [-120, 120])
def test_a_clock_that_was_set_takes_no_job_from_who_works_on_it(jobs: Jobs, step: float) -> None:
    wall, ticks = [0.0], [1000.0]
    clocks = Clocks(lambda: later(wall[0]), lambda: ticks[0])
    jobs.begin(kept(), "living", NOW)

    def taken() -> bool:
        return jobs.take("one", "other", later(wall[0]), is_clock_good=clocks.are_good())

    assert not taken()
    wall[0] += step
    assert not taken()
    # Whoever lives renews by the new time; who does not is followed a lease later.
    wall[0] += LEASE_SECONDS - 1
    ticks[0] += LEASE_SECONDS - 1
    assert not taken()
    wall[0] += 2
    ticks[0] += 2
    assert taken()


def test_a_worker_takes_no_job_right_after_its_clock_was_set(jobs: Jobs) -> None:
    wall = [0.0]
    worker = Worker(cast(Connection, Cloud()), jobs, now=lambda: later(wall[0]), ticks=lambda: 0.0)
    jobs.begin(kept(**WRITE), "living", NOW)
    wall[0] = 3600.0
    worker._round()
    assert jobs.take("one", "living", later(3600))
