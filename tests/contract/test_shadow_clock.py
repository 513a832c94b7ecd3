"""A machine whose clock differs from Azure's runs a shadow test by Azure's minutes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.azure.connection import Connection, permissions
from services.azure.endpoints import get_endpoint, list_deployments
from services.comparison.criteria import Criteria
from services.comparison.judge import Verdict
from services.journal.journal import Journal
from services.model import Split
from services.results import Results
from services.shadow.keeper import Keeper
from services.shadow.model import Asked, Pair, Reading, Run, RunState
from services.shadow.reporting import gather
from services.shadow.runs import Runs
from services.store import Store
from services.traffic.applier import Applier
from tests.contract.elsewhere import seed_endpoint, seed_workspace
from tests.contract.monitor_clients import set_switches
from tests.local_azure import ROOT, LocalAzure

pytestmark = pytest.mark.emulator
AHEAD = timedelta(minutes=5)
NEARLY = timedelta(seconds=60)
ASKED = Asked(Pair("blue", "green"), 20, Criteria(2.0, None, ()), timedelta(hours=1), "ann", "app")


@pytest.fixture
def ahead(local_azure: LocalAzure) -> Iterator[None]:
    """The local Azure's clock is five minutes ahead."""
    set_switches(local_azure, clock_shift_seconds=AHEAD.total_seconds())
    yield
    set_switches(local_azure, clock_shift_seconds=0)


class Machine:
    """A machine on which one keeper runs; its clock can be put forward."""

    def __init__(self, conn: Connection, folder: Path) -> None:
        self.forward = timedelta()
        self.asked: list[tuple[datetime, datetime]] = []
        self.store = Store(folder / "sluice.db")
        self.journal = Journal(self.store, conn.arm_host)
        self.applier = Applier(self.journal)
        self.results = Results(self.store, conn.arm_host)
        runs = Runs(self.store, conn.arm_host)
        self.keeper = Keeper(conn, runs, self.journal, self.applier, now=self.now, read=self.read, results=self.results)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.forward

    def read(self, *asked: object, **_: object) -> Reading:
        since, until = (each for each in asked if isinstance(each, datetime))
        self.asked.append((since, until))
        return Reading((), "", "")

    def run(self, run: Run) -> Run:
        self.keeper.round()
        found = self.keeper.runs.get(run.id)
        assert found is not None
        return found


@pytest.mark.usefixtures("ahead")
def test_a_run_begins_and_ends_by_azures_clock(conn: Connection, local_azure: LocalAzure, tmp_path: Path) -> None:
    here = conn.at(seed_workspace(local_azure, "shadow-clock"))
    seed_endpoint(local_azure, here.workspace, "skewed", {"blue": 100}, {})
    # The server writes the time of its answers anew ten times in a second.
    while abs(here.clock.ahead_seconds - AHEAD.total_seconds()) > NEARLY.total_seconds():
        permissions(here)
    machine = Machine(here, tmp_path)
    try:
        endpoint, deployments = get_endpoint(here, "skewed"), list_deployments(here, "skewed")
        run = machine.keeper.begin(here, endpoint, deployments, ASKED, run_id=uuid.uuid4().hex)
        machine.applier.wait(run.endpoint_id, 120)
        run = machine.run(run)
        azure_now = datetime.now(UTC) + AHEAD
        assert run.set_at is not None
        assert abs(run.started_at - azure_now) < NEARLY
        assert abs(run.set_at - azure_now) < NEARLY
        assert run.state is RunState.RUNNING, "its own change of the mirror was not taken for somebody else's"

        machine.forward = timedelta(minutes=3)
        machine.run(run)
        since, until = machine.asked[-1]
        assert timedelta(minutes=2) <= until - since <= timedelta(minutes=3), "settled minutes by Azure's clock"
        assert abs(until - (azure_now + machine.forward)) < timedelta(seconds=80)

        machine.forward = timedelta(minutes=61)
        ended = machine.run(run)
        assert (ended.state, ended.why) == (RunState.ENDED, "Its time was over.")
        machine.forward = timedelta(minutes=90)
        ended = machine.run(run)
        assert ended.verdict is Verdict.NEED_MORE
        assert get_endpoint(here, "skewed").split == Split({"blue": 100})

        view = machine.keeper.standing(ended)
        told = gather(machine.keeper.runs, machine.journal, ended, view, endpoint, here, ROOT)
        setting = next(each for each in told.entries if each.id == run.change_id)
        assert abs(setting.began_at - run.started_at) < NEARLY, "the report has one clock"
    finally:
        machine.keeper.stop()
        machine.applier.stop()
        machine.store.close()
