"""Ends runs: keeps the last minutes as they settle, then freezes the verdict."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from services.errors import NotFound, SluiceError
from services.journal.entry import Entry
from services.shadow.around import Around
from services.shadow.gathering import Gathering
from services.shadow.judging import Judging, from_view
from services.shadow.model import Run, RunState
from services.shadow.runs import Runs
from services.shadow.spans import end_of_last
from services.shadow.tainting import Tainting

LAST_MINUTES = timedelta(minutes=20)
"""For how long the last minutes of a run are waited for: logs are late. Then the verdict is frozen without them."""
_log = logging.getLogger(__name__)


class Ending:
    """Ends runs whose mirror is cleared or gone. For one thread."""

    def __init__(self, runs: Runs, around: Around, gathering: Gathering, tainting: Tainting, judging: Judging) -> None:
        self._runs = runs
        self._around = around
        self._gathering = gathering
        self._tainting = tainting
        self._judging = judging

    def end(self, run: Run, entry: Entry) -> None:
        """End a run whose mirror was cleared by ``entry``. Raises SluiceError."""
        at = min(self._around.azure_time(entry.sent_at or entry.began_at), self._around.now())
        if run.why:
            self.break_off(run, run.why, run.ended_at or at)
            return
        if run.is_ending and at < run.ends_at:
            self._runs.end(run.id, RunState.STOPPED, "Somebody stopped it before its time.", at)
        else:
            self._runs.end(run.id, RunState.ENDED, "Its time was over.", at)
        self.wind_up(self._runs.get(run.id) or run)

    def break_off(self, run: Run, why: str, at: datetime) -> None:
        """End a run that cannot go on. Raises SluiceError."""
        self._runs.end(run.id, RunState.BROKEN, why, at)
        self.wind_up(self._runs.get(run.id) or run)

    def wind_up(self, run: Run) -> None:
        """Keep the last minutes as they settle, then freeze the verdict. Raises SluiceError."""
        if run.set_at is not None:
            try:
                if not self._is_complete(run):
                    return
            except SluiceError as error:
                if not isinstance(error, NotFound) and not self._is_late(run):
                    raise
                # What has been deleted can tell nothing more, and nobody waits for ever.
                _log.info("The last minutes of the shadow test %s could not be read: %s", run.id, error)
        self._gathering.forget(run)
        self._runs.freeze(run.id, from_view(self._judging.standing(self._runs.get(run.id) or run)))

    def _is_complete(self, run: Run) -> bool:
        """Read what an ended run still lacks. Whether nothing more is awaited."""
        conn = self._around.conn_of(run)
        endpoint, deployments = self._around.found(conn, run)
        self._gathering.gather(run, endpoint, deployments)
        if self._gathering.since(run) < end_of_last(run) and not self._is_late(run):
            return False
        self._tainting.look(run, conn, endpoint, deployments, is_last=True)
        return True

    def _is_late(self, run: Run) -> bool:
        return self._around.now() >= (run.ended_at or run.ends_at) + LAST_MINUTES
