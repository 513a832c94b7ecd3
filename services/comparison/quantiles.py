"""Is a quantile of one deployment's latency higher than that of another by more than a margin? From rows. Pure.

The share of requests at or below the true quantile is known, so counts below a candidate value speak against it
(Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm identification",
Bernoulli 28, 2022). Two arms are joined as in :mod:`services.comparison.errors`: the evidence against a set of pairs of
quantiles is that against its least refuted pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from services.comparison.errors import NEEDED_ANY, Evidence
from services.comparison.histogram import STEP, Histogram, Ints, bin_of, upper_edge
from services.comparison.mixtures import Against, Floats, Prior, log_evidence

_STRENGTH = 200.0
"""How many requests' worth the alternatives are drawn towards the quantile: as wide as a few hundred requests see."""
_ENOUGH = 12.0
"""Log evidence above this is not told apart: far beyond any level that is asked for."""
_POINTS = 65
"""Into how many parts all requests are cut to find those near the quantile."""
_NEARBY: Floats = np.linspace(0.0, 1.0, 7)
"""Where between the quantiles of both the least refuted pair is looked for first."""


@dataclass(frozen=True)
class Margin:
    """How much longer a request may take: by ``ratio`` (0.1 is 10 %) and by ``ms``. Only what exceeds both is worse."""

    ratio: float
    ms: float = 0.0

    def limit(self, live_ms: Floats) -> Floats:
        """The longest latency in ms that is not worse than ``live_ms``."""
        longest: Floats = np.maximum(live_ms * (1 + self.ratio), live_ms + self.ms)
        return longest

    def shortest(self, ms: Floats) -> Floats:
        """The live latency in ms whose limit this is; 0 for what is within the limit of any."""
        shortest: Floats = np.maximum(np.minimum(ms / (1 + self.ratio), ms - self.ms), 0.0)
        return shortest


def quantile_evidence(
    live: Histogram, candidate: Histogram, share: float, margin: Margin, needed: Evidence = NEEDED_ANY
) -> Evidence:
    """What the rows say of "the candidate's quantile ``share`` is above the limit that the live one's sets".

    When neither side can reach what is ``needed`` of it, both are told roughly, and below that: it takes a quarter of
    the time.
    """
    if not live.total or not candidate.total:
        return Evidence(0.0, 0.0)
    if needed is not NEEDED_ANY:
        roughly = _nearby(live, candidate, share, margin, needed)
        if roughly.worse < needed.worse and roughly.fine < needed.fine:
            return roughly
    one, other = _Arm(live, share), _Arm(candidate, share)
    # The live quantile lies in one of the bins; both ends of the bin are taken against us. Beyond the bins that either
    # arm leaves open nothing changes any more.
    first, last = (int(bin_of(margin.shortest(each))) for each in (upper_edge(other.first), upper_edge(other.last)))
    bins = np.arange(min(one.first, first) - 2, max(one.last, last) + 3, dtype=np.int64)
    worse = one.is_less(bins - 1) + other.is_more(bin_of(margin.limit(upper_edge(bins))))
    fine = one.is_more(bins) + other.is_less(bin_of(margin.limit(upper_edge(bins - 1))) - 1)
    return Evidence(float(worse.min()), float(fine.min()))


def _nearby(live: Histogram, candidate: Histogram, share: float, margin: Margin, needed: Evidence) -> Evidence:
    """What is said against the least refuted of a few pairs: no less than against the least refuted of all.

    The side that the estimates speak for, and one that is not needed, is told as nothing.
    """
    prior = Prior(_STRENGTH * share, _STRENGTH * (1 - share))
    at, beyond = live.quantile(share), candidate.quantile(share)
    first, last = (int(bin_of(each)) for each in (at, margin.shortest(np.array(beyond))))
    bins = np.round(first + (last - first) * _NEARBY).astype(np.int64)
    is_worse = beyond > float(margin.limit(np.array(at)))
    if (needed.worse if is_worse else needed.fine) == math.inf:
        return Evidence(0.0, 0.0)

    def said(seen: Histogram, places: Ints, against: Against) -> Floats:
        hits = np.where(places < 0, 0.0, seen.below[places.clip(0)])
        return log_evidence(hits, seen.total, share, against, prior)

    if is_worse:
        limits = bin_of(margin.limit(upper_edge(bins)))
        one, other = said(live, bins - 1, Against.AT_MOST), said(candidate, limits, Against.AT_LEAST)
        return Evidence(float((one + other).min()), 0.0)
    limits = bin_of(margin.limit(upper_edge(bins - 1))) - 1
    one, other = said(live, bins, Against.AT_LEAST), said(candidate, limits, Against.AT_MOST)
    return Evidence(0.0, float((one + other).min()))


