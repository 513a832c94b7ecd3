"""What makes the two deployments of a run differ although neither is better: looked for now and then, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from services.azure.connection import Connection
from services.comparison.taints import EVERYTHING, Taint
from services.journal.entry import Entry
from services.loadtest.report import KIND as LOAD
from services.model import Deployment, Endpoint
from services.replay.keeping import KIND as COMPARE
from services.results import Results
from services.shadow import load
from services.shadow.model import Pair, Reading, Run
from services.shadow.own_requests import own_requests
from services.shadow.runs import Runs

EVERY = timedelta(minutes=5)
"""How often: it reads the metrics of every instance over the whole run."""
_MOST_OWN = 20
_CLOCKS_APART = timedelta(days=1)


class Tell(Protocol):
    """Says under what two deployments were compared: see :func:`services.shadow.load.ground`."""

    def __call__(
        self,
        conn: Connection,
        endpoint: Endpoint,
        deployments: Sequence[Deployment],
        pair: Pair,
        reading: Reading,
        entries: Iterable[Entry] = (),
    ) -> load.Ground:
        """What taints the minutes of ``reading``."""


class Tainting:
    """Looks for the taints of runs. For one thread. ``now`` is Azure's clock."""

    def __init__(
        self,
        runs: Runs,
        now: Callable[[], datetime],
        tell: Tell = load.ground,
        results: Results | None = None,
        azure_time: Callable[[datetime], datetime] = lambda at: at,
    ) -> None:
        """``results`` are the load tests and replays of this store; without them nothing is said of these.

        ``azure_time`` turns a moment of this machine's clock, which these have, into one of Azure's.
        """
        self._runs = runs
        self._results = results
        self._now = now
        self._tell = tell
        self._azure_time = azure_time
        self._told_at: dict[str, datetime] = {}

    def look(
        self,
        run: Run,
        conn: Connection,
        endpoint: Endpoint,
        deployments: Sequence[Deployment],
        *,
        is_last: bool = False,
    ) -> None:
        """Keep what taints the kept minutes of ``run``, unless it was looked for a short while ago. ``is_last`` looks
        in any case. Raises StoreFailed."""
        told_at = self._told_at.get(run.id)
        if not is_last and told_at is not None and self._now() < told_at + EVERY:
            return
        minutes = self._runs.minutes(run.id)
        if not minutes:
            return
        self._told_at[run.id] = self._now()
        # Changes of the split are compared with the run's ground by the keeper.
        found = self._tell(conn, endpoint, deployments, run.pair, Reading(minutes, run.counts, run.rows), ())
        told = (*(Taint(EVERYTHING, each) for each in self._own(run)), *found.taints)

        def taint(kept: Run) -> Run:
            # What Azure did not tell this time was there all the same when it was seen before.
            seen = () if found.loads.is_whole else kept.taints
            return replace(kept, taints=tuple(dict.fromkeys((*seen, *told))))

        self._runs.tell(run.id, taint, is_over_too=True)
        if is_last:
            del self._told_at[run.id]

    def _own(self, run: Run) -> Iterator[str]:
        if self._results is None or run.set_at is None:
            return iter(())
        told = {str(each.content.get("result")) for each in self._runs.answers(run.id)}
        kept = [
            result
            for kind in (LOAD, COMPARE)
            for result in self._results.all(run.endpoint_id, kind, _MOST_OWN, since=run.set_at - _CLOCKS_APART)
        ]
        return own_requests(run, kept, told, self._azure_time)
