"""Sets the mirror of runs and clears it, as changes of the journal: after a crash they are found again there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from services.azure.connection import Connection
from services.errors import NotFound, ServiceFailed
from services.journal.entry import APPLIED, UNKNOWN, Entry, Who
from services.journal.journal import Journal
from services.journal.observing import MOVING
from services.model import Deployment, Endpoint
from services.shadow.around import Around
from services.shadow.ending import LAST_MINUTES, Ending
from services.shadow.model import Run
from services.shadow.runs import Runs
from services.traffic.applier import Applier
from services.traffic.plan import plan

TRY_AGAIN = timedelta(minutes=5)
"""How long a mirror that could not be cleared is left alone: every attempt is an entry of the journal."""
_APPLY_SECONDS = 10.0
_LOST = timedelta(minutes=2)


class Mirroring:
    """Sets and clears mirrors. For one thread. ``holder`` is who must hold a run's lease to clear its mirror."""

    def __init__(
        self, runs: Runs, around: Around, journal: Journal, applier: Applier, ending: Ending, holder: str
    ) -> None:
        self._runs = runs
        self._around = around
        self._journal = journal
        self._applier = applier
        self._ending = ending
        self._holder = holder

    def set_up(self, run: Run) -> Run | None:
        """The run once its mirror is in effect; else None, when it is waited for or the run has ended."""
        entry = self._journal.entry(run.change_id) if run.change_id else self._journal.entry(f"{run.id}-begin")
        if entry is None:
            if self._around.now() - run.started_at > _LOST:
                self._ending.break_off(run, "Sluice was stopped before the mirror was set.", self._around.now())
            return None
        if not entry.outcome:
            self._wait(run)
            entry = self._journal.entry(entry.id) or entry
        change_id = entry.id
        if entry.outcome == APPLIED:
            at = self._around.azure_time(entry.ended_at or self._around.here())
            return self._runs.tell(run.id, lambda kept: replace(kept, set_at=at, change_id=change_id))
        if not entry.outcome:
            return None
        if entry.outcome == UNKNOWN:
            return self._set_perhaps(run, change_id)
        self._ending.break_off(run, f"The mirror was not set. {_failure(entry)}", self._around.now())
        return None

    def clearing(self, run: Run) -> Entry | None:
        """Our own last attempt to clear the mirror, None without one."""
        entry = self._journal.entry(run.clearing_id) if run.clearing_id else None
        if entry is not None and not entry.outcome:
            self._wait(run)
            entry = self._journal.entry(run.clearing_id)
        return entry

    def clear(self, run: Run, conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
        """Clear the mirror, and end the run once it is. Raises SluiceError."""
        before = self.clearing(run)
        if before is not None and self._around.here() < (before.ended_at or before.began_at) + TRY_AGAIN:
            raise ServiceFailed("The mirror was not cleared.", _failure(before), "Sluice tries again by itself.")
        if not self._runs.take(run.id, self._holder, self._around.here()):
            # What came before took so long that another process looks after it by now.
            return
        wanted = plan(endpoint, deployments, endpoint.split.live, None, 0)
        # Kept before it begins: after a crash it would look like somebody else's.
        made = f"{run.id}-end-{uuid.uuid4().hex[:8]}"
        run = self._runs.tell(run.id, lambda kept: replace(kept, clearing_id=made))
        who = Who(run.principal, run.person)
        change = self._applier.start(conn, wanted, change_id=made, who=who, reason="The shadow test has ended.")
        if change.change_id != made:
            run = self._runs.tell(run.id, lambda kept: replace(kept, clearing_id=change.change_id))
        entry = self.clearing(run)
        if entry is not None and entry.outcome == APPLIED:
            self._ending.end(run, entry)
        elif entry is not None and entry.outcome:
            raise ServiceFailed("The mirror was not cleared.", _failure(entry), "Sluice tries again by itself.")

    def _set_perhaps(self, run: Run, change_id: str) -> Run | None:
        """:meth:`set_up` when nobody knows what became of the change: by what Azure holds now."""
        try:
            endpoint, _ = self._around.found(self._around.conn_of(run), run)
        except NotFound:
            self._ending.break_off(run, "The endpoint was deleted.", self._around.now())
            return None
        if endpoint.split == run.split and endpoint.state not in MOVING:
            at = self._around.now()
            return self._runs.tell(run.id, lambda kept: replace(kept, set_at=at, change_id=change_id))
        if self._around.now() - run.started_at > LAST_MINUTES:
            why = "What became of setting the mirror is not known, and Azure does not hold it."
            self._ending.break_off(run, why, self._around.now())
        return None

    def _wait(self, run: Run) -> None:
        self._applier.recover(self._around.conn)
        self._applier.wait(run.endpoint_id, _APPLY_SECONDS)


def _failure(entry: Entry) -> str:
    return entry.failure.why if entry.failure else "The change was cancelled."