def quantile_interval(
    live: Histogram, candidate: Histogram, share: float, alpha: float, lower_alpha: float | None = None
) -> tuple[float, float]:
    """The ratios, candidate to live, that are not refuted, each side at level ``alpha``: a confidence sequence.

    The lower end can have a level of its own, ``lower_alpha``.
    """
    if not live.total or not candidate.total:
        return 0.0, math.inf
    one, other = _Arm(live, share), _Arm(candidate, share)
    upper = _furthest(one, other, math.log(1 / alpha))
    lower = _furthest(other, one, math.log(1 / (alpha if lower_alpha is None else lower_alpha)))
    return (0.0 if lower is None else math.exp(-lower * STEP)), (math.inf if upper is None else math.exp(upper * STEP))


class _Arm:
    """The evidence of one arm about each bin, worked out for those that it leaves open.

    Further down it is taken as if no request lay there, further up as if all did: the side that speaks against those
    bins has more than enough evidence by then, and the other is told too little, never too much.
    """

    def __init__(self, seen: Histogram, share: float) -> None:
        self._total, self._share = seen.total, share
        self._prior = Prior(_STRENGTH * share, _STRENGTH * (1 - share))
        parts = np.linspace(0.0, seen.total, _POINTS)
        too_few, too_many = self._more(parts) >= _ENOUGH, self._less(parts) >= _ENOUGH
        least = parts[np.flatnonzero(too_few)[-1]] if too_few.any() else 0.0
        most = parts[np.flatnonzero(too_many)[0]] if too_many.any() else seen.total
        start = max(int(np.searchsorted(seen.below, least, "right")) - 1, 0)
        inside = slice(start, int(np.searchsorted(seen.below, most)) + 1)
        self.first, self.last = inside.start - 1, inside.stop
        below = np.concatenate([[0.0], seen.below[inside], [seen.total]])
        is_new = np.diff(below, prepend=-1.0) > 0
        self._places = np.cumsum(is_new) - 1
        hits = below[is_new]
        self._of_less, self._of_more = self._less(hits), self._more(hits)

    def is_less(self, bins: Ints) -> Floats:
        """Against "the quantile is above this bin": more than the share of the requests lies in it or below."""
        return self._of_less[self._place(bins)]

    def is_more(self, bins: Ints) -> Floats:
        """Against "the quantile is in this bin or below": fewer than the share of the requests lie there."""
        return self._of_more[self._place(bins)]

    def _place(self, bins: Ints) -> Ints:
        return self._places[np.clip(bins - self.first, 0, len(self._places) - 1)]

    def _less(self, hits: Floats) -> Floats:
        return log_evidence(hits, self._total, self._share, Against.AT_MOST, self._prior)

    def _more(self, hits: Floats) -> Floats:
        return log_evidence(hits, self._total, self._share, Against.AT_LEAST, self._prior)


def _furthest(low: _Arm, high: _Arm, needed: float) -> int | None:
    """By how many bins at most the quantile of ``high`` is above that of ``low``, None when nothing refutes any."""
    bins = np.arange(low.first, low.last + 1)
    levels = high.is_less(np.arange(high.first, high.last + 1))
    # How many of the levels, which grow, leave the bin after them open beside each bin of the other arm.
    still = np.searchsorted(levels, needed - low.is_more(bins))
    if still[0] > 0 or still.max() == len(levels):
        return None
    apart = (high.first + still - bins + 1)[still > 0]
    return int(apart.max()) if len(apart) else None
