"""Deployments that live and fail, with real processes of the inference server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from emulator.scoring.instances.fleet import LogFile
from emulator.scoring.instances.instance import _free_port, last_error
from emulator.scoring.model import DeploymentFailed, Probe
from tests.emulator.scoring_rig import Rig, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]


PATIENT = Probe(initial_delay_seconds=60)
QUICK = Probe(initial_delay_seconds=0, period_seconds=0.3, timeout_seconds=0.3, failure_threshold=3)


async def test_an_instance_sees_what_it_would_see_on_azure(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.deploy("blue", environment_variables={"VERSION": "blue", "MINE": "1"})
    await rig.route({"blue": 100})
    answer = (await rig.send({"environment": True})).json()
    revision = rig.state / "deployments" / "shop" / "blue" / "1"
    assert answer["model"] == str(revision / "azureml-models" / "digits" / "3")
    assert (Path(answer["model"]) / "model" / "weights.txt").read_text() == "1 2 3"
    assert answer["root"] == answer["cwd"] == str(revision / "azureml-app" / "onlinescoring")
    assert answer["home"] == str(revision / "home")
    assert "MINE" in answer["names"]
    forbidden = ("IDENTITY_", "AZURE_", "SLUICE_", "EMULATOR_", "ARM_")
    assert not [name for name in answer["names"] if name.startswith(forbidden)]
    ours = str(Path(__file__).parents[2] / "emulator")
    assert not [entry for entry in answer["path"] if entry.startswith(ours)]
    download = rig.fleet.logs("shop", "blue", "storage-initializer", 1000)
    assert "Downloading model digits:3" in download
    assert "resolved from PyPI" in download
    assert "Invoking user's init function" in rig.fleet.logs("shop", "blue", "inference-server", 1000)
    log = rig.fleet.logs("shop", "blue", "inference-server", 2)
    assert log.partition("Container logs:\n")[2].count("\n") == 2
    assert rig.fleet.logs("shop", "none", "inference-server", 2) == ""


async def test_the_servers_listen_on_loopback_only(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    pid = (await rig.send()).json()["pid"]
    listening = [c.laddr.ip for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]


async def test_an_init_that_raises_fails_the_deployment_with_its_error(rig: Rig) -> None:
    with pytest.raises(DeploymentFailed) as failure:
        await rig.deploy("blue", environment_variables={"BREAK_INIT": "1"})
    assert failure.value.code == "ResourceNotReady"
    expected = "User container has crashed or terminated: ValueError: the model is broken"
    assert failure.value.message == expected
    assert "User's init function failed" in rig.fleet.logs("shop", "blue", "inference-server", 1000)
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    assert (await rig.send()).status == 200


async def test_a_script_that_cannot_be_imported_fails_the_deployment(rig: Rig) -> None:
    (rig.code / "score.py").write_text("import a_package_that_is_not_there\ndef init(): pass\ndef run(raw): return 1\n")
    with pytest.raises(DeploymentFailed, match="ModuleNotFoundError: No module named 'a_package_that_is_not_there'"):
        await rig.deploy("blue")


async def test_an_init_that_never_ends_fails_the_deployment(rig: Rig) -> None:
    (rig.code / "score.py").write_text("import time\ndef init(): time.sleep(600)\ndef run(raw): return 1\n")
    expected = "crashed or terminated: Liveness probe failed: HTTP probe failed with statuscode: 502$"
    with pytest.raises(DeploymentFailed, match=expected) as failure:
        await rig.deploy("blue", liveness=QUICK)
    assert failure.value.code == "ResourceNotReady"
    assert not _running_below(rig.state)


CANNOT_RUN: list[tuple[dict[str, object], str, str]] = [
    ({"scoring_script": "nothing.py"}, "ResourceNotReady", "FileNotFoundError: .*/onlinescoring/nothing.py"),
    ({"scoring_script": "../../score.py"}, "BadArgument", "is not in the code folder"),
    ({"code_path": Path("/nowhere/code")}, "BadArgument", "Unable to download user code"),
    ({"model_path": Path("/nowhere/model")}, "BadArgument", "Unable to download user model"),
    ({"model_name": "../up"}, "BadArgument", "is not a usable name"),
    ({"endpoint": ".."}, "BadArgument", "is not a usable name"),
    ({"environment_variables": {"A=B": "1"}}, "BadArgument", "variable 'A=B' is not valid"),
    ({"environment_variables": {"A": "1\0"}}, "BadArgument", "variable 'A' is not valid"),
    ({"environment_variables": {"PYTHONHOME": "/nowhere"}}, "ResourceNotReady", "No module named 'encodings'"),
    ({"conda_yaml": "dependencies: [sluice-no-such-package]"}, "ImageBuildFailure", "sluice-no-such-package"),
]


async def test_what_cannot_run_says_why(rig: Rig) -> None:
    for changes, code, message in CANNOT_RUN:
        with pytest.raises(DeploymentFailed, match=message) as failure:
            await rig.deploy("blue", **changes)
        assert failure.value.code == code, changes


async def test_an_update_in_place_fails_no_request(rig: Rig) -> None:
    await rig.deploy("blue", environment_variables={"VERSION": "1"})
    await rig.route({"blue": 100})
    seen: Counter[tuple[int, str]] = Counter()
    stop = asyncio.Event()

    async def caller() -> None:
        while not stop.is_set():
            reply = await rig.send({"sleep": 0.02})
            seen[reply.status, reply.json().get("version")] += 1

    last: list[str] = []

    async def read(_endpoint: str, _deployment: str, files: Sequence[LogFile]) -> None:
        last.extend(file.path.parent.name for file in files if "init" in file.path.read_text())

    rig.fleet.before_logs_go = read
    callers = [asyncio.create_task(caller()) for _ in range(6)]
    for version in ("2", "3"):
        await rig.deploy("blue", environment_variables={"VERSION": version}, instance_count=2)
        before = seen[200, version]
        while seen[200, version] < before + 20:
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*callers)
    assert set(seen) == {(200, "1"), (200, "2"), (200, "3")}
    assert [path.name for path in (rig.state / "deployments/shop/blue").iterdir()] == ["3"]
    assert set(last) == {"1", "2"}


async def test_a_failed_update_leaves_the_old_one_serving(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    with pytest.raises(DeploymentFailed):
        await rig.deploy("blue", environment_variables={"BREAK_INIT": "1"})
    assert (await rig.send()).json()["version"] == "blue"
    assert "the model is broken" in rig.fleet.logs("shop", "blue", "inference-server", 1000)


async def test_a_crash_in_run_is_424_and_the_next_request_is_served(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    reply = await rig.send({"crash": True})
    assert (reply.status, reply.headers["ms-azureml-model-error-reason"]) == (424, "model_not_ready")
    assert (await rig.send({"n": 1})).status == 200


async def test_an_instance_whose_server_is_killed_comes_back(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    assert (await rig.send({"kill_server": True})).status in (200, 424)

    async def served_again() -> bool | None:
        return True if (await rig.send({"n": 1})).status == 200 else None

    assert await eventually(served_again)
    rows = await rig.rows(1, lambda row: row["status"] == 200)
    assert rows[-1]["deployment"] == "blue"


async def test_while_one_instance_is_down_the_others_answer(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.deploy("blue", instance_count=2)
    await rig.route({"blue": 100})
    await rig.send({"kill_server": True})

    async def noticed() -> bool | None:
        # A request that reaches an instance while it dies is lost: it may have been worked on.
        return "An instance of shop/blue ended" in caplog.text or None

    await eventually(noticed)
    replies = [await rig.send({"n": n}) for n in range(30)]
    assert {reply.status for reply in replies} == {200}


async def test_a_removed_deployment_leaves_no_process_and_no_file(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    assert _running_below(rig.state)
    last: list[str] = []

    async def read(endpoint: str, deployment: str, files: Sequence[LogFile]) -> None:
        assert not _running_below(rig.state)
        last.extend(f"{endpoint} {deployment} {file.container} {file.path.read_text()}" for file in files)

    rig.fleet.before_logs_go = read
    await rig.fleet.remove("shop", "blue")
    assert any(text.startswith("shop blue inference-server") and "init" in text for text in last)
    assert not _running_below(rig.state)
    assert not list((rig.state / "deployments").iterdir())
    await rig.fleet.remove("shop", "blue")
    assert (await rig.send()).status == 424
    await rig.route({})
    assert (await rig.send()).status == 404


DETACHING = """
import os, subprocess

