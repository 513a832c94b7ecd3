"""How far two distributions of latency lie apart at each quantile, with a bootstrap band. Pure.

Resampled are whole minutes, both deployments together, as soon as there are enough of them: requests of one minute
share its load, and single requests would claim more than is known (the bootstrap of clusters: Davison and Hinkley,
"Bootstrap Methods and their Application", 1997, 3.8). Below that, single requests of each (Efron, "Bootstrap methods:
another look at the jackknife", Annals of Statistics 7, 1979). Latencies are counted at a limited number of values, so
that the work hardly grows with the number of requests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.comparison.histogram import bin_of, upper_edge
from services.comparison.mixtures import Floats

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99)
LEAST_MINUTES = 30
"""From so many minutes with rows of both on, minutes are resampled and not requests."""
RESAMPLES = 600
_MOST_PLACES, _MOST_BLOCKS = 2_000, 400
_TAIL = 0.025

Counted: TypeAlias = "NDArray[np.float32]"


@dataclass(frozen=True)
class QuantileDifference:
    """Candidate minus live at one quantile: in ms and in percent of the live one's, each with a 95 % interval."""

    share: float
    live_ms: float
    candidate_ms: float
    ms: float
    lower_ms: float
    upper_ms: float
    percent: float
    lower_percent: float
    upper_percent: float


def least_requests(share: float) -> int:
    """How many requests a 95 % interval of a quantile needs at least: 6 for P50, 72 for P95, 368 for P99."""
    return math.ceil(math.log(_TAIL) / math.log(max(share, 1 - share)))


def quantile_differences(
    minutes: Sequence[tuple[Floats, Floats]], rng: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[QuantileDifference, ...]:
    """The differences at those of SHARES that both have enough requests for. ``minutes``: latencies in ms, live first.

    Intervals are those of the percentile method, for each quantile by itself.
    """
    kept = [(one[np.isfinite(one)], other[np.isfinite(other)]) for one, other in minutes]
    live, candidate = _together(kept)
    shares = np.array([each for each in SHARES if min(len(live), len(candidate)) >= least_requests(each)])
    if not len(shares):
        return ()
    at_live, at_candidate = (np.quantile(each, shares, method="inverted_cdf") for each in (live, candidate))
    again_live, again_candidate = _resampled(kept, shares, rng, resamples)
    ms, percent = at_candidate - at_live, _percent(at_live, at_candidate)
    lower_ms, upper_ms = _band(again_candidate - again_live, ms)
    lower_percent, upper_percent = _band(_percent(again_live, again_candidate), percent)
    columns = (shares, at_live, at_candidate, ms, lower_ms, upper_ms, percent, lower_percent, upper_percent)
    return tuple(QuantileDifference(*(float(each[place]) for each in columns)) for place in range(len(shares)))


def _resampled(
    minutes: Sequence[tuple[Floats, Floats]], shares: Floats, rng: np.random.Generator, resamples: int
) -> tuple[Floats, Floats]:
    """The quantiles of both in each resample."""
    live, candidate = _together(minutes)
    values, step = _places(np.concatenate([live, candidate]))
    if sum(1 for one, other in minutes if len(one) and len(other)) < LEAST_MINUTES:
        drawn = [_requests_again(_counts(each, values, step), rng, resamples) for each in (live, candidate)]
    else:
        length = -(-len(minutes) // _MOST_BLOCKS)
        blocks = [_together(minutes[start : start + length]) for start in range(0, len(minutes), length)]
        times = rng.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), resamples).astype(np.float32)
        drawn = [times @ np.array([_counts(block[arm], values, step) for block in blocks]) for arm in (0, 1)]
    one, other = (_quantiles(each, values, shares) for each in drawn)
    return one, other


def _together(minutes: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    live, candidate = (np.concatenate([each[arm] for each in minutes] or [np.array([])]) for arm in (0, 1))
    return live, candidate


def _requests_again(counts: Counted, rng: np.random.Generator, resamples: int) -> Counted:
    shares = counts.astype(float)
    return rng.multinomial(round(shares.sum()), shares / shares.sum(), resamples).astype(np.float32)


def _places(ms: Floats) -> tuple[Floats, int]:
    """The values that latencies are counted at, and how many bins of a histogram one holds, 0 when all are exact."""
    exact = np.unique(ms)
    if len(exact) <= _MOST_PLACES:
        return exact, 0
    bins = bin_of(ms)
    step = int(-(-(bins.max() - bins.min() + 1) // _MOST_PLACES))
    return upper_edge((np.arange(bins.min() // step, bins.max() // step + 1) + 1) * step - 1), step


def _counts(ms: Floats, values: Floats, step: int) -> Counted:
    places = np.searchsorted(values, ms) if not step else bin_of(ms) // step - bin_of(values[:1])[0] // step
    return np.bincount(places, minlength=len(values)).astype(np.float32)


def _quantiles(counts: Counted, values: Floats, shares: Floats) -> Floats:
    below = np.cumsum(counts, axis=1, dtype=float)
    wanted = np.ceil(shares[None, :] * below[:, -1:] - 1e-9)
    places = np.array([np.searchsorted(row, need) for row, need in zip(below, wanted, strict=True)])
    found: Floats = values[np.clip(places, 0, len(values) - 1)]
    return found


def _percent(live: Floats, candidate: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        # A percentage of 0 ms is no number.
        more: Floats = np.where(live > 0, 100 * (candidate / live - 1), np.nan)
    return more


def _band(again: Floats, estimate: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(again).all(axis=0)
    lower, upper = np.full((2, len(estimate)), np.nan)
    lower[known], upper[known] = np.nanquantile(again[:, known], (_TAIL, 1 - _TAIL), axis=0)
    return np.minimum(lower, estimate), np.maximum(upper, estimate)
