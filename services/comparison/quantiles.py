"""Is a quantile of one deployment's latency higher than that of another by more than a margin? From rows. Pure.

The share of requests at or below the true quantile is known, so counts below a candidate value speak against it
(Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing and best-arm identification",
Bernoulli 28, 2022). Two arms are joined as in :mod:`services.comparison.errors`: the evidence against a set of pairs of
quantiles is that against its least refuted pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.comparison.errors import Evidence
from services.comparison.histogram import BINS, Histogram, Ints, bin_of, upper_edge
from services.comparison.mixtures import Against, Floats, Prior, log_evidence

_STRENGTH = 200.0
"""How many requests' worth the alternatives are drawn towards the quantile: as wide as a few hundred requests see."""
_AROUND = 0.12
"""Quantiles are looked for between this share of the requests below the wanted one and all of them."""
_FURTHEST = math.log(20.0)
"""Ratios of quantiles are told from 1/20 to 20."""
_PRECISION = 0.001


@dataclass(frozen=True)
class Margin:
    """How much longer a request may take: by ``ratio`` (0.1 is 10 %) and by ``ms``. Only what exceeds both is worse."""

    ratio: float
    ms: float = 0.0

    def limit(self, live_ms: Floats) -> Floats:
        """The longest latency in ms that is not worse than ``live_ms``."""
        longest: Floats = np.maximum(live_ms * (1 + self.ratio), live_ms + self.ms)
        return longest


def quantile_evidence(live: Histogram, candidate: Histogram, share: float, margin: Margin) -> Evidence:
    """What the rows say of "the candidate's quantile ``share`` is above the limit that the live one's sets"."""
    if not live.total or not candidate.total:
        return Evidence(0.0, 0.0)
    tried = _tried(live, candidate, share, margin)
    return _Looks(live, candidate, share).at(tried, margin)


def quantile_interval(live: Histogram, candidate: Histogram, share: float, alpha: float) -> tuple[float, float]:
    """The ratios, candidate to live, that are not refuted, each side at level ``alpha``: a confidence sequence."""
    if not live.total or not candidate.total:
        return 0.0, math.inf
    needed = math.log(1 / alpha)
    looks = _Looks(live, candidate, share)

    def told(log_ratio: float) -> Evidence:
        margin = Margin(math.expm1(log_ratio), -math.inf)
        return looks.at(_tried(live, candidate, share, margin), margin)

    middle = math.log(candidate.quantile(share) / live.quantile(share))
    lower = _edge(middle, -_FURTHEST, lambda at: told(at).worse >= needed)
    upper = _edge(middle, _FURTHEST, lambda at: told(at).fine >= needed)
    return (0.0 if lower is None else math.exp(lower)), (math.inf if upper is None else math.exp(upper))


class _Looks:
    """The evidence of both arms about each bin, worked out once for all margins."""

    def __init__(self, live: Histogram, candidate: Histogram, share: float) -> None:
        self._live = _Arm(live, share)
        self._candidate = _Arm(candidate, share)

    def at(self, bins: Ints, margin: Margin) -> Evidence:
        # The live quantile lies in one of the bins; both ends of the bin are taken against us.
        upper = margin.limit(upper_edge(bins))
        lower = margin.limit(upper_edge(bins - 1))
        worse = self._live.is_less(bins - 1) + self._candidate.is_more(bin_of(upper))
        fine = self._live.is_more(bins) + self._candidate.is_less(bin_of(lower) - 1)
        return Evidence(float(worse.min()), float(fine.min()))


class _Arm:
    def __init__(self, seen: Histogram, share: float) -> None:
        self._below = np.concatenate([[0.0], seen.below])
        self._total, self._share = seen.total, share
        self._prior = Prior(_STRENGTH * share, _STRENGTH * (1 - share))

    def is_less(self, bins: Ints) -> Floats:
        """Against "the quantile is above this bin": more than the share of the requests lies in it or below."""
        return self._against(bins, Against.AT_MOST)

    def is_more(self, bins: Ints) -> Floats:
        """Against "the quantile is in this bin or below": fewer than the share of the requests lie there."""
        return self._against(bins, Against.AT_LEAST)

    def _against(self, bins: Ints, against: Against) -> Floats:
        hits, places = np.unique(self._below[np.clip(bins + 1, 0, BINS)], return_inverse=True)
        evidence: Floats = log_evidence(hits, self._total, self._share, against, self._prior)[places]
        return evidence


def _tried(live: Histogram, candidate: Histogram, share: float, margin: Margin) -> Ints:
    """The bins in which the live quantile may lie without being refuted at once, by either arm."""
    first = np.searchsorted(live.below, max(0.0, share - _AROUND) * live.total)
    last = np.searchsorted(live.below, live.total)
    least = upper_edge(np.searchsorted(candidate.below, max(0.0, share - _AROUND) * candidate.total))
    most = upper_edge(np.searchsorted(candidate.below, candidate.total))
    back = [bin_of(max(float(each) / (1 + margin.ratio) if margin.ratio > -1 else 0.0, 0.0)) for each in (least, most)]
    # One bin more on either side: beyond them the evidence only grows.
    low, high = min(int(first), int(back[0])) - 2, max(int(last), int(back[1])) + 2
    return np.arange(max(low, 0), min(high, BINS - 1) + 1, dtype=np.int64)


def _edge(inside: float, outside: float, is_refuted: Callable[[float], bool]) -> float | None:
    """The last log ratio on the way ``outside`` that is not refuted, None when none is."""
    if not is_refuted(outside):
        return None
    while abs(outside - inside) > _PRECISION:
        middle = (inside + outside) / 2
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside
