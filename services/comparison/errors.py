"""Is the error rate of one deployment higher than that of another by more than a margin? From counts. Pure.

The evidence against a set of pairs of rates is that against its least refuted pair: the product of one e-process for
each arm, at its minimum over the set (universal inference, Wasserman, Ramdas and Balakrishnan, PNAS 117, 2020). The
two one-sided tests of "worse by more than the margin" and "not worse by more" are those of non-inferiority.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.comparison.mixtures import Against, Floats, Prior, log_evidence

_PRIOR = Prior(0.5, 50.0)
"""Most of its weight lies on rates below two percent, where healthy and mildly ill services are."""
_SMALL: Floats = np.geomspace(1e-6, 0.5, 90)
_RATES: Floats = np.concatenate([[0.0], _SMALL, 1.0 - _SMALL[-2::-1], [1.0]])
"""The rates of the live arm that are tried first; then those between the neighbours of the least refuted one. The
evidence is convex, so that they lead to its minimum."""
_FINER = (24, 24)
_PRECISION = 1e-5
_ROUNDS = 6
"""How often the rates are looked at more finely, for the furthest pair that is not refuted."""
_POINTS = 25
_NEARBY: Floats = np.geomspace(0.5, 2.0, 7)
"""Where about the rate of both together the least refuted pair is looked for first."""


@dataclass(frozen=True)
class Counts:
    """How many requests an arm answered, and how many of them failed."""

    requests: float
    errors: float

    def times(self, factor: float) -> Counts:
        """So much of the same."""
        return Counts(self.requests * factor, self.errors * factor)


@dataclass(frozen=True)
class Evidence:
    """Log e-values: ``worse`` against "not worse by more than the margin", ``fine`` against "worse by more"."""

    worse: float
    fine: float


NEEDED_ANY = Evidence(-math.inf, -math.inf)
"""Both sides are asked for in full."""


def error_evidence(live: Counts, candidate: Counts, margin: float, needed: Evidence = NEEDED_ANY) -> Evidence:
    """What the counts say of "the candidate's rate minus the live one's is above ``margin``", a share from -1 to 1.

    Without requests of both, nothing: a rate that nobody has seen is not worse, nor better, although no candidate
    without errors can be far above any rate. A side that cannot reach what is ``needed`` of it is told roughly, and
    below that: it takes a tenth of the time.
    """
    if not live.requests or not candidate.requests:
        return Evidence(0.0, 0.0)
    worse = _least(live, candidate, margin, Against.AT_LEAST, Against.AT_MOST, needed.worse)
    return Evidence(worse, _least(live, candidate, margin, Against.AT_MOST, Against.AT_LEAST, needed.fine))


def error_interval(live: Counts, candidate: Counts, alpha: float) -> tuple[float, float]:
    """The differences of the rates that are not refuted, each side at level ``alpha``: a confidence sequence."""
    if not live.requests or not candidate.requests:
        return -1.0, 1.0
    needed = math.log(1 / alpha)
    return -_furthest(candidate, live, needed), _furthest(live, candidate, needed)


def share_evidence(counts: Counts, limit: float) -> Evidence:
    """What one arm's counts say of "its rate is above ``limit``"."""
    said = [
        float(log_evidence(counts.errors, counts.requests, limit, against, _PRIOR))
        for against in (Against.AT_MOST, Against.AT_LEAST)
    ]
    return Evidence(worse=said[0], fine=said[1])


def share_interval(counts: Counts, alpha: float) -> tuple[float, float]:
    """The rates of one arm that are not refuted, each side at level ``alpha``: a confidence sequence."""
    if not counts.requests:
        return 0.0, 1.0
    needed, estimate = math.log(1 / alpha), counts.errors / counts.requests
    lower = _edge(estimate, 0.0, lambda limit: share_evidence(counts, limit).worse >= needed)
    return lower, _edge(estimate, 1.0, lambda limit: share_evidence(counts, limit).fine >= needed)


def _least(
    live: Counts, candidate: Counts, margin: float, of_live: Against, of_candidate: Against, needed: float
) -> float:
    apart = _rate(candidate) - _rate(live) - margin
    if needed == math.inf or ((apart <= 0) if of_live is Against.AT_LEAST else (apart >= 0)):
        # What is estimated is in the set: nothing speaks against it.
        return 0.0

    def against(rates: Floats) -> Floats:
        one = log_evidence(live.errors, live.requests, rates, of_live, _PRIOR)
        return one + log_evidence(candidate.errors, candidate.requests, rates + margin, of_candidate, _PRIOR)

    lowest, highest = max(0.0, -margin), min(1.0, 1.0 - margin)
    if needed > -math.inf:
        both = live.errors + candidate.errors - margin * candidate.requests
        nearby = (_NEARBY * both / max(1.0, live.requests + candidate.requests)).clip(lowest, highest)
        # The least refuted of all pairs is not refuted more than the least of these.
        roughly = float(against(nearby).min())
        if roughly < needed:
            return roughly
    rates, least = np.unique(_RATES.clip(lowest, highest)), math.inf
    for points in (*_FINER, 0):
        together = against(rates)
        place = int(together.argmin())
        least = min(least, float(together[place]))
        rates = np.linspace(rates[max(place - 1, 0)], rates[min(place + 1, len(rates) - 1)], points)
    return least


def _furthest(low: Counts, high: Counts, needed: float) -> float:
    """By how much at most the rate of ``high`` is above that of ``low``: over all pairs that are not refuted."""
    lows, highs, apart = _RATES, _RATES, 1.0
    for _ in range(_ROUNDS):
        left = needed - log_evidence(low.errors, low.requests, lows, Against.AT_MOST, _PRIOR)
        levels = log_evidence(high.errors, high.requests, highs, Against.AT_LEAST, _PRIOR)
        reached = np.where(left > levels[0], np.interp(left, levels, highs), -1.0)
        place = int((reached - lows).argmax())
        apart = float(reached[place] - lows[place])
        first, last = max(place - 2, 0), min(place + 2, len(lows) - 1)
        start, end = np.searchsorted(highs, reached[[first, last]])
        lows = np.linspace(lows[first], lows[last], _POINTS)
        highs = np.linspace(highs[max(start - 2, 0)], highs[min(end + 2, len(highs) - 1)], 4 * _POINTS)
    return min(apart + _PRECISION, 1.0)


def _rate(counts: Counts) -> float:
    return counts.errors / counts.requests if counts.requests else 0.0


def _edge(inside: float, outside: float, is_refuted: Callable[[float], bool]) -> float:
    """The last margin between ``inside`` and ``outside`` that is not refuted: evidence grows on the way outside."""
    if not is_refuted(outside):
        return outside
    while abs(outside - inside) > _PRECISION:
        middle = (inside + outside) / 2
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside
