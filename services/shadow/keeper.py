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
from typing import Protocol

from services.azure import endpoints as azure_endpoints
from services.azure.connection import Connection
from services.errors import NotFound, ServiceFailed, SluiceError
from services.journal.entry import APPLIED, UNKNOWN, Entry, Who
from services.journal.journal import Journal
from services.journal.observing import MOVING
from services.model import Deployment, Endpoint, WorkspaceRef
from services.results import Results
from services.rounds import Rounds
from services.shadow import rows
from services.shadow.ground import look
from services.shadow.judging import Judging, View, from_view
from services.shadow.model import Asked, Pair, Reading, Run, RunState
from services.shadow.runs import Runs
from services.shadow.starting import new_run, plan_of
from services.shadow.tainting import Tainting
from services.traffic.applier import Applier
from services.traffic.plan import plan

EVERY_SECONDS = 20.0
"""How often every run is looked after."""
LAST_MINUTES = timedelta(minutes=20)
"""For how long the last minutes of a run are waited for: logs are late. Then the verdict is frozen without them."""
TRY_AGAIN = timedelta(minutes=5)
"""How long a mirror that could not be cleared is left alone: every attempt is an entry of the journal."""
_APPLY_SECONDS = 10.0
_LOST = timedelta(minutes=2)
_MINUTE = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class Read(Protocol):
    """Reads the settled minutes of a span: see :func:`services.shadow.rows.read`."""

    def __call__(
        self,
        conn: Connection,
        endpoint: Endpoint,
        deployments: Sequence[Deployment],
        pair: Pair,
        since: datetime,
        until: datetime,
        *,
        began_at: datetime | None = None,
        source: str = "",
    ) -> Reading:
        """The minutes of [since, until) that have settled in every source, in order."""


class Azure(Protocol):
    """What is read of Azure: as :mod:`services.azure.endpoints` has it."""

    def get_endpoint(self, conn: Connection, name: str) -> Endpoint:
        """One endpoint."""

    def list_deployments(self, conn: Connection, endpoint: str) -> list[Deployment]:
        """Its deployments."""


class Keeper:
    """Looks after the runs of one cloud. Thread-safe; one per process. ``now`` is the clock.

    ``runs`` are the kept runs. Nothing that fails ends it: what is wrong with a run is told in its ``trouble``.
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
        read: Read = rows.read,
        azure: Azure = azure_endpoints,
        results: Results | None = None,
    ) -> None:
        self.runs = runs
        self._conn = conn
        self._journal = journal
        self._applier = applier
        self._every = every_seconds
        self._now = now
        self._read = read
        self._azure = azure
        self._judging = Judging(runs)
        self._tainting = Tainting(runs, now, results=results)
        self._holder = uuid.uuid4().hex
        self._read_at: dict[str, datetime] = {}
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
        run = self.runs.begin(new_run(run_id, wanted, deployments, asked, self._now()))
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
            if self.runs.take(run.id, self._holder, self._now()):
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
                self.runs.let_go(run.id, self._holder, self._now())
        except SluiceError as error:
            _log.warning("The shadow tests could not be let go: %s", error)

    def _look_after(self, run: Run) -> None:
        trouble = ""
        try:
            if run.state is RunState.RUNNING:
                self._run(run)
            else:
                self._wind_up(run)
        except SluiceError as error:
            trouble = str(error)
            _log.warning("The shadow test %s could not be looked after: %s", run.id, error)
        except Exception:
            trouble = "Sluice itself failed to look after this test; the log has the details. It tries again by itself."
            _log.exception("Looking after the shadow test %s broke", run.id)
        try:
            self.runs.tell(run.id, lambda kept: replace(kept, trouble=trouble), is_over_too=True)
        except NotFound:
            _log.info("The shadow test %s was given up while it was looked after", run.id)

    def _run(self, run: Run) -> None:
        if run.set_at is None:
            found = self._set(run)
            if found is None:
                return
            run = found
        clearing = self._clearing(run)
        if clearing is not None and not clearing.outcome:
            return
        conn = self._conn_of(run)
        try:
            endpoint, deployments = self._found(conn, run)
        except NotFound:
            self._break(run, "The endpoint was deleted.", self._now())
            return
        if endpoint.state in MOVING:
            # The split that Azure tells is not in effect yet.
            return
        if clearing is not None and clearing.sent_at is not None and not endpoint.split.mirror:
            self._end(run, clearing)
            return
        self._journal.observe(endpoint, self._now())
        ground = look(run, endpoint, deployments, self._journal.entries(endpoint_id=run.endpoint_id, since=run.set_at))
        for sentence in ground.remarks:
            run = self.runs.remark(run.id, sentence, self._now())
        if ground.broken and not ground.is_ours:
            self._break(run, run.why or ground.broken, run.ended_at or ground.until or self._now())
            return
        if ground.broken and not run.why:
            # The mirror is still the run's and would stay for ever: it is cleared before the run ends as broken.
            at = ground.until or self._now()
            run = self.runs.tell(run.id, lambda kept: replace(kept, why=ground.broken, ended_at=at, is_ending=True))
        if run.is_ending or self._now() >= run.ends_at:
            self._clear(run, conn, endpoint, deployments)
        else:
            self._gather(run, endpoint, deployments)
            self._tainting.look(run, conn, endpoint, deployments)
            # A judge that has long minutes to take in does so here, and nobody who opens the page waits for it.
            self.standing(run)

    def _set(self, run: Run) -> Run | None:
        """The run once its mirror is in effect; else None, when it is waited for or the run has ended."""
        entry = self._journal.entry(run.change_id) if run.change_id else self._journal.entry(f"{run.id}-begin")
        if entry is None:
            if self._now() - run.started_at > _LOST:
                self._break(run, "Sluice was stopped before the mirror was set.", self._now())
            return None
        if not entry.outcome:
            self._wait(run)
            entry = self._journal.entry(entry.id) or entry
        change_id = entry.id
        if entry.outcome == APPLIED:
            at = entry.ended_at or self._now()
            return self.runs.tell(run.id, lambda kept: replace(kept, set_at=at, change_id=change_id))
        if not entry.outcome:
            return None
        if entry.outcome == UNKNOWN:
            return self._set_perhaps(run, change_id)
        self._break(run, f"The mirror was not set. {_failure(entry)}", self._now())
        return None

    def _set_perhaps(self, run: Run, change_id: str) -> Run | None:
        """:meth:`_set` when nobody knows what became of the change: by what Azure holds now."""
        try:
            endpoint, _ = self._found(self._conn_of(run), run)
        except NotFound:
            self._break(run, "The endpoint was deleted.", self._now())
            return None
        if endpoint.split == run.split and endpoint.state not in MOVING:
            at = self._now()
            return self.runs.tell(run.id, lambda kept: replace(kept, set_at=at, change_id=change_id))
        if self._now() - run.started_at > LAST_MINUTES:
            self._break(run, "What became of setting the mirror is not known, and Azure does not hold it.", self._now())
        return None

    def _clearing(self, run: Run) -> Entry | None:
        """Our own last attempt to clear the mirror, None without one."""
        entry = self._journal.entry(run.clearing_id) if run.clearing_id else None
        if entry is not None and not entry.outcome:
            self._wait(run)
            entry = self._journal.entry(run.clearing_id)
        return entry

    def _clear(self, run: Run, conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
        before = self._clearing(run)
        if before is not None and self._now() < (before.ended_at or before.began_at) + TRY_AGAIN:
            raise ServiceFailed("The mirror was not cleared.", _failure(before), "Sluice tries again by itself.")
        if not self.runs.take(run.id, self._holder, self._now()):
            # What came before took so long that another process looks after it by now.
            return
        wanted = plan(endpoint, deployments, endpoint.split.live, None, 0)
        # Kept before it begins: after a crash it would look like somebody else's.
        made = f"{run.id}-end-{uuid.uuid4().hex[:8]}"
        run = self.runs.tell(run.id, lambda kept: replace(kept, clearing_id=made))
        who = Who(run.principal, run.person)
        change = self._applier.start(conn, wanted, change_id=made, who=who, reason="The shadow test has ended.")
        if change.change_id != made:
            run = self.runs.tell(run.id, lambda kept: replace(kept, clearing_id=change.change_id))
        entry = self._clearing(run)
        if entry is not None and entry.outcome == APPLIED:
            self._end(run, entry)
        elif entry is not None and entry.outcome:
            raise ServiceFailed("The mirror was not cleared.", _failure(entry), "Sluice tries again by itself.")

    def _end(self, run: Run, entry: Entry) -> None:
        at = min(entry.sent_at or entry.began_at, self._now())
        if run.why:
            self._break(run, run.why, run.ended_at or at)
            return
        if run.is_ending and at < run.ends_at:
            self.runs.end(run.id, RunState.STOPPED, "Somebody stopped it before its time.", at)
        else:
            self.runs.end(run.id, RunState.ENDED, "Its time was over.", at)
        self._wind_up(self.runs.get(run.id) or run)

    def _break(self, run: Run, why: str, at: datetime) -> None:
        self.runs.end(run.id, RunState.BROKEN, why, at)
        self._wind_up(self.runs.get(run.id) or run)

    def _wind_up(self, run: Run) -> None:
        """Keep the last minutes as they settle, then freeze the verdict."""
        if run.set_at is not None:
            try:
                if not self._is_complete(run):
                    return
            except SluiceError as error:
                if not isinstance(error, NotFound) and not self._is_late(run):
                    raise
                # What has been deleted can tell nothing more, and nobody waits for ever.
                _log.info("The last minutes of the shadow test %s could not be read: %s", run.id, error)
        self._read_at.pop(run.id, None)
        self.runs.freeze(run.id, from_view(self.standing(self.runs.get(run.id) or run)))

    def _is_complete(self, run: Run) -> bool:
        """Read what an ended run still lacks. Whether nothing more is awaited."""
        conn = self._conn_of(run)
        endpoint, deployments = self._found(conn, run)
        self._gather(run, endpoint, deployments)
        newest = self.runs.newest(run.id)
        since = newest + _MINUTE if newest else _first(run.set_at or run.started_at)
        if since < _last(run) and not self._is_late(run):
            return False
        self._tainting.look(run, conn, endpoint, deployments, is_last=True)
        return True

    def _is_late(self, run: Run) -> bool:
        return self._now() >= (run.ended_at or run.ends_at) + LAST_MINUTES

    def _gather(self, run: Run, endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
        """Keep the minutes that have settled since the newest kept one."""
        assert run.set_at is not None
        newest = self.runs.newest(run.id)
        since = newest + _MINUTE if newest else _first(run.set_at)
        this_minute = _floor(self._now())
        until = min(this_minute, _last(run))
        if since >= until or self._read_at.get(run.id) == this_minute:
            return
        # After the end the sources are still judged by the mirror that the run had.
        then = replace(endpoint, split=run.split)
        reading = self._read(
            self._conn_of(run), then, deployments, run.pair, since, until, began_at=run.set_at, source=run.rows
        )
        minutes = [each for each in reading.minutes if since <= each.at < until]
        if minutes:
            self.runs.add_minutes(
                run.id, minutes, counts=reading.counts, rows=reading.rows, notes=reading.notes, odd=reading.odd
            )
        self._read_at[run.id] = this_minute

    def _wait(self, run: Run) -> None:
        self._applier.recover(self._conn)
        self._applier.wait(run.endpoint_id, _APPLY_SECONDS)

    def _found(self, conn: Connection, run: Run) -> tuple[Endpoint, list[Deployment]]:
        name = run.endpoint_id.rsplit("/", 1)[-1]
        return self._azure.get_endpoint(conn, name), self._azure.list_deployments(conn, name)

    def _conn_of(self, run: Run) -> Connection:
        return self._conn.at(WorkspaceRef.of(run.endpoint_id))


def _failure(entry: Entry) -> str:
    return entry.failure.why if entry.failure else "The change was cancelled."


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _first(set_at: datetime) -> datetime:
    """The first whole minute with the mirror in effect."""
    return _floor(set_at) if _floor(set_at) == set_at else _floor(set_at) + _MINUTE


def _last(run: Run) -> datetime:
    """The end of the last whole minute that counts."""
    return _floor(min(run.ends_at, run.ended_at or run.ends_at))
