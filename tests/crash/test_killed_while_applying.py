"""kill -9 at every step of applying a split, and what the next start finds out about it."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from services.azure.connection import Connection, connect
from services.journal.entry import APPLIED, CHANGE, FIRST_SEEN, REFUSED, Entry
from services.journal.journal import Journal
from services.model import Split, WorkspaceRef
from services.settings import Settings
from services.store import Store
from services.traffic.applier import Applier
from services.traffic.watcher import Watcher
from tests.contract.elsewhere import seed_endpoint, seed_workspace
from tests.crash import apply_and_die
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MAIN = sys.modules["__main__"]
"""A new process begins with it. Whoever runs pages in this process may leave another one there."""
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.crash.apply_and_die"])
BEFORE, AFTER = Split({"blue": 100}, {"red": 10}), Split({"blue": 70, "green": 30})
MOMENTS = {
    "after begin": REFUSED,
    "after get_endpoint": REFUSED,
    "before sent": REFUSED,
    "after sent": REFUSED,
    "during send_split": APPLIED,
    "after send_split": APPLIED,
    "after poll_split": APPLIED,
    "before read_back": APPLIED,
    "before end": APPLIED,
    "after end": APPLIED,
}
"""Where the process dies → how the change has really ended."""
BLINDLY = 40 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 2
"""Processes that are killed from outside, at any moment."""
WAIT_SECONDS = 240.0


class Mortal:
    """A process that applies a split, and ends at a moment of it."""

    def __init__(self, scene: Scene, moment: str) -> None:
        scene.file.parent.mkdir(exist_ok=True)
        self._said = scene.file.with_name(uuid.uuid4().hex)
        environment = scene.azure.client_environment()
        arguments = (scene.place, scene.name, moment, scene.file, environment, self._said)
        sys.modules["__main__"] = MAIN
        self.process: ForkServerProcess = FORKING.Process(target=apply_and_die.run, args=arguments, daemon=True)
        self.process.start()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        self.process.join(WAIT_SECONDS)
        assert self.process.exitcode is not None
        return self.process.exitcode

    def said(self) -> str:
        """What it has said before its end."""
        return self._said.read_text() if self._said.exists() else ""


class Scene:
    """An endpoint, a journal, and processes that change the one and write the other."""

    def __init__(self, azure: LocalAzure, place: WorkspaceRef, folder: Path, name: str) -> None:
        self.azure = azure
        self.place = place
        self.name = name
        self.file = folder / "sluice.db"
        self.endpoint_id = seed_endpoint(azure, place, name, BEFORE.live, BEFORE.mirror)

    def process(self, moment: str) -> Mortal:
        return Mortal(self, moment)

    def run(self, moment: str) -> tuple[int, str]:
        process = self.process(moment)
        code = process.ended()
        assert code in (0, -signal.SIGKILL), moment
        return code, process.said()

    def entry(self) -> Entry | None:
        store = Store(self.file)
        try:
            return Journal(store, "local").newest(self.endpoint_id)
        finally:
            store.close()

    def entries(self) -> list[Entry]:
        store = Store(self.file)
        try:
            return [each for each in Journal(store, "local").entries() if each.kind != FIRST_SEEN]
        finally:
            store.close()

    def held(self) -> Split:
        """What Azure holds once nothing runs."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            properties = self.azure.arm("GET", self.endpoint_id).json()["properties"]
            if properties["provisioningState"] not in ("Updating", "Creating"):
                return Split(properties["traffic"], properties["mirrorTraffic"])
            assert time.monotonic() < deadline

    def assert_agreement(self) -> None:
        found = self.entry()
        assert found is not None
        assert found.outcome in (APPLIED, REFUSED), found
        assert self.held() == (AFTER if found.outcome == APPLIED else BEFORE), found


@pytest.fixture(scope="module")
def place(local_azure: LocalAzure) -> WorkspaceRef:
    return seed_workspace(local_azure, "killed")


@pytest.fixture
def connect_to_owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[LocalAzure], Connection]:
    def make(azure: LocalAzure) -> Connection:
        for name, value in azure.environment.items():
            monkeypatch.setenv(name, value)
        return connect(Settings.read(azure.environment, tmp_path))

    return make


