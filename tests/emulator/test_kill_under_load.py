"""`kill -9` of the whole server while it scores and is written to: what was acknowledged is there again."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.deployable import create_endpoint, upload_and_put
from tests.emulator.test_server import wait_until_gone
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

ROUNDS = 10 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 1
ENDPOINTS_PER_ROUND = 9
"""All rounds together stay within the hundred endpoints of a subscription."""
LOST_SECONDS = 3.0
"""How old a row must be to be certain of it. It is written within a tenth of a second; the machine may be busy."""


@dataclass
class Written:
    """What the server acknowledged. `renewing` is "" between renewals of the key, else how far the last one came."""

    endpoints: list[str] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    renewing: str = ""
    counter: int = 0
    scored: list[tuple[float, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def amounts(self) -> tuple[int, ...]:
        """How much of each kind of work was done."""
        made = (len(self.endpoints), len(self.environments), len(self.keys), self.counter)
        return (*made, len(self.scored) // 50)


class Load:
    """Threads that work until the server dies."""

    def __init__(self, azure: LocalAzure, number: int, written: Written) -> None:
        self._azure = azure
        self._round = number
        self._written = written
        self._token = azure.token()
        self._key = azure.arm("POST", "onlineEndpoints/lasting/listKeys").json()["primaryKey"]
        self._address = azure.arm("GET", "onlineEndpoints/lasting").json()["properties"]["scoringUri"]
        self.over = threading.Event()
        work = (self._score, self._score, self._make_endpoints, self._make_environments, self._write_tags, self._renew)
        self._threads = [threading.Thread(target=self._until_over, args=(each,)) for each in work]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for the threads."""
        self.over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _until_over(self, step: Callable[[int], None]) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            try:
                step(number)
            except requests.RequestException:
                # The server is gone, or this answer was under way when it went.
                return
            except Exception as error:
                self._written.wrong.append(f"{step.__name__}: {type(error).__name__}: {error}")
                return

    def _arm(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        answer = self._azure.arm(method, path, body, token=self._token)
        assert answer.ok, answer.text
        return answer

    def _score(self, number: int) -> None:
        identifier = f"{self._round}-{threading.get_ident()}-{number}"
        answer = requests.post(
            self._address,
            json={"data": [number]},
            headers={"Authorization": f"Bearer {self._key}", "x-ms-client-request-id": identifier},
            verify=self._azure.bundle,
            timeout=60,
        )
        assert (answer.status_code, answer.json()) == (200, [2 * number])
        self._written.scored.append((time.time(), identifier[:40]))

    def _make_endpoints(self, number: int) -> None:
        if number > ENDPOINTS_PER_ROUND:
            self.over.wait()
            return
        name = f"made-{self._round}-{number}"
        body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": {"authMode": "Key"}}
        self._arm("PUT", f"onlineEndpoints/{name}", body)
        self._written.endpoints.append(name)

    def _make_environments(self, number: int) -> None:
        path = f"environments/made/versions/{self._round * 100_000 + number}"
        self._arm("PUT", path, {"properties": {"image": "mcr.microsoft.com/azureml/minimal"}})
        self._written.environments.append(path)

    def _write_tags(self, number: int) -> None:
        value = self._round * 100_000 + number
        accepted = self._arm("PATCH", "onlineEndpoints/lasting", {"tags": {"counter": str(value)}})
        self._written.counter = value
        self._finish(accepted)

    def _renew(self, _number: int) -> None:
        self._written.renewing = "asked"
        accepted = self._arm("POST", "onlineEndpoints/renewed/regenerateKeys", {"keyType": "Primary"})
        self._written.renewing = "accepted"
        self._finish(accepted)
        self._written.keys.append(self._arm("POST", "onlineEndpoints/renewed/listKeys").json()["primaryKey"])
        self._written.renewing = ""

    def _finish(self, accepted: requests.Response) -> None:
        if "Azure-AsyncOperation" in accepted.headers:
            assert self._azure.finish(accepted)["status"] == "Succeeded"
        elif "Location" in accepted.headers:
            wait_for(lambda: self._poll(accepted.headers["Location"]) != 202)

    def _poll(self, address: str) -> int:
        headers = {"Authorization": f"Bearer {self._token}"}
        return requests.get(address, headers=headers, verify=self._azure.bundle, timeout=60).status_code


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return once the condition holds; fails after a deadline."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.02)


def check(azure: LocalAzure, written: Written) -> None:
    """Everything that was acknowledged is there, and nothing is half there."""
    wait_for(lambda: not azure.control("GET", "health").json()["restoring"])
    assert azure.score("lasting", {"data": [21]}).json() == [42]
    listed = {each["name"]: each for each in pages(azure, "onlineEndpoints")}
    assert set(written.endpoints) <= listed.keys()
    for path in written.environments[-20:]:
        assert azure.arm("GET", path).status_code == 200, path

    def settled() -> bool:
        found = pages(azure, "onlineEndpoints")
        states = {each["properties"]["provisioningState"] for each in found}
        assert states <= {"Succeeded", "Creating", "Updating"}, states
        return states == {"Succeeded"}

    wait_for(settled)
    tags = azure.arm("GET", "onlineEndpoints/lasting").json()["tags"]
    assert int(tags["counter"]) >= written.counter
    key = azure.arm("POST", "onlineEndpoints/renewed/listKeys").json()["primaryKey"]
    if written.renewing != "asked":
        assert (key == written.keys[-1]) == (written.renewing == "")
    # The gateway knows the key: what is missing is a deployment.
    assert azure.score("renewed", {}, key).status_code == 404


def pages(azure: LocalAzure, path: str) -> list[dict[str, Any]]:
    """All entries of a list."""
    answer = azure.arm("GET", path).json()
    found = list(answer["value"])
    while answer.get("nextLink"):
        headers = {"Authorization": f"Bearer {azure.token()}"}
        answer = requests.get(answer["nextLink"], headers=headers, verify=azure.bundle, timeout=60).json()
        found += answer["value"]
    return found


def check_files(state: Path, written: Written, killed_at: float) -> None:
    """The databases are sound, the rows agree with the roll-ups, and only the last moment is lost."""
    for name in ("control.db", "telemetry.db"):
        with sqlite3.connect(state / name) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    connection = sqlite3.connect(state / "telemetry.db")
    kept = {found[0] for found in connection.execute("SELECT client_request_id FROM requests")}
    rows = connection.execute("SELECT count(*) FROM requests").fetchone()
    assert rows == connection.execute("SELECT sum(count) FROM minutes").fetchone()
    connection.close()
    lost = [name for at, name in written.scored if at < killed_at - LOST_SECONDS and name not in kept]
    assert not lost, f"{len(lost)} of {len(written.scored)} rows are lost"


def prepare(azure: LocalAzure) -> None:
    """An endpoint that scores, and one whose key is renewed."""
    create_endpoint(azure, "renewed")
    create_endpoint(azure, "lasting")
    status = azure.finish(upload_and_put(azure, "lasting", "blue", 2))
    assert status["status"] == "Succeeded", status
    document = azure.arm("GET", "onlineEndpoints/lasting").json()
    document["properties"]["traffic"] = {"blue": 100}
    azure.finish(azure.arm("PUT", "onlineEndpoints/lasting", document))
    azure.control("POST", "settings", {"operation_seconds": 0.05}).raise_for_status()


@pytest.mark.long
@pytest.mark.timeout(900)
# A client whose server dies in the middle of a handshake leaves the socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl:pytest.PytestUnraisableExceptionWarning")
def test_what_was_acknowledged_survives_kills_under_load(tmp_path: Path) -> None:
    state, written, source = tmp_path / "state", Written(), random.Random(1)
    for number in range(ROUNDS):
        with LocalAzure(state) as azure:
            if number == 0:
                prepare(azure)
            else:
                check(azure, written)
            before = written.amounts()

            def is_enough(before: tuple[int, ...] = before) -> bool:
                pairs = zip(before, written.amounts(), strict=True)
                return bool(written.wrong) or all(now > then for then, now in pairs)

            load = Load(azure, number + 1, written)
            try:
                wait_for(is_enough)
                threading.Event().wait(source.random() / 2)
                killed_at = time.time()
                azure.stop(signal.SIGKILL)
            finally:
                load.join()
        assert not written.wrong
        wait_until_gone(state)
        check_files(state, written, killed_at)
        written.scored.clear()
    with LocalAzure(state) as azure:
        check(azure, written)
