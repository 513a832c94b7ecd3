"""A deployment that failed when it was first made: what is said of it, and how it is deleted and made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.azure.connection import Connection
from services.deploying import bundles
from services.deploying.checking import check
from services.deploying.model import Bundle, Job, JobState, Level, Phase
from services.jobs.worker import Worker
from tests.deployable import SCORE, write_quick_start
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
WAIT_SECONDS = 240.0


def files(folder: Path, endpoint: str, name: str, factor: int) -> Bundle:
    """The file of one deployment, with what it refers to."""
    write_quick_start(folder, endpoint, {name: factor})
    (folder / "endpoint.yml").unlink()
    return bundles.from_folder(folder, folder.parent)


def applied(worker: Worker, conn: Connection, found: Bundle, *replacing: str) -> Job:
    """A deploy that has ended."""
    job = worker.deploy(conn, found, found.documents, "ann", replacing=replacing)
    return worker.wait(job.id, WAIT_SECONDS)


def phases_of(job: Job) -> list[Phase]:
    return [step.phase for step in job.steps]


def test_a_first_creation_that_failed_is_deleted_and_made_again_in_one_job(
    worker: Worker, conn: Connection, served: str, passing: Callable[[str], str], tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    found = files(folder, served, passing("again"), 3)
    (folder / "code" / "score.py").write_text("import no_such_module\n")
    job = applied(worker, conn, found)
    assert (job.state, job.stuck) == (JobState.FAILED, f"{served}/again")
    assert job.failure is not None
    assert f"{served}/again is there, failed, and holds 8 cores until it is deleted." in job.failure[0]
    assert "delete again and create it again" in job.failure[2]
    (told,) = (each for each in check(conn, found) if each.code == "deployment-failed")
    assert told.level is Level.ERROR

    (folder / "code" / "score.py").write_text(SCORE)
    refused = applied(worker, conn, found)
    assert refused.causes[0].code == "unrecoverable"
    # Azure has refused the request: nothing was built.
    assert phases_of(refused)[-1] is Phase.WRITE
    assert refused.stuck == job.stuck

    mended = worker.deploy_again(conn, job, "ann", job_id="decided")
    assert worker.deploy_again(conn, job, "ann", job_id="decided").id == mended.id
    mended = worker.wait(mended.id, WAIT_SECONDS)
    assert (mended.state, mended.stuck) == (JobState.SUCCEEDED, ""), mended
    assert phases_of(mended)[:2] == [Phase.DELETE, Phase.UPLOAD]
    assert not [each for each in check(conn, found) if each.code.startswith("deployment-failed")]


def test_nothing_that_has_traffic_or_has_not_failed_is_deleted_to_be_made_again(
    worker: Worker, conn: Connection, local_azure: LocalAzure, served: str, split: Callable[..., None], tmp_path: Path
) -> None:
    split({"blue": 100}, {"green": 10})
    for name, why in (("blue", "answers 100 % of the requests"), ("green", "receives copies of 10 %")):
        found = files(tmp_path / name, served, name, 2)
        job = applied(worker, conn, found, f"{served}/{name}")
        assert job.state is JobState.FAILED
        assert why in str(job.failure)
    split({"blue": 100}, {})
    job = applied(worker, conn, bundles.from_folder(tmp_path / "green", tmp_path), f"{served}/green")
    assert "has not failed: Azure says Succeeded" in str(job.failure)
    assert job.stuck == ""
    for name in ("blue", "green"):
        answer = local_azure.arm("GET", f"onlineEndpoints/{served}/deployments/{name}")
        assert answer.json()["properties"]["provisioningState"] == "Succeeded"
