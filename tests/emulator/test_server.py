"""The process: how it refuses to start, how it ends, and what is there again after it was killed."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.deployable import SCORE, create_endpoint, upload_and_put
from tests.local_azure import ROOT, LocalAzure, clean_environment, is_taken, three_free_ports

pytestmark = pytest.mark.emulator


def emulator(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "emulator", *arguments],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def processes_of(state: Path) -> set[int]:
    """Every process whose command line names a path in this state folder."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(state).encode() in command:
            found.add(int(entry.name))
    return found


def wait_until_gone(state: Path, seconds: float = 60.0) -> None:
    """Wait until no process of this state folder is left."""
    deadline = time.monotonic() + seconds
    while processes_of(state):
        assert time.monotonic() < deadline, f"still there: {processes_of(state)}"


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_each_of_the_three_ports_may_be_taken(tmp_path: Path, offset: int) -> None:
    first = three_free_ports()
    port = first + offset
    with socket.socket() as blocker:
        blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        blocker.bind(("127.0.0.1", port))
        blocker.listen()
        done = emulator("serve", "--port", str(first), "--state", str(tmp_path / "state"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"ort {port} " in done.stderr


def test_a_second_server_on_the_same_folder_is_refused(local_azure: LocalAzure) -> None:
    done = emulator("serve", "--port", "0", "--state", str(local_azure.state))
    assert done.returncode == 2
    assert "in use by another local Azure" in done.stderr
    assert local_azure.arm("GET", "").status_code == 200


def test_env_prints_what_the_server_left(local_azure: LocalAzure) -> None:
    done = emulator("env", "--state", str(local_azure.state))
    assert done.stdout == (local_azure.state / "azure.env").read_text()
    reader = emulator("env", "--state", str(local_azure.state), "--as", "reader")
    differing = set(reader.stdout.splitlines()) - set(done.stdout.splitlines())
    assert [line.partition("=")[0] for line in differing] == ["IDENTITY_HEADER"]


def test_env_without_a_server_says_what_to_do(tmp_path: Path) -> None:
    done = emulator("env", "--state", str(tmp_path / "none"))
    assert done.returncode == 2
    assert "python -m emulator serve" in done.stderr


@pytest.mark.parametrize("arguments", [("--port", "70000"), ("--workspace", "a/b"), ("--region", "")])
def test_arguments_that_cannot_be_are_refused(tmp_path: Path, arguments: tuple[str, str]) -> None:
    assert emulator("serve", "--state", str(tmp_path / "state"), *arguments).returncode == 2


def test_another_place_can_be_served(tmp_path: Path) -> None:
    with LocalAzure(tmp_path / "state", 0, "--workspace", "other", "--region", "northeurope") as azure:
        workspace = azure.arm("GET", "").json()
        assert (workspace["name"], workspace["location"]) == ("other", "northeurope")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean_and_lets_everything_go(tmp_path: Path, number: signal.Signals) -> None:
    port = three_free_ports()
    with LocalAzure(tmp_path / "state", port) as azure:
        assert azure.stop(number) == 0
        assert azure.output() == ""
    wait_until_gone(tmp_path / "state")
    assert not is_taken(port)


def test_after_a_kill_everything_is_there_again_and_nothing_is_left_over(tmp_path: Path) -> None:
    state, port = tmp_path / "state", three_free_ports()
    with LocalAzure(state, port) as azure:
        create_endpoint(azure, "lasting")
        status = azure.finish(upload_and_put(azure, "lasting", "blue", 2))
        assert status["status"] == "Succeeded", status
        document = azure.arm("GET", "onlineEndpoints/lasting").json()
        document["properties"]["traffic"] = {"blue": 100}
        azure.finish(azure.arm("PUT", "onlineEndpoints/lasting", document))
        key = azure.arm("POST", "onlineEndpoints/lasting/listKeys").json()["primaryKey"]
        token = azure.token()
        # Killed in the middle of a change: it has been acknowledged, so it must come about.
        azure.control("POST", "settings", {"operation_seconds": 3}).raise_for_status()
        changed = {**document, "tags": {"written": "before the kill"}}
        changing = azure.arm("PUT", "onlineEndpoints/lasting", changed)
        assert changing.ok
        before = processes_of(state)
        azure.stop(signal.SIGKILL)
    assert len(before) >= 3
    wait_until_gone(state)

    with LocalAzure(state, port) as azure:
        azure.control("POST", "settings", {"operation_seconds": 0.3}).raise_for_status()
        assert azure.arm("GET", "", token=token).status_code == 200
        assert azure.arm("POST", "onlineEndpoints/lasting/listKeys").json()["primaryKey"] == key
        assert azure.score("lasting", {"data": [21]}, key).json() == [42]
        found = azure.arm("GET", "onlineEndpoints/lasting").json()
        assert found["tags"] == {"written": "before the kill"}
        assert found["properties"]["traffic"] == {"blue": 100}
        assert azure.finish(changing)["status"] == "Succeeded"


def test_a_deployment_that_was_being_made_is_made_after_a_kill(tmp_path: Path) -> None:
    state, port = tmp_path / "state", three_free_ports()
    slow = SCORE.replace("def init():", "def init():\n    import time; time.sleep(3)")
    with LocalAzure(state, port) as azure:
        create_endpoint(azure, "halfway")
        creating = upload_and_put(azure, "halfway", "blue", 2, score=slow)
        assert creating.status_code == 201
        azure.stop(signal.SIGKILL)
    wait_until_gone(state)
    with LocalAzure(state, port) as azure:
        assert azure.finish(creating)["status"] == "Succeeded"
        answer = azure.arm("GET", "onlineEndpoints/halfway/deployments/blue").json()
        assert answer["properties"]["provisioningState"] == "Succeeded"


def test_an_endpoint_that_was_being_deleted_is_deleted_after_a_kill(tmp_path: Path) -> None:
    state, port = tmp_path / "state", three_free_ports()
    with LocalAzure(state, port) as azure:
        create_endpoint(azure, "leaving")
        address = azure.arm("GET", "onlineEndpoints/leaving").json()["properties"]["scoringUri"]
        azure.control("POST", "settings", {"operation_seconds": 2}).raise_for_status()
        deleting = azure.arm("DELETE", "onlineEndpoints/leaving")
        azure.stop(signal.SIGKILL)
    wait_until_gone(state)
    with LocalAzure(state, port) as azure:
        assert azure.finish(deleting)["status"] == "Succeeded"
        assert azure.arm("GET", "onlineEndpoints/leaving").status_code == 404
        # Not 401: the gateway does not know it either.
        assert requests.post(address, json={}, verify=azure.bundle, timeout=60).status_code == 404


def serving(azure: LocalAzure, name: str) -> str:
    """Make an endpoint whose one deployment waits a second for the input 99; returns its key."""
    start = "def run(raw_data):"
    assert start in SCORE
    waiting = SCORE.replace(start, f"{start}\n    if '99' in raw_data: import time; print('under way'); time.sleep(1)")
    create_endpoint(azure, name)
    status = azure.finish(upload_and_put(azure, name, "blue", 2, score=waiting))
    assert status["status"] == "Succeeded", status
    document = azure.arm("GET", f"onlineEndpoints/{name}").json()
    document["properties"]["traffic"] = {"blue": 100}
    azure.finish(azure.arm("PUT", f"onlineEndpoints/{name}", document))
    return str(azure.arm("POST", f"onlineEndpoints/{name}/listKeys").json()["primaryKey"])


def wait_until_under_way(azure: LocalAzure, endpoint: str, seconds: float = 60.0) -> None:
    """Wait until the script says that it works on the slow input."""
    deadline = time.monotonic() + seconds
    path = f"onlineEndpoints/{endpoint}/deployments/blue/getLogs"
    while "under way" not in azure.arm("POST", path, {"containerType": "InferenceServer"}).text:
        assert time.monotonic() < deadline, "the request did not reach the script"


def rows_of(azure: LocalAzure, endpoint: str) -> list[dict[str, Any]]:
    found = azure.control("GET", f"requests?endpoint={endpoint}&since=0&limit=100").json()["value"]
    return [row for row in found if row["endpoint"] == endpoint]


def test_a_stop_finishes_requests_writes_rows_and_a_restart_need_not_wait(tmp_path: Path) -> None:
    state, port = tmp_path / "state", three_free_ports()
    with LocalAzure(state, port) as azure, requests.Session() as idle, ThreadPoolExecutor() as pool:
        key = serving(azure, "stopping")
        secret = {"x-emulator-secret": azure.environment["EMULATOR_CONTROL_SECRET"]}
        health = f"{azure.environment['EMULATOR_CONTROL_URL']}/health"
        assert idle.get(health, headers=secret, verify=azure.bundle, timeout=60).ok
        assert azure.score("stopping", {"data": [21]}, key).json() == [42]
        slow = pool.submit(azure.score, "stopping", {"data": [99]}, key)
        wait_until_under_way(azure, "stopping")
        azure.process.send_signal(signal.SIGTERM)
        # Started while the first one still works on the request, on the same folder and the same ports.
        with LocalAzure(state, port) as second:
            assert slow.result().json() == [198]
            assert azure.stop() == 0
            assert azure.output() == ""
            assert [row["status"] for row in rows_of(second, "stopping")] == [200, 200]
            assert second.score("stopping", {"data": [4]}, key).json() == [8]


def test_a_stop_cuts_off_what_takes_too_long_without_a_word(tmp_path: Path) -> None:
    with LocalAzure(tmp_path / "state") as azure, socket.create_connection(("127.0.0.1", azure.port)) as silent:
        trusting = ssl.create_default_context(cafile=azure.bundle)
        with trusting.wrap_socket(silent, server_hostname="localhost") as half:
            half.sendall(b"PUT /half HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf")
            assert azure.stop(signal.SIGTERM) == 0
            assert azure.output() == ""