@pytest.fixture
def scene(local_azure: LocalAzure, place: WorkspaceRef, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    yield lambda name, folder="": Scene(local_azure, place, tmp_path / folder, name)
    local_azure.control("DELETE", "faults").raise_for_status()


def dies(scene: Callable[..., Scene], number: int, moment: str) -> tuple[str, Scene, int]:
    here = scene(f"dies-{number}")
    if moment != "during send_split":
        return moment, here, here.run(moment)[0]
    fault = {"method": "PUT", "path": here.endpoint_id, "delay_seconds": 30, "times": 1}
    mine = here.azure.control("POST", "faults", fault).json()["id"]

    def is_hit() -> bool:
        return any(each["id"] == mine and each["hits"] for each in here.azure.control("GET", "faults").json()["value"])

    process = here.process(moment)
    deadline = time.monotonic() + WAIT_SECONDS
    # Azure has the write, and holds its answer back.
    while not is_hit():
        assert process.process.is_alive()
        assert time.monotonic() < deadline
    process.process.kill()
    return moment, here, process.ended()


def test_a_process_that_is_killed_at_any_step_leaves_a_journal_that_the_next_one_completes(
    scene: Callable[..., Scene],
) -> None:
    with ThreadPoolExecutor(3) as pool:
        dead = list(pool.map(lambda each: dies(scene, *each), enumerate(MOMENTS)))
        for moment, _, code in dead:
            assert code == -signal.SIGKILL, moment
        left = {moment: here.entry() for moment, here, _ in dead}
        assert all(entry and not entry.outcome for moment, entry in left.items() if moment != "after end")
    dead[0][1].run("recover")

    for moment, here, _ in dead:
        found = here.entry()
        assert found is not None
        assert found.outcome == MOMENTS[moment], moment
        here.assert_agreement()


def test_a_process_that_is_killed_at_any_moment_leaves_nothing_that_is_not_found_out(
    scene: Callable[..., Scene],
) -> None:
    chance = random.Random(7)

    def kill(number: int, seconds: float) -> None:
        # A journal of its own: one that recovers takes up whatever is in its journal.
        here = scene(f"blindly-{number}", f"journal-{number}")
        process = here.process("never")
        deadline = time.monotonic() + WAIT_SECONDS
        while process.process.is_alive() and here.entry() is None:
            assert time.monotonic() < deadline
        process.process.join(seconds)
        process.process.kill()
        process.ended()
        here.run("recover")
        here.assert_agreement()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, range(BLINDLY), [chance.random() * 0.6 for _ in range(BLINDLY)]))


def test_two_processes_that_recover_at_once_do_it_once(scene: Callable[..., Scene]) -> None:
    here = scene("twice")
    here.run("after send_split")
    both = [here.process("recover") for _ in range(2)]
    assert [process.ended() for process in both] == [0, 0]
    assert APPLIED in [process.said() for process in both]
    here.assert_agreement()
    store = Store(here.file)
    with store.reading() as connection:
        ends = connection.exec_driver_sql("SELECT count(*) FROM events WHERE kind = 'ended'").scalar_one()
    store.close()
    assert ends == 1


def test_a_process_that_stood_still_before_its_write_and_was_taken_over_does_not_write(
    scene: Callable[..., Scene],
) -> None:
    here = scene("still")
    process = here.process("stop after sent")
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert process.process.is_alive()
            assert time.monotonic() < deadline
        recovered = here.run("recover")
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.ended()

    assert recovered == (0, REFUSED)
    assert process.said().split() == [REFUSED, "0"]
    assert here.held() == BEFORE


def test_the_watcher_of_the_next_start_has_it_found_out(
    scene: Callable[..., Scene], connect_to_owner: Callable[[LocalAzure], Connection]
) -> None:
    here = scene("watched")
    here.run("after send_split")
    store = Store(here.file)

    def later() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=40)

    journal, conn = Journal(store, "local", now=later), connect_to_owner(here.azure).at(here.place)
    applier = Applier(journal, now=later)
    try:
        Watcher(conn, journal, every_seconds=30, recover=applier.recover, now=later).round()
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := journal.newest(here.endpoint_id)) or not found.outcome:
            assert time.monotonic() < deadline
    finally:
        applier.stop()
        store.close()

    assert (found.outcome, [each.kind for each in here.entries()]) == (APPLIED, [CHANGE])


def test_a_journal_that_is_opened_by_many_at_once_is_made_once(tmp_path: Path) -> None:
    def one(_: int) -> None:
        Store(tmp_path / "new" / "sluice.db").close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(24)))


def test_a_lease_outlives_its_process_for_half_a_minute_only(scene: Callable[..., Scene]) -> None:
    here = scene("lease")
    here.run("after send_split")
    store = Store(here.file)
    try:
        assert Journal(store, "local").unfinished() == []
        later = datetime.now(UTC) + timedelta(seconds=31)
        [left] = Journal(store, "local", now=lambda: later).unfinished()
        assert left.sent_at is not None
    finally:
        store.close()