def init():
    subprocess.Popen(["sleep", "600"], start_new_session=True)

def run(raw):
    if "kill" in raw:
        os.kill(os.getppid(), 9)
    return os.getpid()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands abandoned processes to the supervisor")
async def test_what_a_script_detaches_neither_delays_a_restart_nor_outlives_its_instance(rig: Rig) -> None:
    (rig.code / "score.py").write_text(DETACHING)
    # Probes that would notice the crash only after a minute.
    await rig.deploy("blue", liveness=PATIENT, readiness=PATIENT)
    await rig.route({"blue": 100})
    first = (await rig.send()).json()
    [detached] = [process for process in _running_below(rig.state) if process.name() == "sleep"]
    await rig.send("kill")

    async def served_again() -> bool | None:
        reply = await rig.send()
        return True if reply.status == 200 and reply.json() != first else None

    await eventually(served_again)
    assert not detached.is_running()
    await rig.fleet.remove("shop", "blue")
    assert not _running_below(rig.state)


PARENT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.emulator.scoring_rig import scoring_plane

async def main():
    async with scoring_plane(Path(sys.argv[1]), Path(sys.argv[2])) as rig:
        await rig.deploy("blue", instance_count=2)
        print("ready", rig.gateway.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_killing_the_control_process_leaves_no_orphan(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environments = tmp_path_factory.getbasetemp() / "environments"
    environments.mkdir(exist_ok=True)
    state = tmp_path / "state"
    root = str(Path(__file__).parents[2])
    arguments = [sys.executable, "-c", PARENT, str(state), str(environments), root]
    parent = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    ready, gateway = (await asyncio.to_thread(parent.stdout.readline)).split()
    assert ready == "ready"
    children = [*_running_below(state), psutil.Process(int(gateway))]
    assert len(children) >= 7
    os.kill(parent.pid, signal.SIGKILL)
    await asyncio.to_thread(parent.wait)
    parent.stdout.close()
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 60)
    assert alive == []


def _running_below(state: Path) -> list[psutil.Process]:
    """Supervisors, servers and workers whose working directory is in the state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(state)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_the_last_error_is_the_users_own_exception() -> None:
    log = [
        "Traceback (most recent call last):",
        "KeyError: 'weights'",
        "azureml_inference_server_http.server.user_script.UserScriptException: Caught an unhandled exception",
        "Model Directory Contents:",
    ]
    assert last_error(log) == "KeyError: 'weights'"
    assert last_error(["something", ""]) == "something"
    assert last_error([]) == "The process ended without a word."


def test_instances_that_start_together_get_ports_of_their_own() -> None:
    ports = [_free_port() for _ in range(600)]
    assert len(set(ports)) == len(ports)
