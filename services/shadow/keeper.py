"""Looks after shadow tests: sets the mirror, keeps the minutes, sees that the ground stays, clears the mirror, and
freezes the verdict. It begins none by itself and never promotes.

Several processes may look after the runs of one store: each run belongs to one of them for half a minute at a time.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.azure import endpoints as azure_endpoints
from services.azure.connection import Connection
from services.errors import NotFound, SluiceError
from services.journal.entry import Entry, Who, by_azure
from services.journal.journal import Journal
from services.journal.observing import MOVING
from services.model import Deployment, Endpoint
from services.results import Results
from services.rounds import Rounds
from services.shadow import using
from services.shadow.around import Around, Azure
from services.shadow.ending import Ending
from services.shadow.gathering import Gathering, Read
from services.shadow.ground import look
from services.shadow.judging import Judging, View
from services.shadow.mirroring import Mirroring
from services.shadow.model import Asked, Run, RunState
from services.shadow.runs import Runs
from services.shadow.starting import new_run, plan_of
from services.shadow.tainting import Tainting
from services.traffic.applier import Applier

EVERY_SECONDS = 20.0
"""How often every run is looked after."""
_CLOCKS_APART = timedelta(days=1)
_log = logging.getLogger(__name__)


class Keeper:
    """Looks after the runs of one cloud. Thread-safe; one per process. ``now`` is this machine's clock.

    Minutes are Azure's, so all times of a run are by Azure's clock, as ``conn`` knows it; the journal and the leases
    have this machine's. ``runs`` are the kept runs. Nothing that fails ends it: what is wrong with a run is told in
    its ``trouble``.
    """

    def __init__(
        self,
        conn: Connection,
        runs: Runs,
        journal: Journal,
        applier: Applier,
        *,
        every_seconds: float = EVERY_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        read: Read = using.read,
        azure: Azure = azure_endpoints,
        results: Results | None = None,
    ) -> None:
        self.runs = runs
        self._journal = journal
        self._applier = applier
        self._every = every_seconds
        self._around = Around(conn, azure, now)
        self._judging = Judging(runs)
        self._tainting = Tainting(runs, self._around.now, results=results, azure_time=self._around.azure_time)
        self._holder = uuid.uuid4().hex
        self._gathering = Gathering(runs, self._around, read)
        self._ending = Ending(runs, self._around, self._gathering, self._tainting, self._judging)
        self._mirroring = Mirroring(runs, self._around, journal, applier, self._ending, self._holder)
        self._rounds = Rounds("keeper", self._keep, every_seconds=every_seconds, last=self._let_go)

    def begin(
        self, conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], asked: Asked, *, run_id: str
    ) -> Run:
        """Begin a run, and to set its mirror in the background. ``endpoint`` is what the person saw.

        ``run_id`` is made once for a decision of a person: asking again returns what became of it. Raises RuleBroken
        when it cannot be run here, Conflict while another run or another change of the endpoint is under way,
        StoreFailed.
        """
        known = self.runs.get(run_id)
        if known is not None:
            return known
        wanted = plan_of(endpoint, deployments, asked)
        run = self.runs.begin(new_run(run_id, wanted, deployments, asked, self._around.now(), conn.settings.statuses))
        if wanted.changes:
            reason = f"Shadow test: is {asked.pair.candidate} as good as {asked.pair.live}?"
            try:
                change = self._applier.start(
                    conn, wanted, change_id=f"{run_id}-begin", who=Who(asked.principal, asked.person), reason=reason
                )
            except SluiceError:
                self.runs.forget(run_id)
                raise
            run = self.runs.tell(run_id, lambda kept: replace(kept, change_id=change.change_id))
        self._rounds.hurry()
        return run

    def stop_run(self, run_id: str) -> Run:
        """End a run now, in the background: its mirror is cleared and its verdict frozen. Raises NotFound."""
        run = self.runs.ask_to_stop(run_id)
        self._rounds.hurry()
        return run

    def standing(self, run: Run) -> View:
        """Where ``run`` stands by the minutes that are kept. Raises StoreFailed."""
        return self._judging.standing(run)

    def start(self) -> None:
        """Begin to look after the runs in the background. Again is nothing."""
        self._rounds.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End it for good, after at most ``timeout_seconds``. Runs go on: the next start takes them up."""
        self._rounds.stop(timeout_seconds)

    def round(self) -> None:
        """Look after every run once that no other process looks after. Raises StoreFailed."""
        for run in self.runs.open():
            if self._rounds.has_ended:
                return
            if self.runs.take(run.id, self._holder, self._around.here()):
                self._look_after(run)

    def _keep(self) -> float:
        try:
            self.round()
        except SluiceError as error:
            _log.warning("The shadow tests could not be looked after: %s", error)
        return self._every

    def _let_go(self) -> None:
        try:
            for run in self.runs.open():
                self.runs.let_go(run.id, self._holder, self._around.here())
        except SluiceError as error:
            _log.warning("The shadow tests could not be let go: %s", error)

    def _look_after(self, run: Run) -> None:
        trouble = ""
        try:
            if run.state is RunState.RUNNING:
                self._run(run)
            else:
                self._ending.wind_up(run)
        except SluiceError as error:
            trouble = str(error)
            _log.warning("The shadow test %s could not be looked after: %s", run.id, error)
        except Exception:
            # One test that breaks must not keep the others from being looked after.
            trouble = "Sluice itself failed to look after this test; the log has the details. It tries again by itself."
            _log.exception("Looking after the shadow test %s broke", run.id)
        try:
            self.runs.tell(run.id, lambda kept: replace(kept, trouble=trouble), is_over_too=True)
        except NotFound:
            _log.info("The shadow test %s was given up while it was looked after", run.id)

    def _run(self, run: Run) -> None:
        if run.set_at is None:
            found = self._mirroring.set_up(run)
            if found is None:
                return
            run = found
        clearing = self._mirroring.clearing(run)
        if clearing is not None and not clearing.outcome:
            return
        conn = self._around.conn_of(run)
        try:
            endpoint, deployments = self._around.found(conn, run)
        except NotFound:
            self._ending.break_off(run, "The endpoint was deleted.", self._around.now())
            return
        if endpoint.state in MOVING:
            # The split that Azure tells is not in effect yet.
            return
        if clearing is not None and clearing.sent_at is not None and not endpoint.split.mirror:
            self._ending.end(run, clearing)
            return
        self._journal.observe(endpoint, self._around.here())
        ground = look(run, endpoint, deployments, self._entries(run))
        for sentence in ground.remarks:
            run = self.runs.remark(run.id, sentence, self._around.now())
        if ground.broken and not ground.is_ours:
            self._ending.break_off(run, run.why or ground.broken, run.ended_at or ground.until or self._around.now())
            return
        if ground.broken and not run.why:
            # The mirror is still the run's and would stay for ever: it is cleared before the run ends as broken.
            at = ground.until or self._around.now()
            run = self.runs.tell(run.id, lambda kept: replace(kept, why=ground.broken, ended_at=at, is_ending=True))
        if run.is_ending or self._around.now() >= run.ends_at:
            self._mirroring.clear(run, conn, endpoint, deployments)
        else:
            self._gathering.gather(run, endpoint, deployments)
            self._tainting.look(run, conn, endpoint, deployments)
            # A judge that has long minutes to take in does so here, and nobody who opens the page waits for it.
            self.standing(run)

    def _entries(self, run: Run) -> list[Entry]:
        """What the journal has of the endpoint since the mirror was set, with Azure's times."""
        # The clocks may have been known less well then: the times themselves decide what was before.
        since = (run.set_at or run.started_at) - _CLOCKS_APART
        found = self._journal.entries(endpoint_id=run.endpoint_id, since=since)
        return [by_azure(each, self._around.azure_time) for each in found]
