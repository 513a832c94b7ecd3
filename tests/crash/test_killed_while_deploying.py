"""kill -9 of a process that deploys, in each phase: the next one finds what Azure has begun, and tells the truth."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.deploying.model import Job, JobState, Phase
from services.jobs.jobs import Jobs
from services.journal.entry import APPLIED
from services.journal.journal import Journal
from services.model import Split, WorkspaceRef
from services.store import Store
from tests.contract.elsewhere import seed_endpoint
from tests.crash import deploy_and_die
from tests.crash.deploy_and_die import JOB_ID
from tests.deployable import create_endpoint, upload_and_put, write_quick_start
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MAIN = sys.modules["__main__"]
"""A new process begins with it. Whoever runs pages in this process may leave another one there."""
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.crash.apply_and_die", "tests.crash.keep_and_die", "tests.crash.deploy_and_die"])
WAIT_SECONDS = 300.0
IS_FULL = os.environ.get("SLUICE_TEST_COUNTS") == "full"
MOMENTS = (
    {"sending": "", "unanswered": "Succeeded", "accepted": "Succeeded"} if IS_FULL else {"unanswered": "Succeeded"}
)
"""When the process dies → what Azure says of the endpoint afterwards."""


class Scene:
    """The files of a deploy, the store of Sluice, and processes that work on it."""

    def __init__(self, azure: LocalAzure, folder: Path, endpoint: str, *kept: str) -> None:
        self.azure, self.endpoint = azure, endpoint
        self.files, self.file = folder / endpoint / "files", folder / endpoint / "sluice.db"
        write_quick_start(self.files, endpoint, {"blue": 2})
        for path in list(self.files.iterdir()):
            if kept and path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def process(self, moment: str) -> int:
        """Its exit code, once it has ended."""
        sys.modules["__main__"] = MAIN
        arguments = (self.files, moment, self.file, self.azure.client_environment())
        process = FORKING.Process(target=deploy_and_die.run, args=arguments, daemon=True)
        process.start()
        process.join(WAIT_SECONDS)
        assert process.exitcode is not None
        return process.exitcode

    def die(self, moment: str) -> Job:
        """What is told of the job after a process was killed at ``moment`` and another one came."""
        assert self.process(moment) == -signal.SIGKILL, moment
        assert self.job().state is JobState.RUNNING
        assert self.process("recover") == 0
        return self.job()

    def job(self) -> Job:
        """The job as it is kept."""
        job = Jobs(Store(self.file), self.azure.url.removeprefix("https://")).get(JOB_ID)
        assert job is not None
        return job

    def state(self, below: str = "") -> str:
        """What Azure says of it, "" when there is no such thing."""
        answer = self.azure.arm("GET", f"onlineEndpoints/{self.endpoint}{below}")
        return str(answer.json()["properties"]["provisioningState"]) if answer.ok else ""


def test_a_process_that_is_killed_around_its_request_is_followed_by_one_that_knows_whether_azure_has_it(
    local_azure: LocalAzure, tmp_path: Path
) -> None:
    def die(moment: str) -> tuple[Scene, Job]:
        here = Scene(local_azure, tmp_path, f"killed-{moment}", "endpoint.yml")
        return here, here.die(moment)

    with ThreadPoolExecutor(2) as pool:
        for (moment, state), (here, job) in zip(MOMENTS.items(), pool.map(die, MOMENTS), strict=True):
            assert here.state() == state, moment
            assert job.state is (JobState.SUCCEEDED if state else JobState.FAILED), job
            assert not job.failure if state else "Azure holds what it held before" in str(job.failure), job


def test_what_somebody_else_has_written_meanwhile_is_not_taken_for_ours(
    local_azure: LocalAzure, tmp_path: Path
) -> None:
    here = Scene(local_azure, tmp_path, "killed-foreign", "endpoint.yml")
    assert here.process("sending") == -signal.SIGKILL
    seed_endpoint(
        local_azure,
        WorkspaceRef.of(f"{local_azure.workspace}/onlineEndpoints/{here.endpoint}"),
        here.endpoint,
        {"blue": 100},
        {},
    )
    assert here.process("recover") == 0
    job = here.job()
    assert job.state is JobState.UNKNOWN, job
    assert "Azure's last write there is by seed, " in str(job.failure)


def test_a_split_whose_deploy_was_killed_is_read_back_and_journaled_by_the_next_process(
    local_azure: LocalAzure, tmp_path: Path
) -> None:
    here = Scene(local_azure, tmp_path, "killed-split", "endpoint.yml")
    place = WorkspaceRef.of(f"{local_azure.workspace}/onlineEndpoints/{here.endpoint}")
    endpoint_id = seed_endpoint(local_azure, place, here.endpoint, {"blue": 100}, {})
    file = here.files / "endpoint.yml"
    file.write_text(f"{file.read_text()}\ntraffic: {{blue: 80, green: 20}}\n")
    assert here.die("unanswered").state is JobState.SUCCEEDED
    store = Store(here.file)
    entry = Journal(store, local_azure.url.removeprefix("https://")).newest(endpoint_id)
    store.close()
    assert entry is not None
    assert (entry.outcome, entry.before, entry.after) == (
        APPLIED,
        Split({"blue": 100}),
        Split({"blue": 80, "green": 20}),
    )
    assert entry.who.person == "ann"


def test_an_upload_that_was_cut_off_has_failed_and_can_be_begun_again_without_doubling(
    local_azure: LocalAzure, tmp_path: Path
) -> None:
    here = Scene(local_azure, tmp_path, "killed-uploading")
    job = here.die("uploading")
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert "Already there: killed-uploading." in job.failure[0], job
    assert "files were on their way" in job.failure[1]
    assert (here.state(), here.state("/deployments/blue")) == ("Succeeded", "")
    if IS_FULL:
        assert here.process("again") == 0
        assert here.state("/deployments/blue") == "Succeeded"


@pytest.mark.parametrize("moment", ["deleting", "deleted"] if IS_FULL else ["deleted"])
def test_a_process_that_is_killed_while_it_deletes_what_had_failed_is_followed_by_one_that_knows_whether_it_has_gone(
    local_azure: LocalAzure, tmp_path: Path, moment: str
) -> None:
    here = Scene(local_azure, tmp_path, f"killed-{moment}")
    create_endpoint(local_azure, here.endpoint)
    fault = {"operation": "*/onlineEndpoints/deployments/write", "times": 1}
    local_azure.control("POST", "faults", {**fault, "outcome": {"code": "InternalServerError", "message": "no luck"}})
    local_azure.finish(upload_and_put(local_azure, here.endpoint, "blue", 2))
    assert here.state("/deployments/blue") == "Failed"
    (here.files / "endpoint.yml").unlink()
    job = here.die(moment)
    if moment == "deleted":
        assert job.state is JobState.SUCCEEDED, job
        assert [step.phase for step in job.steps][:2] == [Phase.DELETE, Phase.UPLOAD]
        assert here.state("/deployments/blue") == "Succeeded"
        return
    # Killed before its request has left: what had failed is still there, and can be deleted by the next job.
    assert job.state is JobState.FAILED, job
    assert "Azure holds what it held before" in str(job.failure), job
    assert here.state("/deployments/blue") == "Failed"


def test_a_process_that_is_killed_while_the_container_starts_is_followed_by_one_that_sees_it_end(
    local_azure: LocalAzure, tmp_path: Path
) -> None:
    here = Scene(local_azure, tmp_path, "killed-probes")
    job = here.die("probes")
    assert job.state is JobState.SUCCEEDED, job
    assert here.state("/deployments/blue") == "Succeeded"
    assert [step.phase.value for step in job.steps][-2:] == ["probes", "ready"]


if IS_FULL:

    def test_a_process_that_is_killed_with_documents_left_is_followed_by_one_that_goes_on_with_them(
        local_azure: LocalAzure, tmp_path: Path
    ) -> None:
        here = Scene(local_azure, tmp_path, "killed-between")
        job = here.die("accepted")
        assert job.state is JobState.SUCCEEDED, job
        assert (here.state(), here.state("/deployments/blue")) == ("Succeeded", "Succeeded")
