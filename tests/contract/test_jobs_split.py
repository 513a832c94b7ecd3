"""A job that writes an endpoint's document and the split that goes with it: one lease with the Traffic page, nothing of
somebody else's is put back, and the journal knows whose change it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import API_VERSION, get_endpoint
from services.azure.translation import Call
from services.deploying import bundles
from services.deploying.author import Author
from services.deploying.model import Job, JobState
from services.errors import Conflict
from services.jobs import arriving
from services.jobs.work import Work
from services.jobs.worker import Worker, Write
from services.journal.entry import APPLIED, Who
from services.journal.journal import Journal
from services.model import Split
from services.operating.bodies import changed_endpoint
from services.operating.change import EndpointSettings
from tests.contract.elsewhere import change_split, seed_endpoint
from tests.deployable import ENDPOINT
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

WAIT_SECONDS = 240.0
WISHED = Split({"blue": 80, "green": 20}, {"red": 5})
THEIRS = Split({"blue": 50, "green": 50})


@pytest.fixture
def traffic(worker: Worker) -> Journal:
    """The journal of the same store, as another process has it."""
    return Journal(worker.jobs.store, worker.jobs.cloud, holder="the Traffic page")


def deploy(worker: Worker, conn: Connection, folder: Path, name: str) -> Job:
    """Begin to apply an endpoint's file with the wished split."""
    split = "traffic: {blue: 80, green: 20}\nmirror_traffic: {red: 5}\n"
    found = bundles.from_text(f"{ENDPOINT.format(endpoint=name)}\n{split}", folder)
    return worker.deploy(conn, found, found.documents, "ann")


def shifted_while_read(azure: LocalAzure, endpoint_id: str, patch: pytest.MonkeyPatch) -> None:
    """Somebody shifts the split as soon as a job has read what Azure holds before its request."""
    original, done = arriving.held, list[bool]()

    def held(work: Work, path: str, api_version: str, call: Call) -> arriving.Held:
        found = original(work, path, api_version, call)
        if not done:
            done.append(True)
            change_split(azure, endpoint_id, THEIRS.live)
        return found

    patch.setattr(arriving, "held", held)


