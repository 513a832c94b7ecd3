"""The services against a running local Azure: a connection as Sluice makes it, and an endpoint that really scores."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.azure.connection import Connection, connect
from services.jobs.jobs import Jobs
from services.jobs.worker import Worker
from services.settings import Settings
from services.store import Store
from tests.contract.history import SERVED
from tests.contract.monitor_clients import SHADOW_SWITCHES, set_switches, switch_logs_off
from tests.contract.wire import RecordingTransport
from tests.deployable import create_endpoint, upload_and_put, write_quick_start
from tests.local_azure import ROOT, LocalAzure

SCORE = """
import json, os, pathlib, time

def init():
    global factor
    factor = int(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.txt")).read_text())
    print(f"factor is {factor}")

def run(raw_data):
    request = json.loads(raw_data)
    time.sleep(request.get("sleep", 0))
    if not all(isinstance(number, int) for number in request["data"]):
        raise ValueError("whole numbers expected")
    return [number * factor for number in request["data"]]
"""
PLANTED = "replay-planted"
PLANTED_SCORE = """
import json, os, pathlib, random, uuid

def init():
    global factor
    factor = int(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.txt")).read_text())

def run(raw_data):
    number = json.loads(raw_data)["data"]
    if number > 1 and factor == 3:
        raise ValueError("too large")
    return {
        "label": "spam" if factor == 3 and number < 0.05 else "ham",
        "noise": random.random(),
        "id": str(uuid.uuid4()),
        "mood": "odd" if random.random() < 0.03 else "even",
        "server": random.choice("ab"),
    }
"""
REQUEST_SETTINGS = """
request_settings:
  request_timeout_ms: 6000
  max_concurrent_requests_per_instance: 4
"""


@pytest.fixture(scope="module")
def transport() -> Iterator[RecordingTransport]:
    """How the clients of a module send, with a note of what they sent."""
    with RecordingTransport() as made:
        yield made


@pytest.fixture
def fault(local_azure: LocalAzure) -> Iterator[Callable[..., None]]:
    """Adds faults, which are gone after the test."""

    def add(**values: Any) -> None:
        local_azure.control("POST", "faults", values).raise_for_status()

    local_azure.control("DELETE", "faults").raise_for_status()
    yield add
    local_azure.control("DELETE", "faults").raise_for_status()


@pytest.fixture(scope="session")
def served(local_azure: LocalAzure, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an endpoint with two deployments: blue doubles and is live, green trebles and is idle."""
    folder = tmp_path_factory.mktemp("served") / "files"
    write_quick_start(folder, SERVED, {"blue": 2, "green": 3})
    (folder / "code" / "score.py").write_text(SCORE)
    for name in ("blue", "green"):
        path = folder / f"{name}-deployment.yml"
        path.write_text(path.read_text() + REQUEST_SETTINGS)
    made = subprocess.run(
        [sys.executable, str(ROOT / "tests/contract/deploy.py"), str(folder), "blue", "green"],
        env=local_azure.client_environment(),
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )
    assert made.returncode == 0, made.stderr + local_azure.output()
    return SERVED


@pytest.fixture
def unsent(local_azure: LocalAzure, served: str) -> Iterator[None]:
    """Nothing of the served endpoint is sent to Log Analytics when the test begins, nor afterwards."""
    endpoint_id = f"{local_azure.workspace}/onlineEndpoints/{served}"
    switch_logs_off(local_azure, endpoint_id)
    yield
    switch_logs_off(local_azure, endpoint_id)


@pytest.fixture(scope="session")
def planted(local_azure: LocalAzure) -> str:
    """An endpoint whose green answers one input of twenty otherwise; both answer with random fields."""
    assert create_endpoint(local_azure, PLANTED).ok
    started = [
        upload_and_put(local_azure, PLANTED, name, factor, score=PLANTED_SCORE)
        for name, factor in (("blue", 2), ("green", 3))
    ]
    for answer in started:
        assert local_azure.finish(answer, 240)["status"] == "Succeeded", local_azure.output()
    return PLANTED


@pytest.fixture
def passing(local_azure: LocalAzure, served: str) -> Iterator[Callable[[str], str]]:
    """Takes the name of a deployment of the served endpoint that a test makes: it is gone afterwards."""
    names: list[str] = []

    def take(name: str) -> str:
        names.append(name)
        return name

    yield take
    local_azure.control("DELETE", "faults").raise_for_status()
    for name in names:
        answer = local_azure.arm("DELETE", f"onlineEndpoints/{served}/deployments/{name}")
        if answer.status_code == 202:
            local_azure.finish(answer)


@pytest.fixture
def worker(conn: Connection, tmp_path: Path) -> Iterator[Worker]:
    """What does the jobs of a store of its own."""
    store = Store(tmp_path / "store" / "sluice.db")
    made = Worker(conn, Jobs(store, conn.arm_host), every_seconds=1.0)
    yield made
    made.stop()
    store.close()


@pytest.fixture
def split(local_azure: LocalAzure, served: str) -> Iterator[Callable[..., None]]:
    """Sets the split of the served endpoint behind the services' back. After the test blue has everything again."""

    def write(live: dict[str, int], mirror: dict[str, int] | None = None, **more: Any) -> None:
        document = local_azure.arm("GET", f"onlineEndpoints/{served}").json()
        wanted = document["properties"] | {"traffic": live, "mirrorTraffic": mirror or {}} | more
        if wanted != document["properties"]:
            operation = local_azure.arm("PUT", f"onlineEndpoints/{served}", {**document, "properties": wanted})
            assert local_azure.finish(operation)["status"] == "Succeeded"

    write({"blue": 100})
    yield write
    write({"blue": 100})


@pytest.fixture
def connect_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Connection]:
    """Connects to a local Azure as its owner or reader, with settings changed by keyword."""

    def make(azure: LocalAzure, role: str = "owner", **changes: str) -> Connection:
        values = {**azure.environment, **changes}
        if role == "reader":
            values["IDENTITY_HEADER"] = json.loads((azure.state / "secrets.json").read_text())["reader_header"]
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        # azure-ai-ml writes this one itself; named here, it is put back after the test.
        monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureLocal")
        return connect(Settings.read(values, tmp_path))

    return make


@pytest.fixture
def conn(connect_to: Callable[..., Connection], local_azure: LocalAzure) -> Connection:
    """A connection to the local Azure as its owner."""
    return connect_to(local_azure)


@pytest.fixture
def shadow_switches(local_azure: LocalAzure) -> Iterator[Callable[..., None]]:
    """Says where mirrored requests are visible and how late; before and afterwards it is as it always is."""
    local_azure.control("DELETE", "faults").raise_for_status()
    set_switches(local_azure, **SHADOW_SWITCHES)
    yield lambda **values: set_switches(local_azure, **values)
    set_switches(local_azure, **SHADOW_SWITCHES)
