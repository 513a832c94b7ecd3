"""What the single requests of a run say of latency: in the same minute, and of quantiles of the whole run. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from services.comparison.errors import NEEDED_ANY, Evidence
from services.comparison.mixtures import Floats
from services.comparison.pooled import Pooled
from services.comparison.quantiles import Margin, quantile_evidence, quantile_interval
from services.comparison.ranks import LEAST_MINUTES, SameMinute, Shift
from services.comparison.tails import SlowestOfMinute


class Latencies:
    """The evidence of all minutes so far. It keeps no request."""

    def __init__(self, margin: Margin, quantiles: Sequence[float], *, with_shift: bool) -> None:
        """``with_shift`` False leaves out by what factor requests of the same minute differ."""
        self._margin = margin
        self._pairs = SameMinute(margin, at_ratios=with_shift)
        self._slowest = {share: SlowestOfMinute(share) for share in quantiles}
        self._pooled = Pooled()

    def add(self, live_ms: Floats, candidate_ms: Floats) -> None:
        """Take in the requests of a minute: latencies in ms, all finite."""
        self._pooled.add(live_ms, candidate_ms)
        self._pairs.add(live_ms, candidate_ms)
        limits = self._margin.limit(live_ms)
        for tail in self._slowest.values():
            tail.add(limits, candidate_ms)

    @property
    def counts(self) -> tuple[float, float]:
        """The requests that count, the candidate's first."""
        return self._pooled.candidate.total, self._pooled.live.total

    @property
    def is_early(self) -> bool:
        """Whether it is not known yet how much minutes differ by themselves, so that nothing is refuted."""
        return self._pairs.minutes < LEAST_MINUTES

    def same_minute(self, factor: float = 1.0) -> Evidence:
        """The evidence of ranks within each minute, after ``factor`` times as much of the same."""
        return self._pairs.evidence(factor)

    def shift(self, alpha: float) -> Shift:
        """By what factor requests of the same minute differ."""
        return self._pairs.shift(alpha)

    def ratio(self, share: float) -> float:
        """The candidate's quantile in those of the live one, NaN without requests."""
        return self._pooled.candidate.quantile(share) / self._pooled.live.quantile(share)

    def limit(self, share: float) -> float:
        """The margin as a factor: what it comes to at the live one's quantile."""
        at = self._pooled.live.quantile(share)
        if math.isnan(at) or at <= 0:
            return 1 + self._margin.ratio
        return float(self._margin.limit(np.array([at]))[0] / at)

    def quantile(self, share: float, factor: float = 1.0, needed: Evidence = NEEDED_ANY) -> Evidence:
        """From all requests together. "Worse" has half of its stake on the slowest of each minute: it is their mean."""
        if self._pairs.minutes * factor < LEAST_MINUTES:
            return Evidence(0.0, 0.0)
        counted, slowest = factor / self._pairs.spread, self._slowest[share].worse(factor)
        live, candidate = self._pooled.live.times(counted), self._pooled.candidate.times(counted)
        if needed is not NEEDED_ANY:
            needed = Evidence(_left(needed.worse, slowest), needed.fine)
        pooled = quantile_evidence(live, candidate, share, self._margin, needed)
        return Evidence(_halves(pooled.worse, slowest), pooled.fine)

    def of(self, share: float) -> Callable[[float], Evidence]:
        """The evidence of one quantile, after so many times as much of the same."""
        return lambda factor: self.quantile(share, factor)

    def interval(self, share: float, alpha: float) -> tuple[float, float]:
        """The ratios of a quantile that are not refuted, each side at level ``alpha``: a confidence sequence."""
        live, candidate = (each.times(1 / self._pairs.spread) for each in (self._pooled.live, self._pooled.candidate))
        # "Worse" has half of its stake on pooled requests: without the other half they need twice as much.
        return quantile_interval(live, candidate, share, alpha, alpha / 2)


def _halves(one: float, other: float) -> float:
    """The log of the mean of two e-values: an e-value too, whatever ties them."""
    return float(np.logaddexp(one, other)) - math.log(2)


def _left(needed: float, other: float) -> float:
    """The log e-value that still reaches ``needed`` in the mean with ``other``."""
    if math.isinf(needed):
        return needed
    return -math.inf if other >= needed + math.log(2) else math.log(2 * math.exp(needed) - math.exp(other))
