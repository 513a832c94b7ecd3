"""A clone that failed when it was first made: it is deleted and made again in one job, or nothing of it is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.azure.connection import Connection
from services.deploying.model import Job, JobState, Phase
from services.errors import Conflict
from services.jobs.worker import Worker
from services.operating import operating, recreating
from services.operating.change import Clone
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAME = "cloned-again"
WAIT_SECONDS = 120.0


@pytest.fixture(scope="module")
def endpoint(local_azure: LocalAzure) -> Iterator[str]:
    """The path of an endpoint of its own, with a blue that answers."""
    path = f"onlineEndpoints/{NAME}"
    try:
        assert create_endpoint(local_azure, NAME).ok
        assert local_azure.finish(upload_and_put(local_azure, NAME, "blue", 2), 240)["status"] == "Succeeded"
        yield path
    finally:
        gone(local_azure, path)


@pytest.fixture
def failed(conn: Connection, worker: Worker, local_azure: LocalAzure, endpoint: str) -> Iterator[Job]:
    """The job of a clone, green from blue, whose first creation has failed."""
    outcome = {"code": "InternalServerError", "message": "no luck"}
    operation = "*/onlineEndpoints/deployments/write"
    fault = {"operation": operation, "target": f"{NAME}/green", "outcome": outcome, "times": 1}
    local_azure.control("DELETE", "faults").raise_for_status()
    local_azure.control("POST", "faults", fault).raise_for_status()
    try:
        agreed = operating.review(conn, NAME, Clone("blue", "green", instances=1), worker.jobs)
        yield worker.wait(operating.begin(conn, worker, agreed, "ann").id, WAIT_SECONDS)
    finally:
        local_azure.control("DELETE", "faults").raise_for_status()
        give(local_azure, {"blue": 100}, {})
        gone(local_azure, f"{endpoint}/deployments/green")


@pytest.fixture
def again(conn: Connection, worker: Worker, failed: Job) -> Callable[[], Job]:
    """Deletes it and makes it again, and waits for the end."""
    return lambda: worker.wait(worker.deploy_again(conn, failed, "ann").id, WAIT_SECONDS)


def gone(azure: LocalAzure, path: str) -> None:
    """Delete what is there."""
    answer = azure.arm("DELETE", path)
    if answer.status_code == 202:
        azure.finish(answer)


def document(azure: LocalAzure, name: str) -> dict[str, Any]:
    """A deployment of the endpoint as Azure holds it."""
    return dict(azure.arm("GET", f"onlineEndpoints/{NAME}/deployments/{name}").json())


def give(azure: LocalAzure, live: dict[str, int], mirror: dict[str, int]) -> None:
    """Another split, by somebody else."""
    endpoint = azure.arm("GET", f"onlineEndpoints/{NAME}").json()
    endpoint["properties"] |= {"traffic": live, "mirrorTraffic": mirror}
    assert azure.finish(azure.arm("PUT", f"onlineEndpoints/{NAME}", endpoint))["status"] == "Succeeded"


def test_a_clone_that_failed_at_first_is_deleted_and_made_again_in_one_job(
    conn: Connection, worker: Worker, local_azure: LocalAzure, failed: Job
) -> None:
    assert (failed.state, failed.stuck) == (JobState.FAILED, f"{NAME}/green"), (failed.failure, failed.steps)
    assert failed.failure is not None
    assert f"{NAME}/green is there, failed, and holds 8 cores until it is deleted." in failed.failure[0]
    assert "Delete green and create it again" in failed.failure[2]

    begun = worker.deploy_again(conn, failed, "ann", job_id="decided")
    assert worker.deploy_again(conn, failed, "ann", job_id="decided").id == begun.id
    ended = worker.wait(begun.id, WAIT_SECONDS)
    assert (ended.state, ended.stuck) == (JobState.SUCCEEDED, ""), ended
    assert [step.phase for step in ended.steps] == [Phase.DELETE, Phase.PROVISION]
    assert ended.title == "Delete green and create it again like blue"
    made = document(local_azure, "green")
    assert (made["properties"]["provisioningState"], made["sku"]["capacity"]) == ("Succeeded", 1)

    for live, mirror, why in (
        ({"blue": 100}, {}, "has not failed: Azure says Succeeded"),
        ({"blue": 90, "green": 10}, {}, "answers 10 % of the requests"),
        ({"blue": 100}, {"green": 10}, "receives copies of 10 %"),
    ):
        give(local_azure, live, mirror)
        late = worker.wait(worker.deploy_again(conn, failed, "ann").id, WAIT_SECONDS)
        assert late.state is JobState.FAILED, late
        assert why in str(late.failure)
        assert document(local_azure, "green") == made


def test_nothing_is_deleted_when_what_it_was_made_like_has_changed(
    local_azure: LocalAzure, again: Callable[[], Job]
) -> None:
    before = document(local_azure, "green")
    blue = document(local_azure, "blue")
    blue["tags"] = {"changed": "by somebody else"}
    local_azure.finish(local_azure.arm("PUT", f"onlineEndpoints/{NAME}/deployments/blue", blue))
    ended = again()
    assert ended.state is JobState.FAILED, ended
    assert "blue, which it was made like, was changed since" in str(ended.failure)
    assert document(local_azure, "green") == before


def test_while_something_else_is_done_to_it_nothing_is_begun(
    conn: Connection, worker: Worker, local_azure: LocalAzure, failed: Job
) -> None:
    kept = worker.jobs.kept(failed.id)
    assert kept is not None
    theirs = recreating.again(kept, conn, "ben", "theirs", datetime.now(UTC))
    worker.jobs.begin(theirs, "another process", datetime.now(UTC))
    before = document(local_azure, "green")
    with pytest.raises(Conflict) as refused:
        worker.deploy_again(conn, failed, "ann")
    assert "Something else is being done to cloned-again/green" in refused.value.why
    assert document(local_azure, "green") == before
