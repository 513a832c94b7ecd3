"""Keeps the minutes of runs as they settle: each once, in order, by what was fixed when the run began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from services.azure.connection import Connection
from services.model import Deployment, Endpoint
from services.shadow import own_statuses
from services.shadow.around import Around
from services.shadow.model import Pair, Reading, Run
from services.shadow.runs import Runs
from services.shadow.spans import end_of_last, first_minute, floor
from services.statuses import StatusSets

_MINUTE = timedelta(minutes=1)


class Read(Protocol):
    """Reads the settled minutes of a span: see :func:`services.shadow.using.read`."""

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
        statuses: StatusSets | None = None,
    ) -> Reading:
        """The minutes of [since, until) that have settled in every source, in order."""


class Gathering:
    """Keeps what has settled. For one thread."""

    def __init__(self, runs: Runs, around: Around, read: Read) -> None:
        self._runs = runs
        self._around = around
        self._read = read
        self._read_at: dict[str, datetime] = {}

    def gather(self, run: Run, endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
        """Keep the minutes that have settled since the newest kept one. Raises SluiceError."""
        since, this_minute = self.since(run), floor(self._around.now())
        until = min(this_minute, end_of_last(run))
        if since >= until or self._read_at.get(run.id) == this_minute:
            return
        # After the end the sources are still judged by the mirror that the run had.
        then, conn = replace(endpoint, split=run.split), self._around.conn_of(run)
        another = own_statuses.another_setting(run, conn.settings.statuses)
        if another:
            self._runs.remark(run.id, another, self._around.now())
        reading = self._read(
            conn, then, deployments, run.pair, since, until, began_at=run.set_at, source=run.rows, statuses=run.statuses
        )
        minutes = [each for each in reading.minutes if since <= each.at < until]
        if minutes:
            self._runs.add_minutes(
                run.id, minutes, counts=reading.counts, rows=reading.rows, notes=reading.notes, odd=reading.odd
            )
        self._read_at[run.id] = this_minute

    def since(self, run: Run) -> datetime:
        """The first minute of ``run`` that is not kept yet."""
        newest = self._runs.newest(run.id)
        return newest + _MINUTE if newest else first_minute(run.set_at or run.started_at)

    def forget(self, run: Run) -> None:
        """Nothing more is gathered for ``run``."""
        self._read_at.pop(run.id, None)