def waits(worker: Worker, job: Job) -> None:
    """Until the job says that it waits for somebody's change of the split."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = worker.jobs.get(job.id)
        assert found is not None
        assert found.state is JobState.RUNNING, found
        if any("waits for a change of the split" in step.detail for step in found.steps):
            return
        worker.wait(job.id, 0.05)
    raise AssertionError(found)


def test_a_split_that_a_deploy_changes_is_the_change_of_who_deployed(
    worker: Worker, conn: Connection, traffic: Journal, local_azure: LocalAzure, tmp_path: Path
) -> None:
    name = "jobs-split-made"
    endpoint_id = seed_endpoint(local_azure, conn.workspace, name, {"blue": 100}, {})
    job = worker.wait(deploy(worker, conn, tmp_path / "files", name).id, WAIT_SECONDS)
    assert job.state is JobState.SUCCEEDED, job
    held = get_endpoint(conn, name)
    assert held.split == WISHED
    entry = traffic.newest(endpoint_id)
    assert entry is not None
    assert (entry.outcome, entry.before, entry.after) == (APPLIED, Split({"blue": 100}), WISHED)
    assert (entry.who, entry.reason) == (Who("Local owner", "ann"), f"Deploy {name}")
    assert traffic.observe(held, entry.began_at) is None
    assert traffic.open_drift(endpoint_id) is None
    # The endpoint is free again.
    traffic.begin("next", held, THEIRS, Who())


def test_a_deploy_waits_for_the_traffic_page_and_does_not_put_back_what_was_shifted_meanwhile(
    worker: Worker, conn: Connection, traffic: Journal, local_azure: LocalAzure, tmp_path: Path
) -> None:
    name = "jobs-split-waits"
    endpoint_id = seed_endpoint(local_azure, conn.workspace, name, {"blue": 100}, {})
    entry, _ = traffic.begin("theirs", get_endpoint(conn, name), THEIRS, Who("", "ben"))
    job = deploy(worker, conn, tmp_path / "files", name)
    waits(worker, job)
    change_split(local_azure, endpoint_id, THEIRS.live)
    traffic.end(entry, APPLIED)
    ended = worker.wait(job.id, WAIT_SECONDS)
    assert ended.state is JobState.FAILED, ended
    assert "Somebody has changed its split meanwhile" in str(ended.failure)
    assert get_endpoint(conn, name).split == THEIRS
    newest = traffic.newest(endpoint_id)
    assert newest is not None
    assert newest.id == "theirs"


def test_another_description_goes_with_the_split_of_that_moment_and_keeps_the_traffic_page_out_meanwhile(
    worker: Worker, conn: Connection, traffic: Journal, local_azure: LocalAzure
) -> None:
    name = "jobs-split-kept"
    endpoint_id = seed_endpoint(local_azure, conn.workspace, name, {"blue": 100}, {})
    seen = get_endpoint(conn, name)
    told: list[Conflict] = []

    def look() -> object:
        with pytest.raises(Conflict, match="under way") as refused:
            traffic.begin("second", seen, WISHED, Who())
        told.append(refused.value)
        return changed_endpoint(get_endpoint(conn, name).raw, EndpointSettings(description="new"))

    traffic.hold(endpoint_id, "somebody")
    path = f"{conn.workspace_path}/onlineEndpoints/{name}"
    request = Write("PUT", path, None, API_VERSION, look=look)
    job = worker.write(conn, "change", f"Describe {name}", name, "", request, "ann")
    waits(worker, job)
    change_split(local_azure, endpoint_id, THEIRS.live)
    traffic.release("somebody")
    assert worker.wait(job.id, WAIT_SECONDS).state is JobState.SUCCEEDED
    held = get_endpoint(conn, name)
    assert (held.split, held.description, len(told)) == (THEIRS, "new", 1)
    traffic.hold(endpoint_id, "somebody")


@pytest.mark.parametrize("share", [100, 80])
def test_a_deploy_puts_back_nothing_that_is_shifted_while_it_looks(
    worker: Worker,
    conn: Connection,
    local_azure: LocalAzure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    share: int,
) -> None:
    name = f"jobs-split-late-{share}"
    endpoint_id = seed_endpoint(local_azure, conn.workspace, name, {"blue": 100}, {})
    split = "{blue: 100}" if share == 100 else "{blue: 80, green: 20}"
    found = bundles.from_text(f"{ENDPOINT.format(endpoint=name)}\ntraffic: {split}\n", tmp_path / "files")
    shifted_while_read(local_azure, endpoint_id, monkeypatch)
    ended = worker.wait(worker.deploy(conn, found, found.documents, "ann").id, WAIT_SECONDS)
    assert "Somebody has changed its split meanwhile" in str(ended.failure), ended
    assert get_endpoint(conn, name).split == THEIRS


def test_a_description_goes_with_the_split_that_is_shifted_while_the_job_looks(
    worker: Worker, conn: Connection, local_azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "jobs-split-described"
    endpoint_id = seed_endpoint(local_azure, conn.workspace, name, {"blue": 100}, {})
    shifted_while_read(local_azure, endpoint_id, monkeypatch)

    def look() -> object:
        return changed_endpoint(get_endpoint(conn, name).raw, EndpointSettings(description="new"))

    path = f"{conn.workspace_path}/onlineEndpoints/{name}"
    request = Write("PUT", path, None, API_VERSION, look=look)
    job = worker.write(conn, "change", f"Describe {name}", name, "", request, "ann")
    assert worker.wait(job.id, WAIT_SECONDS).state is JobState.SUCCEEDED
    held = get_endpoint(conn, name)
    assert (held.split, held.description) == (THEIRS, "new")


def test_a_deploy_replaces_the_split_that_the_person_has_seen_and_no_later_one(
    worker: Worker, conn: Connection, local_azure: LocalAzure, tmp_path: Path
) -> None:
    name = "jobs-split-seen"
    seed_endpoint(local_azure, conn.workspace, name, THEIRS.live, {})
    found = bundles.from_text(f"{ENDPOINT.format(endpoint=name)}\ntraffic: {{blue: 80, green: 20}}\n", tmp_path / "f")
    job = worker.deploy(conn, found, found.documents, "ann", shown={name: Split({"blue": 100})})
    ended = worker.wait(job.id, WAIT_SECONDS)
    assert "Somebody has changed its split meanwhile" in str(ended.failure), ended
    assert get_endpoint(conn, name).split == THEIRS


def test_a_later_write_of_the_same_identity_is_not_taken_for_the_one_whose_answer_is_lost(
    worker: Worker,
    conn: Connection,
    local_azure: LocalAzure,
    fault: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arriving, "SETTLE_SECONDS", 3.0)
    name = "jobs-split-own"
    endpoint_id = seed_endpoint(local_azure, conn.workspace, name, {"blue": 100}, {})
    fault(operation="*/onlineEndpoints/write", method="PATCH", connection="reset", times=1)
    original = arriving.find_out

    def find_out(*values: Any, **more: Any) -> Any:
        change_split(local_azure, endpoint_id, THEIRS.live)
        return original(*values, **more)

    monkeypatch.setattr(arriving, "find_out", find_out)
    request = Write("PATCH", f"{conn.workspace_path}/onlineEndpoints/{name}", {"tags": {"team": "mine"}}, API_VERSION)
    ended = worker.wait(worker.write(conn, "change", f"Tag {name}", name, "", request, "ann").id, WAIT_SECONDS)
    assert ended.state is JobState.UNKNOWN, ended
    assert "not all that was sent is in it" in str(ended.failure)


def test_a_split_that_is_shifted_between_two_sendings_is_not_put_back(
    worker: Worker,
    conn: Connection,
    local_azure: LocalAzure,
    fault: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arriving, "SETTLE_SECONDS", 3.0)
    name = "jobs-split-twice"
    endpoint_id = seed_endpoint(local_azure, conn.workspace, name, {"blue": 100}, {})
    original = Author.apply

    def apply(author: Author, order: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        asked = 0
        for event in original(author, order):
            asked += event["event"] == "ready"
            if asked == 2:
                change_split(local_azure, endpoint_id, THEIRS.live)
            yield event

    monkeypatch.setattr(Author, "apply", apply)
    fault(operation="*/onlineEndpoints/write", method="PUT", connection="reset", times=1)
    found = bundles.from_text(f"{ENDPOINT.format(endpoint=name)}\ntraffic: {{blue: 100}}\n", tmp_path / "files")
    ended = worker.wait(worker.deploy(conn, found, found.documents, "ann").id, WAIT_SECONDS)
    assert ended.state is JobState.UNKNOWN, ended
    assert get_endpoint(conn, name).split == THEIRS
