"""The commands that speak to a running local Azure, and the reset."""

from __future__ import annotations

import json
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.deployable import create_endpoint, upload_and_put
from tests.emulator.test_server import emulator, processes_of
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure whose settings and contents these tests may change."""
    state = tmp_path_factory.mktemp("commands") / "state"
    with LocalAzure(state, 0, "--max-instances", "3", "--strict-environments") as running:
        yield running


def said(azure: LocalAzure, *arguments: str) -> str:
    """What a command prints when it works."""
    done = emulator(*arguments, "--state", str(azure.state))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_fault_is_added_listed_and_cleared(azure: LocalAzure) -> None:
    added = said(
        azure, "fault", "add", "--path", "/subscriptions/*", "--method", "GET", "--status", "429", "--code", "Busy",
        "--header", "X-Mine: a:b", "--retry-after", "3", "--times", "1",
    )  # fmt: skip
    number, _, described = added.partition("  ")
    assert json.loads(described)["headers"] == {"X-Mine": "a:b"}
    answer = azure.arm("GET", "")
    assert (answer.status_code, answer.headers["Retry-After"], answer.headers["X-Mine"]) == (429, "3", "a:b")
    assert '"remaining": 0, "hits": 1' in said(azure, "fault", "list")
    assert said(azure, "fault", "clear", number) == "removed 1\n"
    assert said(azure, "fault", "list") == "There are no faults.\n"


def test_an_outcome_ends_an_operation_as_failed(azure: LocalAzure) -> None:
    said(
        azure, "fault", "add", "--operation", "*/onlineEndpoints/write", "--target", "doomed", "--times", "1",
        "--outcome", "InternalServerError", "It was not to be.",
    )  # fmt: skip
    body = {"location": "westeurope", "properties": {"authMode": "Key"}}
    status = azure.finish(azure.arm("PUT", "onlineEndpoints/doomed", body))
    assert (status["status"], status["error"]["code"]) == ("Failed", "InternalServerError")
    assert "It was not to be." in status["error"]["message"]
    assert azure.arm("GET", "onlineEndpoints/doomed").json()["properties"]["provisioningState"] == "Failed"
    said(azure, "fault", "clear")


def test_settings_are_shown_and_set(azure: LocalAzure) -> None:
    assert said(azure, "set", "cores_quota=8", "shadow_in_traffic_log=true") == (
        "cores_quota=8\nshadow_in_traffic_log=true\n"
    )
    assert "cores_quota=8" in said(azure, "settings").splitlines()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("fault", "add", "--path", "/x"), "A fault does something"),
        (("fault", "add", "--operation", "*", "--outcome", "", "b"), "two texts"),
        (("fault", "clear", "9999"), "There is no fault 9999"),
        (("set", "speed=9"), "There is no setting named speed"),
        (("set", "cores_quota"), "is not NAME=VALUE"),
        (("set", "cores_quota=many"), "is a number, true or false"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(azure: LocalAzure, arguments: tuple[str], sentence: str) -> None:
    done = emulator(*arguments, "--state", str(azure.state))
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_shifted_clock_is_everywhere(azure: LocalAzure) -> None:
    token = azure.token()
    said(azure, "set", "clock_shift_seconds=90000")
    # What was made a day ago has run out.
    assert azure.arm("GET", "", token=token).status_code == 401
    create_endpoint(azure, "tomorrow")
    made = azure.arm("GET", "onlineEndpoints/tomorrow").json()["systemData"]["createdAt"]
    said(azure, "set", "clock_shift_seconds=0")
    create_endpoint(azure, "today")
    assert made > azure.arm("GET", "onlineEndpoints/today").json()["systemData"]["createdAt"]


def wait_for_as_many(azure: LocalAzure, before: set[int]) -> None:
    """Wait until as many processes are there as before: one that was told to end may need a moment."""
    deadline = time.monotonic() + 60
    while len(processes_of(azure.state)) != len(before):
        assert time.monotonic() < deadline, processes_of(azure.state) - before


def test_a_reset_forgets_everything_but_who_may_come_in(azure: LocalAzure) -> None:
    create_endpoint(azure, "passing")
    document = azure.arm("GET", "onlineEndpoints/passing").json()
    key = azure.arm("POST", "onlineEndpoints/passing/listKeys").json()["primaryKey"]
    address = document["properties"]["scoringUri"]
    assert requests.post(address, headers={"Authorization": f"Bearer {key}"}, verify=azure.bundle, timeout=60).text
    said(azure, "set", "cores_quota=8")
    said(azure, "fault", "add", "--path", "/subscriptions/*", "--status", "500")
    token, before = azure.token(), processes_of(azure.state)
    assert said(azure, "reset") == "reset\n"
    assert azure.arm("GET", "onlineEndpoints", token=token).json()["value"] == []
    assert azure.control("GET", "requests").json()["value"] == []
    assert azure.control("GET", "settings").json()["cores_quota"] == 100
    wait_for_as_many(azure, before)
    # The gateway has the same address, and knows nothing.
    assert (
        requests.post(address, headers={"Authorization": f"Bearer {key}"}, verify=azure.bundle, timeout=60).status_code
        == 404
    )
    create_endpoint(azure, "passing")
    assert azure.arm("GET", "onlineEndpoints/passing").json()["properties"]["scoringUri"] == address


def test_a_reset_ends_what_is_under_way(azure: LocalAzure) -> None:
    before = processes_of(azure.state)
    create_endpoint(azure, "halfway")
    assert upload_and_put(azure, "halfway", "blue", 2).status_code == 201
    said(azure, "reset")
    wait_for_as_many(azure, before)
    assert azure.control("GET", "health").json()["deployments"] == {}
    assert azure.arm("GET", "onlineEndpoints/halfway").status_code == 404
    assert "Traceback" not in azure.output()


def test_without_a_server_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    done = emulator("settings", "--state", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "python -m emulator serve" in done.stderr
    with LocalAzure(tmp_path / "state") as azure:
        azure.stop(signal.SIGTERM)
        done = emulator("fault", "list", "--state", str(azure.state))
    assert done.returncode == 2
    assert "No local Azure answers at https://localhost:" in done.stderr


def test_a_folder_with_other_things_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.md").write_text("mine")
    done = emulator("serve", "--port", "0", "--state", str(tmp_path))
    assert done.returncode == 2
    assert "has other things in it" in done.stderr
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.md"]
