"""Which time of two deployments is described. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.azure.clock import AzureClock
from services.journal.entry import Entry, applied
from services.model import Endpoint
from services.shadow.model import Pair, Run
from ui.journal import entry_words

THE_RUN, THE_MIRROR = "This run", "Since the mirror was set"
HOURS = {"1 h": 1, "3 h": 3, "12 h": 12, "24 h": 24}
DEFAULT_HOURS = "3 h"
LONGEST = timedelta(hours=24)
"""What is read anew: the rows of a longer time would keep a page waiting. A run has all its minutes."""


@dataclass(frozen=True)
class Asked:
    """What is described: ``hours`` back from now, from ``since`` to ``end`` or now, or all minutes of the run
    ``run_id``."""

    pair: Pair
    hours: int = 0
    since: datetime | None = None
    run_id: str = ""
    end: datetime | None = None

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """From when to when, whole minutes, no more than LONGEST."""
        until = min(now, self.end or now).replace(second=0, microsecond=0)
        wanted = self.since or until - timedelta(hours=self.hours)
        # The minute in which the mirror was set has requests of before it.
        first = wanted.replace(second=0, microsecond=0)
        since = first if first == wanted else first + timedelta(minutes=1)
        return min(max(since, until - LONGEST), until), until


def mirror_set_at(endpoint: Endpoint, entries: Iterable[Entry], clock: AzureClock | None = None) -> datetime | None:
    """Since when the mirror is as it is; None without a mirror.

    Where the ``entries`` of the endpoint do not tell, it is Azure's time of its last write: since then at the latest.
    """
    if not endpoint.split.mirror:
        return None
    found = endpoint.modified_at
    told = [(entry_words.effective_at(each, clock), each) for each in applied(entries)]
    for at, each in sorted(told, key=lambda one: one[0], reverse=True):
        if each.after.mirror != endpoint.split.mirror:
            break
        found = at
    return found


def windows(run: Run | None, mirror_at: datetime | None) -> tuple[str, ...]:
    """What can be chosen, the default first."""
    return (*([THE_RUN] if run else []), *([THE_MIRROR] if mirror_at else []), *HOURS)


def default_window(run: Run | None, mirror_at: datetime | None) -> str:
    """What is described unless somebody chooses."""
    return THE_RUN if run else THE_MIRROR if mirror_at else DEFAULT_HOURS


def default_pair(endpoint: Endpoint, names: Iterable[str], run: Run | None) -> Pair | None:
    """The pair of the run, else the largest live deployment and the mirror's target; None with fewer than two."""
    if run is not None:
        return run.pair
    split = endpoint.split
    ordered = sorted(names, key=lambda name: (-split.live_percent(name), name))
    if len(ordered) < 2:
        return None
    target = split.mirror_target
    candidate = target if target in ordered and target != ordered[0] else ordered[1]
    return Pair(ordered[0], candidate)
