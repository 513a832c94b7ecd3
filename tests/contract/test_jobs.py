"""Deploys and single requests as jobs: what comes out in Azure, what is told on the way, and how failures are told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.azure.connection import Connection
from services.deploying import bundles
from services.deploying.model import Bundle, Job, JobState, Phase
from services.errors import Conflict
from services.jobs.worker import Worker, Write
from tests.deployable import ENDPOINT, create_endpoint, write_quick_start
from tests.local_azure import ROOT, LocalAzure

pytestmark = pytest.mark.emulator

WAIT_SECONDS = 240.0
ENDPOINT_MORE = """
description: the whole of it
tags: {team: one, cost: "007"}
public_network_access: enabled
traffic: {blue: 100}
"""
DEPLOYMENT_MORE = """
description: answers twice as much
tags: {size: small}
environment_variables: {LEVEL: "1.0", FLAG: "yes"}
app_insights_enabled: true
request_settings: {request_timeout_ms: 2500, max_concurrent_requests_per_instance: 3}
liveness_probe: {initial_delay: 5, period: 7, timeout: 3, failure_threshold: 9, success_threshold: 1}
readiness_probe: {initial_delay: 1, period: 1}
"""


def bundle(folder: Path) -> Bundle:
    """The files of a folder, as a person gives them."""
    found = bundles.from_folder(folder, folder.parent)
    assert found.documents, found.findings
    return found


def deployed(worker: Worker, conn: Connection, found: Bundle, *kinds: str) -> Job:
    """A finished deploy."""
    wanted = [each for each in found.documents if not kinds or each.name in kinds]
    return worker.wait(worker.deploy(conn, found, wanted, "ann").id, WAIT_SECONDS)


def test_a_deploy_has_all_its_phases_and_makes_the_same_documents_as_azure_ai_ml_alone(
    worker: Worker, conn: Connection, local_azure: LocalAzure, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder, name in ((ours, "jobs-ours"), (theirs, "jobs-theirs")):
        write_quick_start(folder, name, {"blue": 2})
        (folder / "endpoint.yml").write_text((folder / "endpoint.yml").read_text() + ENDPOINT_MORE)
        path = folder / "blue-deployment.yml"
        path.write_text(path.read_text() + DEPLOYMENT_MORE)
    # One file with both documents is as good as two.
    texts = [(ours / name).read_text() for name in ("blue-deployment.yml", "endpoint.yml")]
    for name in ("blue-deployment.yml", "endpoint.yml"):
        (ours / name).unlink()
    (ours / "both.yml").write_text("---\n".join(texts))
    script = subprocess.Popen(
        [sys.executable, "tests/contract/apply_yaml.py", theirs / "endpoint.yml", theirs / "blue-deployment.yml"],
        cwd=ROOT,
        env={**local_azure.client_environment(), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    job = deployed(worker, conn, bundle(ours))
    assert job.state is JobState.SUCCEEDED, job
    assert (job.endpoint, job.deployment, job.person) == ("jobs-ours", "blue", "ann")
    of_blue = [step.phase for step in job.steps if step.resource == "jobs-ours/blue"]
    assert [each for each in of_blue if each is not Phase.PROVISION] == [
        *(Phase.UPLOAD, Phase.REGISTER, Phase.WRITE, Phase.BUILD, Phase.PROBES, Phase.READY)
    ]
    # Made, and changed when its traffic follows the deployment.
    of_endpoint = [step.phase for step in job.steps if step.resource == "jobs-ours"]
    assert of_endpoint == [Phase.PROVISION, Phase.READY, Phase.WRITE, Phase.READY]
    assert {(step.resource, step.phase) for step in job.steps} <= set(job.plan)
    assert job.principal
    assert all(step.ended_at and step.ended_at >= step.began_at for step in job.steps)
    assert worker.jobs.all(conn.workspace, "jobs-ours") == (job,)
    assert script.wait(WAIT_SECONDS) == 0
    for below in ("", "/deployments/blue"):
        made, wanted = (_document(local_azure, name, below) for name in ("jobs-ours", "jobs-theirs"))
        assert made == wanted
    assert _document(local_azure, "jobs-ours", "")["properties"]["traffic"] == {"blue": 100}


def _document(azure: LocalAzure, name: str, below: str) -> dict[str, Any]:
    """What Azure holds, without names, times, and the address that has a port in it."""
    answer = azure.arm("GET", f"onlineEndpoints/{name}{below}")
    # Both upload the same code at the same time, each under an id of its own.
    text = re.sub(r"(codes|azureml-app)/[0-9a-f-]{36}", r"\1/CODE", answer.text.replace(name, "NAME"))
    document = json.loads(text)
    document.pop("systemData")
    document["properties"]["properties"].pop("AzureAsyncOperationUri", None)
    document.get("identity", {}).pop("principalId", None)
    return dict(document)


def test_a_container_that_fails_is_told_with_its_log_and_its_cause(
    worker: Worker, conn: Connection, served: str, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    write_quick_start(folder, served, {"broken": 2})
    (folder / "code" / "score.py").write_text(
        "import no_such_module\n\ndef init(): pass\n\ndef run(data): return data\n"
    )
    path = folder / "broken-deployment.yml"
    path.write_text(path.read_text() + "environment_variables:\n  API_SECRET: hunter2hunter2\n")
    job = deployed(worker, conn, bundle(folder), "broken")
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert f"{served}/broken was not deployed." in job.failure[0]
    evidence = worker.jobs.evidence(job.id)
    assert evidence is not None
    assert evidence.code
    assert "no_such_module" in evidence.log
    assert "hunter2" not in evidence.log + str(job)
    assert "no_such_module" in job.causes[0].proof
    write = Write("DELETE", f"{conn.workspace_path}/onlineEndpoints/{served}/deployments/broken", None, "2024-10-01")
    gone = worker.write(conn, "delete", "Delete broken", served, "broken", write, "ann")
    assert worker.wait(gone.id, WAIT_SECONDS).state is JobState.SUCCEEDED


def test_a_name_that_cannot_be_is_told_as_what_failed(worker: Worker, conn: Connection, tmp_path: Path) -> None:
    job = deployed(worker, conn, _endpoint_only(tmp_path, "a-b--c-"))
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert "a-b--c-" in job.failure[0]


def test_who_may_not_deploy_is_told_the_role(
    worker: Worker, connect_to: Callable[..., Connection], local_azure: LocalAzure, tmp_path: Path
) -> None:
    reader = connect_to(local_azure, "reader")
    job = deployed(worker, reader, _endpoint_only(tmp_path, "jobs-reader"))
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert "AzureML Data Scientist" in job.failure[2]


def test_storage_that_refuses_names_the_role_of_storage(
    worker: Worker, conn: Connection, served: str, fault: Callable[..., None], tmp_path: Path
) -> None:
    fault(path="/devacct*", method="PUT", status=403, code="AuthorizationPermissionMismatch")
    folder = tmp_path / "files"
    write_quick_start(folder, served, {"denied": uuid.uuid4().int})
    job = deployed(worker, conn, bundle(folder), "denied")
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert "Storage Blob Data Contributor" in job.failure[2], job


@pytest.mark.skipif(os.environ.get("SLUICE_TEST_COUNTS") != "full", reason="the storage client tries for a minute")
def test_an_upload_that_is_cut_off_fails_and_can_be_begun_again(
    worker: Worker,
    conn: Connection,
    local_azure: LocalAzure,
    served: str,
    fault: Callable[..., None],
    tmp_path: Path,
) -> None:
    fault(path="/devacct*", method="PUT", connection="reset")
    folder = tmp_path / "files"
    write_quick_start(folder, served, {"cut": 11})
    job = deployed(worker, conn, bundle(folder), "cut")
    assert job.state is JobState.FAILED, job
    assert job.failure is not None
    assert "cut was not deployed." in job.failure[0]
    local_azure.control("DELETE", "faults").raise_for_status()
    assert deployed(worker, conn, bundle(folder), "cut").state is JobState.SUCCEEDED


def test_a_deploy_is_cancelled_while_its_files_are_on_their_way_and_not_later(
    worker: Worker, conn: Connection, served: str, fault: Callable[..., None], tmp_path: Path
) -> None:
    fault(path="/devacct*", method="PUT", delay_seconds=30.0)
    folder = tmp_path / "files"
    write_quick_start(folder, served, {"stopped": uuid.uuid4().int})
    found = bundle(folder)
    wanted = [each for each in found.documents if each.name == "stopped"]
    job = worker.deploy(conn, found, wanted, "ann", job_id="once")
    assert worker.deploy(conn, found, wanted, "ann", job_id="once").id == job.id
    with pytest.raises(Conflict, match=r"Something else is being done to .*/stopped"):
        worker.deploy(conn, found, wanted, "ben")
    assert worker.can_cancel(job)
    worker.cancel(job)
    ended = worker.wait(job.id, WAIT_SECONDS)
    assert (ended.state, ended.failure) == (JobState.CANCELLED, None)
    assert not worker.can_cancel(job)


def test_one_request_is_followed_until_azure_has_ended_it(
    worker: Worker, conn: Connection, local_azure: LocalAzure, fault: Callable[..., None]
) -> None:
    name = "jobs-write"
    create_endpoint(local_azure, name)
    path = f"{conn.workspace_path}/onlineEndpoints/{name}"
    body = local_azure.arm("GET", f"onlineEndpoints/{name}").json()
    write = Write("PUT", path, {**body, "tags": {"team": "blue"}}, "2024-10-01")

    def done(action: str, request: Write) -> Job:
        return worker.wait(worker.write(conn, action, f"{action} {name}", name, "", request, "ann").id, WAIT_SECONDS)

    job = done("tag", write)
    assert (job.state, job.action, [step.phase for step in job.steps]) == (JobState.SUCCEEDED, "tag", [Phase.WRITE])
    assert local_azure.arm("GET", f"onlineEndpoints/{name}").json()["tags"] == {"team": "blue"}
    keys = Write("POST", f"{path}/regenerateKeys", {"keyType": "Primary"}, "2024-10-01")
    assert done("rotate", keys).state is JobState.SUCCEEDED
    fault(operation="*/onlineEndpoints/write", outcome={"code": "InternalServerError", "message": "no luck"}, times=1)
    failed = done("tag", write)
    assert failed.state is JobState.FAILED
    assert "no luck" in str(failed.failure)
    local_azure.control("DELETE", "faults").raise_for_status()
    fault(operation="*/onlineEndpoints/write", connection="half", times=1)
    lost = done("tag", Write("PUT", path, {**body, "tags": {"team": "green"}}, "2024-10-01"))
    assert lost.state is JobState.SUCCEEDED, lost
    assert done("delete", Write("DELETE", path, None, "2024-10-01", Phase.DELETE)).state is JobState.SUCCEEDED
    assert next(job.action for job in worker.jobs.all(conn.workspace, name)) == "delete"


def test_what_cannot_be_asked_for_a_while_is_followed_to_its_end_and_busy_things_are_told(
    worker: Worker, conn: Connection, fault: Callable[..., None], tmp_path: Path
) -> None:
    name = "jobs-busy"
    fault(path="/subscriptions/*mfeOperation*", status=503, times=2)
    job = deployed(worker, conn, _endpoint_only(tmp_path, name))
    assert job.state is JobState.SUCCEEDED, job
    message = f"Cannot create a deployment in endpoint {name} because it is in Updating provisioning state."
    fault(operation="*/onlineEndpoints/deployments/write", status=409, code="Conflict", message=message)
    write_quick_start(tmp_path / "more", name, {"early": 2})
    early = deployed(worker, conn, bundle(tmp_path / "more"), "early")
    assert early.state is JobState.FAILED
    assert early.failure is not None
    assert "Updating" in early.failure[1]
    assert "Wait until the running operation ends" in early.failure[2]


def test_a_deploy_whose_answer_is_lost_is_told_by_what_azure_holds(
    worker: Worker, conn: Connection, fault: Callable[..., None], tmp_path: Path
) -> None:
    # azure-core sends it again, and Azure refuses that: the first one is under way.
    fault(operation="*/onlineEndpoints/write", connection="half", times=1)
    fault(operation="*/onlineEndpoints/write", status=409, code="Conflict", message="in Creating state")
    job = deployed(worker, conn, _endpoint_only(tmp_path, "jobs-lost"))
    assert job.state is JobState.SUCCEEDED, job


def test_a_deployment_whose_answer_is_lost_has_succeeded_once_azure_holds_all_of_it(
    worker: Worker,
    conn: Connection,
    served: str,
    passing: Callable[[str], str],
    fault: Callable[..., None],
    tmp_path: Path,
) -> None:
    fault(operation="*/onlineEndpoints/deployments/write", connection="half", times=1)
    fault(operation="*/onlineEndpoints/deployments/write", status=409, code="Conflict", message="in Creating state")
    write_quick_start(tmp_path / "files", served, {passing("lost"): 2})
    path = tmp_path / "files" / "lost-deployment.yml"
    path.write_text(path.read_text() + DEPLOYMENT_MORE)
    job = deployed(worker, conn, bundle(tmp_path / "files"), "lost")
    assert job.state is JobState.SUCCEEDED, job


def _endpoint_only(folder: Path, name: str) -> Bundle:
    (folder / "files").mkdir()
    (folder / "files" / "endpoint.yml").write_text(ENDPOINT.format(endpoint=name))
    return bundle(folder / "files")
