"""What is kept of jobs, who may work on them, and what their phases tell."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from unittest.mock import ANY

import pytest
import sqlalchemy as sa
from azure.core.credentials import TokenCredential

from services import store as store_module
from services.azure.connection import Connection, Reply
from services.azure.translation import Call
from services.deploying.model import Cause, Evidence, Job, JobState, Phase, Step
from services.deploying.watching import phase_of
from services.errors import Conflict, SignInFailed, StoreFailed
from services.jobs import phases
from services.jobs.documents import from_evidence, from_job, job_of
from services.jobs.jobs import LEASE_SECONDS, Jobs, Kept, with_work
from services.jobs.work import Cancelled, Left, Work, taken_back
from services.jobs.worker import Worker, Write
from services.model import WorkspaceRef
from services.store import JOBS, Store
from services.store_steps import STEPS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = WorkspaceRef("sub", "Group", "space")
BLUE = "shop/blue"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def job(number: int = 1, **changes: object) -> Job:
    made = Job(f"job-{number}", "cloud", PLACE, "Shop", "blue", "deploy", "Deploy shop/blue", JobState.RUNNING, NOW)
    return replace(made, began_at=later(number), **changes)  # type: ignore[arg-type]  # names of fields


def kept(number: int = 1, resource: str = BLUE) -> Kept:
    return Kept(job(number), (resource,), {"folder": "somewhere"})


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    store = Store(tmp_path / "sluice.db")
    yield Jobs(store, "cloud")
    store.close()


def test_everything_of_a_job_comes_back_as_it_was_kept(jobs: Jobs) -> None:
    jobs.begin(kept(), "me", NOW)
    steps = (Step(BLUE, Phase.UPLOAD, NOW, later(3), "2.0 MB"), Step(BLUE, Phase.BUILD, later(3)))
    causes = (Cause("code", "cause", "proof", "source", "fix"),)
    evidence = Evidence("ResourceNotReady", "crashed", "log", "storage log", Phase.PROBES)
    plan = (("shop", Phase.WRITE), (BLUE, Phase.UPLOAD))
    ended = job(steps=steps, state=JobState.FAILED, ended_at=later(9), failure=("a", "b", "c"), causes=causes)
    ended = replace(ended, principal="Ann", stuck=BLUE, plan=plan)
    jobs.tell("job-1", lambda found: with_work(replace(found, job=ended, evidence=evidence), operation="there"))
    assert jobs.get("job-1") == ended
    assert jobs.evidence("job-1") == evidence
    assert jobs.kept("job-1") == Kept(ended, (BLUE,), {"folder": "somewhere", "operation": "there"}, evidence)
    assert jobs.all(PLACE, "sHOP") == jobs.all(PLACE) == (ended,)
    assert jobs.all(PLACE, "other") == jobs.running() == ()


def test_a_job_that_an_older_version_has_kept_is_read() -> None:
    content = {name: value for name, value in from_job(job()).items() if name not in ("principal", "stuck", "plan")}
    assert job_of(content) == job()


def test_the_logs_of_a_failure_are_read_with_its_job_alone(jobs: Jobs) -> None:
    jobs.begin(kept(), "me", NOW)
    jobs.tell("job-1", lambda found: replace(found, evidence=Evidence("code", "message", "log" * 1000)))
    with jobs.store.writing() as connection:
        connection.execute(sa.update(JOBS).values(evidence="no JSON at all"))
    assert jobs.all(PLACE) == jobs.running() == (job(),)
    with pytest.raises(StoreFailed, match=r"The job cannot be read\."):
        jobs.evidence("job-1")


def test_the_logs_that_an_older_version_has_kept_are_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "older.db"
    with monkeypatch.context() as older:
        older.setattr(store_module, "_MIGRATIONS", STEPS[:10])
        Store(path).close()
    evidence = Evidence("code", "it's", "a log", "", Phase.PROBES)
    row = {"cloud": "cloud", "workspace": PLACE.id.lower(), "endpoint": "shop", "began_at": "2026", "holder": "me"}
    with closing(sqlite3.connect(path)) as plain, plain:
        for number, found in enumerate((evidence, None), 1):
            made = from_job(replace(job(number), state=JobState.FAILED))
            content = {"job": made, "resources": [BLUE], "work": {}, "evidence": from_evidence(found)}
            whole = {**row, "id": f"job-{number}", "state": "failed", "content": json.dumps(content), "expires_at": 0.0}
            plain.execute(f"INSERT INTO jobs ({', '.join(whole)}) VALUES ({', '.join('?' * 9)})", (*whole.values(),))
    store = Store(path)
    jobs = Jobs(store, "cloud")
    assert (jobs.evidence("job-1"), jobs.evidence("job-2")) == (evidence, None)
    assert len(jobs.all(PLACE)) == 2
    store.close()


def test_what_has_ended_does_not_change_any_more(jobs: Jobs) -> None:
    jobs.begin(kept(), "me", NOW)
    jobs.tell("job-1", lambda found: replace(found, job=replace(found.job, state=JobState.SUCCEEDED)))
    jobs.tell("job-1", lambda found: replace(found, job=replace(found.job, state=JobState.FAILED)))
    found = jobs.get("job-1")
    assert found is not None
    assert found.state is JobState.SUCCEEDED
    assert not jobs.take("job-1", "me", NOW)


def test_an_endpoint_is_not_deleted_while_a_deployment_of_it_is_made_nor_the_other_way_round(jobs: Jobs) -> None:
    def gone(number: int, resource: str) -> Kept:
        return replace(kept(number, resource), work={"method": "DELETE"})

    jobs.begin(kept(), "me", NOW)
    with pytest.raises(Conflict, match="shop/blue"):
        jobs.begin(gone(2, "shop"), "me", NOW)
    jobs.begin(gone(3, "sho"), "me", NOW)
    with pytest.raises(Conflict, match="sho/green"):
        jobs.begin(kept(4, "sho/green"), "me", NOW)
    jobs.begin(kept(5, "shop"), "me", NOW)


def test_a_process_that_has_slept_tells_nothing_of_a_job_that_another_one_has_by_now(jobs: Jobs) -> None:
    jobs.begin(kept(), "me", NOW)
    work = Work(jobs, "job-1", ANY, lambda: NOW, threading.Event(), "me")
    work.note(index=0)
    assert jobs.take("job-1", "you", later(LEASE_SECONDS + 1))
    with pytest.raises(Left):
        work.note(sending=True)
    with pytest.raises(Left):
        work.end(JobState.SUCCEEDED)
    found = jobs.kept("job-1")
    assert found is not None
    assert (found.job.state, found.work) == (JobState.RUNNING, {"folder": "somewhere", "index": 0})


class Hasty(Jobs):
    """Somebody cancels in the moment before it is kept that the request leaves."""

    cancel: Callable[[], object] = staticmethod(lambda: None)

    def tell(self, job_id: str, change: Callable[[Kept], Kept], holder: str = "") -> Kept:
        """Cancel, then keep it."""
        before = self.kept(job_id)
        assert before is not None
        try:
            is_leaving = not before.work.get("sending") and bool(change(before).work.get("sending"))
        except Cancelled:
            is_leaving = False
        if is_leaving and "cancelled" not in before.work:
            self.cancel()
        return super().tell(job_id, change, holder)


class Cloud:
    """Answers every question, and counts what is sent besides."""

    workspace = PLACE
    sent = 0

    def call(self, *_texts: str) -> Call:
        """What is done."""
        return Call("It was not done.", "role", "azure")

    def at(self, _workspace: WorkspaceRef) -> Connection:
        """The same for every workspace."""
        return cast(Connection, self)

    @property
    def credential(self) -> TokenCredential:
        """It does not say who somebody is."""
        raise SignInFailed("It was not done.", "Nobody is signed in.", "Sign in.")

    def now(self) -> datetime:
        """Its clock."""
        return NOW

    def send(self, method: str, *_request: object, **_options: object) -> Reply:
        """The same for everything."""
        self.sent += method != "GET"
        return Reply(200, {}, {"properties": {"provisioningState": "Succeeded"}})


def test_what_a_person_was_told_is_cancelled_is_never_sent(jobs: Jobs) -> None:
    hasty, cloud = Hasty(jobs.store, "cloud"), Cloud()
    worker = Worker(cast(Connection, cloud), hasty)
    told: list[Job] = []
    hasty.cancel = lambda: told.append(worker.cancel(job()))
    request = Write("PUT", "/path", {}, "2024-10-01")
    worker.write(cast(Connection, cloud), "change", "Change it", "shop", "", request, "ann", job_id="job-1")
    ended = worker.wait("job-1", 60)
    assert told
    assert (ended.state, cloud.sent) == (JobState.CANCELLED, 0)
    again = worker.write(cast(Connection, cloud), "change", "Change it", "shop", "", request, "ann", job_id="job-1")
    assert again.state is JobState.CANCELLED


def test_what_has_left_is_not_cancelled_and_what_is_cancelled_stays_so_for_the_next_process(jobs: Jobs) -> None:
    jobs.begin(kept(), "me", NOW)
    work = Work(jobs, "job-1", ANY, lambda: NOW, threading.Event(), "me")
    jobs.tell("job-1", taken_back)
    with pytest.raises(Cancelled):
        work.commit()
    assert not work.values.get("sending")
    jobs.begin(kept(2, "shop/green"), "me", NOW)
    sent = Work(jobs, "job-2", ANY, lambda: NOW, threading.Event(), "me")
    sent.commit(before="")
    with pytest.raises(Conflict, match="no way to stop"):
        jobs.tell("job-2", taken_back)
    jobs.let_go("me")
    worker = Worker(cast(Connection, Cloud()), jobs, every_seconds=0.05)
    jobs.tell("job-1", lambda found: with_work(found, kind="write", path="/", api_version="1", role="", method="PUT"))
    worker._look_after(job())
    assert worker.wait("job-1", 60).state is JobState.CANCELLED


def test_one_resource_has_one_job_at_a_time_and_the_same_job_is_begun_once(jobs: Jobs) -> None:
    first = kept()
    assert jobs.begin(first, "me", NOW) is first
    assert jobs.begin(kept(), "you", NOW) is not first
    with pytest.raises(Conflict, match=r"Something else is being done to shop/blue: Deploy shop/blue\."):
        jobs.begin(kept(2), "you", NOW)
    jobs.begin(kept(3, "shop/green"), "you", NOW)
    assert [each.id for each in jobs.running()] == ["job-3", "job-1"]


def test_a_job_belongs_to_one_process_until_it_has_stopped_renewing(jobs: Jobs) -> None:
    jobs.begin(kept(), "me", NOW)
    assert not jobs.take("job-1", "you", later(LEASE_SECONDS - 1))
    assert jobs.take("job-1", "me", later(LEASE_SECONDS - 1))
    assert not jobs.take("job-1", "you", later(LEASE_SECONDS + 1))
    assert jobs.take("job-1", "you", later(3 * LEASE_SECONDS))
    jobs.let_go("you")
    assert jobs.take("job-1", "me", later(3 * LEASE_SECONDS))
    # The clock was set back by a day.
    assert jobs.take("job-1", "you", later(-86_400))


def test_the_oldest_that_have_ended_are_forgotten(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.jobs.jobs.MOST_KEPT", 5)
    jobs.begin(kept(0, "shop/first"), "me", NOW)
    for number in range(1, 8):
        jobs.begin(kept(number, f"shop/{number}"), "me", NOW)
        if number > 1:
            jobs.tell(f"job-{number}", lambda found: replace(found, job=replace(found.job, state=JobState.SUCCEEDED)))
    assert {each.id for each in jobs.running()} == {"job-0", "job-1"}
    assert jobs.get("job-2") is None
    assert jobs.get("job-7") is not None


def test_a_phase_ends_the_one_before_of_its_resource_alone() -> None:
    found = phases.begin(job(), "shop/green", Phase.UPLOAD, NOW)
    found = phases.move(found, BLUE, Phase.UPLOAD, NOW, "1 of 2")
    found = phases.begin(found, BLUE, Phase.REGISTER, later(1))
    found = phases.begin(found, BLUE, Phase.UPLOAD, later(1), "2 of 2")
    found = phases.move(found, BLUE, Phase.BUILD, later(2))
    assert [(each.resource, each.phase, each.ended_at, each.detail) for each in found.steps] == [
        ("shop/green", Phase.UPLOAD, None, ""),
        (BLUE, Phase.UPLOAD, later(2), "2 of 2"),
        (BLUE, Phase.REGISTER, later(2), ""),
        (BLUE, Phase.BUILD, None, ""),
    ]
    assert all(each.ended_at for each in phases.end_all(found, later(4)).steps)


def test_the_usual_time_is_the_median_of_what_went_well_with_the_same_kind() -> None:
    def took(seconds: float, resource: str = BLUE, state: JobState = JobState.SUCCEEDED) -> Job:
        return job(steps=(Step(resource, Phase.BUILD, NOW, later(seconds)),), state=state)

    known = [took(60), took(90), took(3600), took(1, "shop"), took(2, state=JobState.FAILED)]
    assert phases.usual_seconds(known, Step("other/green", Phase.BUILD, NOW)) == 90
    assert phases.usual_seconds(known, Step("other", Phase.BUILD, NOW)) == 1
    assert phases.usual_seconds(known, Step(BLUE, Phase.PROBES, NOW)) is None


@pytest.mark.parametrize(
    ("pull", "download", "start", "phase"),
    [
        ("Waiting", "Waiting", "Waiting", Phase.BUILD),
        ("InProgress", "Waiting", "Waiting", Phase.BUILD),
        ("Succeeded", "InProgress", "Waiting", Phase.PROVISION),
        ("Succeeded", "Succeeded", "InProgress", Phase.PROBES),
    ],
)
def test_the_head_of_the_log_tells_the_phase(pull: str, download: str, start: str, phase: Phase) -> None:
    head = f"Instance status:\nSystemSetup: Succeeded\nUserContainerImagePull: {pull}\nModelDownload: {download}\n"
    assert phase_of(f"{head}UserContainerStart: {start}\n\nContainer logs:\nModelDownload: Failed\n") is phase
    assert phase_of("Container logs:\nnothing here") is None
