"""What a source has of single requests, minute by minute. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from services.comparison.mixtures import Floats
from services.traffic.counting import Minutes

NO_LATENCIES: Floats = np.empty(0)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Cell:
    """The requests of one deployment in one minute; ``latencies_ms`` are of those that did not fail.

    ``errors`` are the server's. ``refused`` are the callers' mistakes, as the answers say.
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    latencies_ms: Floats = field(default_factory=lambda: NO_LATENCIES)


@dataclass(frozen=True)
class Cells:
    """Deployment in lower case → minute → what was in it. ``since`` is the first minute that the source has in full,
    None when it has all that were asked for. ``notes`` are whole sentences."""

    by_deployment: Mapping[str, Mapping[datetime, Cell]]
    since: datetime | None = None
    notes: tuple[str, ...] = ()

    def at(self, name: str, minute: datetime) -> Cell:
        """One deployment in one minute."""
        return self.by_deployment.get(name.lower(), {}).get(minute, Cell())

    def requests(self) -> dict[str, Minutes]:
        """How many requests there are: deployment in lower case → minutes."""
        return {
            name: {at: float(cell.requests) for at, cell in minutes.items()}
            for name, minutes in self.by_deployment.items()
        }

    def has(self, *names: str) -> bool:
        """Whether there is a request of each of ``names``."""
        return all(self.by_deployment.get(name.lower()) for name in names)


class Collector:
    """Puts requests into their minutes."""

    def __init__(self) -> None:
        self._latencies: dict[tuple[str, datetime], list[Floats]] = {}
        self._counts: dict[tuple[str, datetime], list[float]] = {}

    def add(
        self,
        name: str,
        at: datetime,
        ms: float | None,
        number: float = 1,
        *,
        has_failed: bool,
        is_refused: bool = False,
    ) -> None:
        """``number`` requests that took ``ms`` each; None is not said."""
        key = name.lower(), at.replace(second=0, microsecond=0)
        counts = self._counts.setdefault(key, [0.0, 0.0, 0.0])
        for place, is_one in enumerate((True, has_failed, is_refused)):
            counts[place] += number if is_one else 0.0
        if not has_failed and ms is not None and math.isfinite(ms):
            self._latencies.setdefault(key, []).append(np.full(round(number), max(0.0, ms)))

    def cells(self, since: datetime | None = None, notes: tuple[str, ...] = ()) -> Cells:
        """All of them."""
        found: dict[str, dict[datetime, Cell]] = {}
        for (name, at), counts in self._counts.items():
            parts = self._latencies.get((name, at))
            requests, errors, refused = map(round, counts)
            cell = Cell(requests, errors, refused, np.concatenate(parts) if parts else NO_LATENCIES)
            found.setdefault(name, {})[at] = cell
        return Cells(found, since, notes)


def pieces(
    requests: Iterable[Minutes], since: datetime, until: datetime, most: int, most_of_all: int
) -> list[tuple[datetime, datetime]]:
    """Spans of [since, until) with about ``most`` requests each, the newest first and ``most_of_all`` together."""
    counted = list(requests)
    found: list[tuple[datetime, datetime]] = []
    end = at = until
    held = all_held = 0.0
    while at > since:
        before = max(since, at - _MINUTE)
        number = sum(minutes.get(before.replace(second=0, microsecond=0), 0.0) for minutes in counted)
        if all_held + number > most_of_all and all_held:
            break
        if held + number > most and held:
            found.append((at, end))
            end, held = at, 0.0
        held, all_held, at = held + number, all_held + number, before
    if at < end:
        found.append((at, end))
    return found
