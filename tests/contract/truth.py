"""An irregular history of requests, and what every number about it must be: plain Python over the raw rows.

Nothing of Sluice is used here but its Window.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

from services.model import Window
from tests.contract.history import row

PERCENTS = (50, 90, 95, 99)
HOURS = 30
_ENDS = ((200, 200), (424, 500), (424, 503), (408, 0), (429, 0), (500, 0), (503, 0), (400, 200), (404, 0))
"""Status and model status of a request that a deployment was chosen for."""


@dataclass(frozen=True)
class Point:
    """A point of a chart: when it begins, and of which deployment it is."""

    at: datetime
    deployment: str


def irregular(endpoint: str, end: datetime) -> list[dict[str, Any]]:
    """Thirty hours before ``end``: two busy hours, a day without anything, three hours of bursts and quiet minutes.

    Blue and green answer, every fourth request of theirs has a mirrored copy at red, whose latencies are others. Some
    requests are refused before a deployment is chosen, and one single time in all hours blue answers 502.
    """
    source = random.Random(20260301)
    start = end - timedelta(hours=HOURS)
    minutes = [*range(120), *range((HOURS - 3) * 60, HOURS * 60)]
    rows: list[dict[str, Any]] = []
    for minute in minutes:
        for _ in range(source.choice([0, 0, 0, 1, 1, 2, 3, 5, 8, 40])):
            at = start + timedelta(minutes=minute, seconds=source.random() * 59.9)
            name = source.choices(("blue", "green", ""), (70, 25, 5))[0]
            if not name:
                rows.append({**row(at, endpoint, "", source.choice((401, 404)), 1.0), "model_status": 0})
                continue
            status, model = source.choices(_ENDS, (80, 4, 1, 3, 3, 2, 1, 3, 3))[0]
            rows.append(_one(at, endpoint, name, status, model, source.lognormvariate(4, 0.8)))
            if source.random() < 0.25:
                rows.append(
                    _one(at, endpoint, "red", *source.choice(_ENDS[:3]), source.lognormvariate(5, 0.3), "mirror")
                )
    rows.append(_one(start + timedelta(minutes=30, seconds=30), endpoint, "blue", 502, 0, 12.0))
    return rows


def _one(
    at: datetime, endpoint: str, name: str, status: int, model: int, ms: float, kind: str = "live"
) -> dict[str, Any]:
    return {**row(at, endpoint, name, status, ms, kind=kind), "model_status": model}


class Truth:
    """What there is to know of the rows that began in a window."""

    def __init__(self, rows: Iterable[dict[str, Any]], window: Window) -> None:
        self.window = window
        self.rows = [each for each in rows if window.start_at <= began(each) < window.end_at]

    def requests(self, *, with_copies: bool) -> dict[tuple[datetime, str, str], int]:
        """Point, deployment, status → requests that a deployment was chosen for."""
        found = Counter(
            (self.point(each), each["deployment"], str(each["status"]))
            for each in self._counted(with_copies=with_copies)
        )
        return dict(found)

    def outcomes(self, *, with_copies: bool) -> dict[tuple[datetime, str, str, str], int]:
        """Point, deployment ("" when none was chosen), status, model status ("" without an answer of it) → requests."""
        chosen = [each for each in self.rows if with_copies or each["kind"] == "live"]
        return dict(
            Counter(
                (self.point(each), each["deployment"], str(each["status"]), str(each["model_status"] or ""))
                for each in chosen
            )
        )

    def percentiles(self, *, with_copies: bool) -> dict[tuple[datetime, str, str], float]:
        """Point, deployment, P50… → the mean of the minutes' percentiles."""
        found: defaultdict[tuple[datetime, str, str], list[float]] = defaultdict(list)
        for (minute, name), values in self._minutes(with_copies=with_copies).items():
            for percent in PERCENTS:
                found[self._floor(minute), name, f"P{percent}"].append(percentile(values, percent))
        return {key: fmean(values) for key, values in found.items()}

    def means(self, *, with_copies: bool) -> dict[Point, float]:
        """Point → the mean of the minutes' mean latencies."""
        found: defaultdict[Point, list[float]] = defaultdict(list)
        for (minute, name), values in self._minutes(with_copies=with_copies).items():
            found[Point(self._floor(minute), name)].append(fmean(values))
        return {key: fmean(values) for key, values in found.items()}

    def minutes_of(self, at: datetime) -> float:
        """How much of the point that begins at ``at`` lies in the window."""
        end = min(at + timedelta(seconds=self.window.grain_seconds), self.window.end_at)
        return (end - at) / timedelta(minutes=1)

    def point(self, each: dict[str, Any]) -> datetime:
        """The point that a row belongs to."""
        return self._floor(began(each))

    def _counted(self, *, with_copies: bool) -> list[dict[str, Any]]:
        return [each for each in self.rows if each["deployment"] and (with_copies or each["kind"] == "live")]

    def _minutes(self, *, with_copies: bool) -> dict[tuple[datetime, str], list[float]]:
        found: defaultdict[tuple[datetime, str], list[float]] = defaultdict(list)
        for each in self._counted(with_copies=with_copies):
            found[began(each).replace(second=0, microsecond=0), each["deployment"]].append(each["total_ms"])
        return dict(found)

    def _floor(self, at: datetime) -> datetime:
        return datetime.fromtimestamp(at.timestamp() // self.window.grain_seconds * self.window.grain_seconds, UTC)


def began(each: dict[str, Any]) -> datetime:
    """When the request of a row began."""
    return datetime.fromtimestamp(each["started_at"], UTC)


def percentile(values: Sequence[float], percent: float) -> float:
    """Between the two nearest ranks."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def is_server_error(status: str) -> bool:
    """As the issue of an error is told by default."""
    return status.startswith("5") or status in {"408", "424", "429"}


def is_client_error(status: str) -> bool:
    """Any other 4xx."""
    return status.startswith("4") and not is_server_error(status)
