"""kill -9 of a process that looks after a shadow test, in its middle and at its end: the next one goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.comparison.judge import Verdict
from services.journal.entry import APPLIED
from services.journal.journal import Journal
from services.model import WorkspaceRef
from services.shadow.judging import View, to_view
from services.shadow.model import Minute, RunState
from services.shadow.runs import Runs
from services.store import Store
from tests.contract.elsewhere import seed_endpoint, seed_workspace
from tests.crash import keep_and_die
from tests.crash.keep_and_die import MINUTES, RUN_ID
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

MAIN = sys.modules["__main__"]
"""A new process begins with it. Whoever runs pages in this process may leave another one there."""
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.crash.apply_and_die", "tests.crash.keep_and_die"])
MOMENTS = [("after add_minutes", 3), ("after start", 1)]
"""Where the process dies, and at which time of it."""
if os.environ.get("SLUICE_TEST_COUNTS") == "full":
    MOMENTS += [("before add_minutes", 3), ("before start", 1), ("after end", 1), ("before freeze", 1)]
WAIT_SECONDS = 240.0


@pytest.fixture(scope="module")
def place(local_azure: LocalAzure) -> WorkspaceRef:
    return seed_workspace(local_azure, "killed-keeping")


class Scene:
    """An endpoint with a mirror, the store of Sluice, and processes that look after its shadow test."""

    def __init__(self, azure: LocalAzure, place: WorkspaceRef, folder: Path, name: str) -> None:
        self.azure, self.place, self.name = azure, place, name
        self.file = folder / name / "sluice.db"
        self.file.parent.mkdir()
        # Its time is over now, when the mirror is really cleared.
        self.began = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
        self.endpoint_id = seed_endpoint(azure, place, name, {"blue": 100}, {"green": 20})

    def process(self, moment: str = "never", nth: int = 1) -> int:
        """Its exit code, once it has ended."""
        sys.modules["__main__"] = MAIN
        environment = self.azure.client_environment()
        arguments = (self.place, self.name, moment, nth, self.began, self.file, environment)
        process = FORKING.Process(target=keep_and_die.run, args=arguments, daemon=True)
        process.start()
        process.join(WAIT_SECONDS)
        assert process.exitcode is not None
        return process.exitcode

    def outcome(self) -> tuple[tuple[Minute, ...], View]:
        """The minutes that are kept and the frozen verdict."""
        store = Store(self.file)
        try:
            (run,) = Runs(store, self.cloud).all(self.endpoint_id)
            frozen = Runs(store, self.cloud).frozen(RUN_ID)
            assert (run.state, run.why, frozen is not None) == (RunState.ENDED, "Its time was over.", True), run
            assert frozen is not None
            return Runs(store, self.cloud).minutes(RUN_ID), to_view(frozen)
        finally:
            store.close()

    @property
    def cloud(self) -> str:
        return self.azure.url.removeprefix("https://").removeprefix("http://")

    def clearings(self) -> list[str]:
        """How the changes ended that have cleared the mirror, the last one first."""
        store = Store(self.file)
        try:
            entries = Journal(store, self.cloud).entries(endpoint_id=self.endpoint_id)
            return [each.outcome for each in entries if each.id.startswith(f"{RUN_ID}-end-")]
        finally:
            store.close()

    def mirror(self) -> dict[str, int]:
        return dict(self.azure.arm("GET", self.endpoint_id).json()["properties"]["mirrorTraffic"])


def test_a_process_that_is_killed_while_it_keeps_a_run_is_followed_by_one_that_loses_and_doubles_nothing(
    local_azure: LocalAzure, place: WorkspaceRef, tmp_path: Path
) -> None:
    def die(number: int) -> Scene:
        here = Scene(local_azure, place, tmp_path, f"kept-{number}")
        if number:
            assert here.process(*MOMENTS[number - 1]) == -signal.SIGKILL, MOMENTS[number - 1]
        assert here.process() == 0
        return here

    with ThreadPoolExecutor(2) as pool:
        whole, *scenes = pool.map(die, range(len(MOMENTS) + 1))
    minutes, view = whole.outcome()
    assert [each.at for each in minutes] == [whole.began + timedelta(minutes=each) for each in range(MINUTES)]
    for (moment, _), here in zip(MOMENTS, scenes, strict=True):
        kept, found = here.outcome()
        assert [each.at - here.began for each in kept] == [each.at - whole.began for each in minutes], moment
        assert found.minutes == MINUTES, moment
        assert [each.n for each in found.standings] == [each.n for each in view.standings], moment
        assert found.verdict in (Verdict.PASS, Verdict.NEED_MORE)
        outcomes = here.clearings()
        assert outcomes[0] == APPLIED, moment
        assert outcomes.count(APPLIED) == 1, moment
        assert here.mirror() == {}, moment
