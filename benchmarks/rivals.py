"""The judges that ours is measured beside, as their products use them, written from their documents.

The Kayenta-like judge looks at numbers per minute: Mann and Whitney's test with a 98 % interval for the shift of Hodges
and Lehmann, "higher" when its lower end is above a quarter of the estimated shift and the ratio of the means is above
what is allowed; one metric that is higher ends the analysis as FAIL at any look, the last look without one is PASS. It
gets what helps it: no look before the fifth minute, and the allowed ratio that equals our margin.

The plain threshold is Flagger's loop: each minute the candidate alone is held to limits; the fifth failed check over
the whole run is FAIL, the tenth good one PASS. A minute without requests is a failed check.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from services.comparison.judge import Arm, Verdict

_FIRST_LOOK = 5
_TOLERANCE = 0.25
_Z = float(norm.ppf(0.99))
"""98 % two-sided."""
FAILED_CHECKS, GOOD_CHECKS = 5, 10


@dataclass
class _Metric:
    """One number per minute of both arms, and the sum of ranks' counterpart, kept up to date minute by minute."""

    allowed: float
    live: list[float] = field(default_factory=list)
    candidate: list[float] = field(default_factory=list)
    wins: float = 0.0

    def add(self, live: float, candidate: float) -> None:
        if math.isfinite(live):
            self.wins += _above(self.candidate, live)
            self.live.append(live)
        if math.isfinite(candidate):
            self.wins += len(self.live) - _above(self.live, candidate)
            self.candidate.append(candidate)

    @property
    def is_higher(self) -> bool:
        n, m = len(self.live), len(self.candidate)
        if min(n, m) < _FIRST_LOOK:
            return False
        mean = sum(self.live) / n
        if mean and sum(self.candidate) / m / mean < self.allowed:
            return False
        live, candidate = np.array(self.live), np.array(self.candidate)
        # The interval can only be above 0 when the test refuses 0: this is quicker to know.
        if self.wins - n * m / 2 - 0.5 <= _Z * _spread(live, candidate):
            return False
        estimate, lower = shift_interval(live, candidate)
        return lower > _TOLERANCE * abs(estimate)


def shift_interval(live: NDArray[np.float64], candidate: NDArray[np.float64]) -> tuple[float, float]:
    """Hodges and Lehmann's shift and the lower end of its 98 % interval, by the normal approximation with ties."""
    n, m = len(live), len(candidate)
    apart = np.subtract.outer(candidate, live).ravel()
    # The end is where so many pairs lie below that the test, corrected by half a pair, refuses it.
    place = max(0, min(n * m - 1, math.ceil(n * m / 2 - 0.5 - _Z * _spread(live, candidate))))
    ordered = np.partition(apart, [place, (n * m - 1) // 2, n * m // 2])
    return float(ordered[(n * m - 1) // 2] + ordered[n * m // 2]) / 2, float(ordered[place])


def _spread(live: NDArray[np.float64], candidate: NDArray[np.float64]) -> float:
    """The standard deviation of the pairs that the candidate wins, by chance alone, with ties."""
    n, total = len(live) * len(candidate), len(live) + len(candidate)
    _, ties = np.unique(np.concatenate([live, candidate]), return_counts=True)
    return math.sqrt(max(0.0, n / 12 * ((total + 1) - float((ties**3 - ties).sum()) / (total * (total - 1)))))


class Kayenta:
    """Minutes of error rates and P95s, compared without their pairing."""

    def __init__(self, error_ratio: float, latency_ratio: float) -> None:
        """The ratios of means that are allowed."""
        self._errors, self._p95 = _Metric(error_ratio), _Metric(latency_ratio)
        self.verdict = Verdict.NEED_MORE

    def add(self, live: Arm, candidate: Arm, *, is_last: bool) -> None:
        """Take in a minute, and look."""
        self._errors.add(_error_rate(live), _error_rate(candidate))
        self._p95.add(_p95(live), _p95(candidate))
        if self.verdict is Verdict.NEED_MORE:
            if self._errors.is_higher or self._p95.is_higher:
                self.verdict = Verdict.FAIL
            elif is_last and min(len(self._errors.live), len(self._errors.candidate)) >= _FIRST_LOOK:
                self.verdict = Verdict.PASS


class Threshold:
    """The candidate's minutes against limits that somebody wrote down once."""

    def __init__(self, error_rate: float, p95_ms: float) -> None:
        """The most that is fine: a share of the requests, and a latency in ms."""
        self._error_rate, self._p95_ms = error_rate, p95_ms
        self._failed, self._good = 0, 0
        self.verdict = Verdict.NEED_MORE

    def add(self, candidate: Arm) -> None:
        """Take in a minute: one check."""
        is_good = _error_rate(candidate) <= self._error_rate and _p95(candidate) <= self._p95_ms
        self._failed, self._good = self._failed + (not is_good), self._good + is_good
        if self.verdict is Verdict.NEED_MORE:
            if self._failed >= FAILED_CHECKS:
                self.verdict = Verdict.FAIL
            elif self._good >= GOOD_CHECKS:
                self.verdict = Verdict.PASS


def _error_rate(arm: Arm) -> float:
    return arm.errors / arm.requests if arm.requests else math.nan


def _p95(arm: Arm) -> float:
    """Between the two nearest, as numpy's percentile, in a tenth of its time."""
    if not len(arm.latencies_ms):
        return math.nan
    place = 0.95 * (len(arm.latencies_ms) - 1)
    low, high = math.floor(place), math.ceil(place)
    ordered = np.partition(arm.latencies_ms, (low, high))
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def _above(values: list[float], limit: float) -> float:
    """How many are above ``limit``, those that equal it by half."""
    found = np.array(values)
    return float((found > limit).sum() + (found == limit).sum() / 2)
