"""Are the slowest requests of a minute the candidate's more often than chance allows? Pure.

The slowest twentieth of a minute's requests, both arms together, is where both arms' P95 are told apart: when the
candidate's is within the limit that the live one's sets, live requests at their limits are among them at least as
often. How many of the slowest are the candidate's is then at most hypergeometric, the distribution of Fisher's exact
test ("The logic of inductive inference", Journal of the Royal Statistical Society 98, 1935). Tilting it gives an
e-value per minute, and the product over the minutes stratifies as Mantel and Haenszel do ("Statistical aspects of the
analysis of data from retrospective studies of disease", Journal of the National Cancer Institute 22, 1959). What slows
a minute down for both cancels out, so that a second mode of slow requests shows sooner than from pooled counts.

It speaks against "neither this quantile nor any beyond it is above its limit". A candidate whose P95 is just at the
limit, and whose slowest few percent take many times as long, may be called worse by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.special import gammaln

from services.comparison.mixtures import Floats
from services.comparison.ranks import LEAST_MINUTES
from services.comparison.scatter import Scatter

_STRENGTHS: Floats = np.array([0.7, 1.6])
"""Log odds that the alternatives give a slow request to be the candidate's: twice and five times those of chance."""


@dataclass
class SlowestOfMinute:
    """The evidence of all minutes about the quantile ``share``: a few numbers, however many requests were seen."""

    share: float
    _worse: Floats = field(default_factory=lambda: np.zeros(len(_STRENGTHS)))
    _scatter: Scatter = field(default_factory=Scatter)

    def add(self, limits: Floats, candidate: Floats) -> None:
        """Take in one minute: the ``limits`` that its live requests set, and the candidate's latencies.

        Too few requests to have a slowest one of that share say nothing.
        """
        n, m = len(limits), len(candidate)
        total = n + m
        slowest = int((1 - self.share) * total + 1e-9)
        if not n or not m or not slowest:
            return
        counted = _of_candidate(limits, candidate, slowest)
        self._worse += _STRENGTHS * counted - _log_mean_tilt(m, n, slowest)
        by_chance = slowest * m / total
        variance = by_chance * n / total * (total - slowest) / (total - 1)
        self._scatter.add((counted - by_chance) / math.sqrt(variance))

    def worse(self, factor: float = 1.0) -> float:
        """The log e-value against "not beyond the limits", after ``factor`` times as much of the same."""
        if self._scatter.minutes * factor < LEAST_MINUTES:
            return 0.0
        mixed = np.logaddexp.reduce(self._worse * (factor / self._scatter.spread))
        return float(mixed) - math.log(len(_STRENGTHS))


def _of_candidate(limits: Floats, candidate: Floats, slowest: int) -> int:
    """How many of the slowest are the candidate's at least: of requests that tie, the live ones come first."""
    together = np.concatenate([limits, candidate])
    place = len(together) - slowest
    edge = np.partition(together, place)[place]
    beyond = int((candidate > edge).sum())
    return beyond + max(0, slowest - beyond - int((limits >= edge).sum()))


@lru_cache(maxsize=20_000)
def _log_mean_tilt(m: int, n: int, slowest: int) -> Floats:
    """Log of the mean of exp(strength · count), when every ``slowest`` of m and n requests are equally likely."""
    counts = np.arange(max(0, slowest - n), min(slowest, m) + 1, dtype=float)
    chances = _log_choose(m, counts) + _log_choose(n, slowest - counts) - _log_choose(m + n, np.array(float(slowest)))
    mean: Floats = np.logaddexp.reduce(_STRENGTHS[:, None] * counts + chances, axis=1)
    return mean


def _log_choose(total: int, count: Floats) -> Floats:
    chosen: Floats = gammaln(total + 1) - gammaln(count + 1) - gammaln(total - count + 1)
    return chosen
