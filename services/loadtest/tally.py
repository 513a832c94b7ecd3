"""What a load test has seen: every time by itself, so that percentiles are exact, and counts by second."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from services.loadtest.stopping import Moment

MOST_LAG_MS = 10.0
"""The p99 of the send lag from which on the sender was the bottleneck: its own delay is then a part of the result."""
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}
NOT_SAID = "not said"
"""Answers that do not name their deployment: refusals of the endpoint itself, and requests without an answer."""


@dataclass
class Second:
    """One second of the test. ``latencies`` and ``lags`` are milliseconds; answers count when they come."""

    sent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: array[float] = field(default_factory=lambda: array("d"))
    lags: array[float] = field(default_factory=lambda: array("d"))
    was_full: bool = False

    @property
    def answered(self) -> int:
        """Requests that ended in this second, failed ones too."""
        return sum(self.outcomes.values())

    @property
    def failed(self) -> int:
        """Requests that ended without a 2xx."""
        return sum(count for name, count in self.outcomes.items() if not is_good(name))

    @property
    def moment(self) -> Moment:
        """What the rule of stopping looks at."""
        return Moment(self.answered, self.failed, self.was_full)


class Tally:
    """Counts and times of one test. Latencies run from the intended start, in milliseconds, and are of 2xx answers."""

    def __init__(self) -> None:
        self.sent = 0
        self.outcomes: Counter[str] = Counter()
        self.moments: list[Moment] = []
        self.series: list[dict[str, Any]] = []
        self.current = Second()
        self.most_in_flight = 0
        self.was_full = False
        self._lags = array("d")
        self._good: dict[str, array[float]] = {}
        self._by_deployment: dict[str, Counter[str]] = {}

    def start(self, lag_ms: float) -> None:
        """A request was sent, so long after it was due."""
        self.sent += 1
        self.current.sent += 1
        self.current.lags.append(lag_ms)
        self._lags.append(lag_ms)

    def end(self, outcome: str, deployment: str, latency_ms: float) -> None:
        """A request ended: with a status, or with the name of a failure."""
        self.outcomes[outcome] += 1
        self.current.outcomes[outcome] += 1
        found = self._by_deployment.get(deployment)
        if found is None:
            found = self._by_deployment[deployment] = Counter()
            self._good[deployment] = array("d")
        found[outcome] += 1
        if is_good(outcome):
            self._good[deployment].append(latency_ms)
            self.current.latencies.append(latency_ms)

    def full(self) -> None:
        """A request is due and must wait, because too many are in flight."""
        self.was_full = self.current.was_full = True

    def tick(self, second: int, in_flight: int) -> dict[str, Any]:
        """Close the second and return its row of the series."""
        now = self.current
        row = {
            "second": second,
            "sent": now.sent,
            "good": now.answered - now.failed,
            "failed": now.failed,
            "in_flight": in_flight,
            "p50": percentile(now.latencies, 50),
            "p99": percentile(now.latencies, 99),
            "lag_p99": percentile(now.lags, 99),
            "outcomes": dict(now.outcomes),
        }
        self.series.append(row)
        self.moments.append(now.moment)
        self.current = Second()
        return row

    def latency(self, deployment: str | None = None) -> dict[str, float] | None:
        """Exact percentiles of the good answers, of all deployments or one; None when there are none."""
        chosen = [self._good[deployment]] if deployment is not None else list(self._good.values())
        return spread(np.concatenate([np.frombuffer(each, dtype=float) for each in chosen]) if any(chosen) else None)

    def lag(self) -> dict[str, float] | None:
        """Exact percentiles of the send lag."""
        return spread(np.frombuffer(self._lags, dtype=float) if self._lags else None)

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Counts and percentiles of each deployment that answered."""
        return {
            name: {"outcomes": dict(counts), "latency_ms": self.latency(name)}
            for name, counts in sorted(self._by_deployment.items())
        }

    def doubts(self) -> list[str]:
        """Why the numbers say more about the sender than about the endpoint; empty when they do not."""
        found = []
        lag = self.lag()
        if lag is not None and lag["p99"] > MOST_LAG_MS:
            found.append(
                f"The sender was late: 1 % of the requests left {lag['p99']:.0f} ms or more after they were due"
                f" (the most is {MOST_LAG_MS:g} ms)."
            )
        if self.was_full:
            found.append("The sender had to wait: too many requests were without an answer at one time.")
        return found


def is_good(outcome: str) -> bool:
    """Whether the model answered."""
    return len(outcome) == 3 and outcome.startswith("2")


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that at least ``percent`` of all do not exceed (nearest rank); None without values."""
    if not values:
        return None
    return round(sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)], 3)


def spread(values: npt.NDArray[np.float64] | None) -> dict[str, float] | None:
    """Mean, percentiles by nearest rank, and maximum, rounded to microseconds when the values are milliseconds."""
    if values is None or not len(values):
        return None
    ordered = np.sort(values)
    found = {"mean": float(ordered.mean())}
    for name, percent in PERCENTILES.items():
        found[name] = float(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)])
    found["max"] = float(ordered[-1])
    return {name: round(value, 3) for name, value in found.items()}


def total_of(outcomes: Mapping[str, int], *, good: bool) -> int:
    """How many of the counted results were good, or were not."""
    return sum(count for name, count in outcomes.items() if is_good(name) == good)
