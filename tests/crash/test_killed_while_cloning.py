"""kill -9 of a process that deletes a failed clone and makes it again: the next one finishes both."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.deploying.model import Job, JobState, Phase
from services.jobs.jobs import Jobs
from services.store import Store
from tests.crash import clone_and_die
from tests.crash.clone_and_die import AGAIN_ID, CLONE, CLONE_ID
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MAIN = sys.modules["__main__"]
"""A new process begins with it. Whoever runs pages in this process may leave another one there."""
FORKING = multiprocessing.get_context("forkserver")
NAME = "killed-cloning"
WAIT_SECONDS = 300.0
MOMENTS = ["cleared"]
if os.environ.get("SLUICE_TEST_COUNTS") == "full":
    MOMENTS += ["deleted", "created"]


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    """With an endpoint of its own, and a blue that answers."""
    try:
        assert create_endpoint(local_azure, NAME).ok
        assert local_azure.finish(upload_and_put(local_azure, NAME, "blue", 2), 240)["status"] == "Succeeded"
        yield local_azure
    finally:
        _gone(local_azure, f"onlineEndpoints/{NAME}")


def _gone(azure: LocalAzure, path: str) -> None:
    answer = azure.arm("DELETE", path)
    if answer.status_code == 202:
        azure.finish(answer)


def _process(azure: LocalAzure, moment: str, file: Path) -> int:
    """Its exit code, once it has ended."""
    sys.modules["__main__"] = MAIN
    arguments = (NAME, moment, file, azure.client_environment())
    process = FORKING.Process(target=clone_and_die.run, args=arguments, daemon=True)
    process.start()
    process.join(WAIT_SECONDS)
    assert process.exitcode is not None
    return process.exitcode


def _job(azure: LocalAzure, file: Path, job_id: str) -> Job:
    store = Store(file)
    try:
        job = Jobs(store, azure.url.removeprefix("https://")).get(job_id)
    finally:
        store.close()
    assert job is not None
    return job


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_between_the_end_of_a_clone_and_its_beginning_is_followed_by_one_that_finishes(
    azure: LocalAzure, tmp_path: Path, moment: str
) -> None:
    file = tmp_path / "sluice.db"
    outcome = {"code": "InternalServerError", "message": "no luck"}
    operation = "*/onlineEndpoints/deployments/write"
    fault = {"operation": operation, "target": f"{NAME}/green", "outcome": outcome, "times": 1}
    azure.control("DELETE", "faults").raise_for_status()
    azure.control("POST", "faults", fault).raise_for_status()
    try:
        assert _process(azure, CLONE, file) == 0
        assert _job(azure, file, CLONE_ID).stuck == f"{NAME}/green"
        assert _process(azure, moment, file) == -signal.SIGKILL
        assert _job(azure, file, AGAIN_ID).state is JobState.RUNNING
        assert _process(azure, "recover", file) == 0
        job = _job(azure, file, AGAIN_ID)
        assert (job.state, job.stuck) == (JobState.SUCCEEDED, ""), job
        assert [step.phase for step in job.steps] == [Phase.DELETE, Phase.PROVISION]
        answer = azure.arm("GET", f"onlineEndpoints/{NAME}/deployments/green")
        assert answer.json()["properties"]["provisioningState"] == "Succeeded"
    finally:
        azure.control("DELETE", "faults").raise_for_status()
        _gone(azure, f"onlineEndpoints/{NAME}/deployments/green")
