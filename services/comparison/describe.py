"""Two deployments over any window, described: numbers with 95 % intervals. Pure.

Nothing here judges. An interval is right for a window that was chosen before its numbers were seen, and for one look at
it: verdicts that stay right at every look are those of :mod:`services.comparison.judge`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from scipy.stats import binomtest, quantile_test

from services.comparison.bands import QuantileDifference, quantile_differences
from services.comparison.errors import Counts
from services.comparison.judge import Arm
from services.comparison.mixtures import Floats

LEVEL = 0.95
QUANTILES = (0.5, 0.95, 0.99)
_CURVE: Floats = np.concatenate([[1e-9], np.arange(1, 200) / 200, [0.996, 0.997, 0.998, 0.999, 0.9995, 1.0]])
"""Shares of requests at which the distribution of many is told."""
_MINUTE = timedelta(minutes=1)
_MOST_SPANS = 40
"""So many error rates with their intervals can be told apart in one chart."""
_OF_A_SPAN, _LEAST_SPANS = 30, 8
"""Of fewer requests an error rate says hardly anything; of fewer spans nothing is seen of time."""


class Both(Protocol):
    """What two deployments did in the minute that begins at ``at``."""

    @property
    def at(self) -> datetime:
        """When it begins."""

    @property
    def live(self) -> Arm:
        """The one that is compared with."""

    @property
    def candidate(self) -> Arm:
        """The one that is compared."""


@dataclass(frozen=True)
class Told:
    """A number, its 95 % interval, and how many requests or minutes it is told from.

    ``lower`` and ``upper`` are None where there are too few for an interval.
    """

    value: float
    lower: float | None
    upper: float | None
    n: int

    @property
    def has_interval(self) -> bool:
        """Whether there were enough for one."""
        return self.lower is not None


@dataclass(frozen=True)
class Side:
    """One deployment over the window: ``error_percent`` of its requests, latency in ms at each of QUANTILES.

    ``rows`` are the requests whose latency is known. None is no data. ``curve`` is the distribution of latency: growing
    pairs of ms and the percentage of requests that took at most as long.
    """

    requests: int
    errors: int
    error_percent: Told | None
    rows: int
    quantiles: Mapping[float, Told | None]
    curve: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class PairedMinute:
    """A minute with rows of both: the medians in ms, and by how many percent the candidate's is longer."""

    at: datetime
    live_ms: float
    candidate_ms: float
    percent: float
    live_n: int
    candidate_n: int


@dataclass(frozen=True)
class ErrorSpan:
    """The error rates in percent from ``at`` to ``until``, None without requests."""

    at: datetime
    until: datetime
    live: Told | None
    candidate: Told | None


@dataclass(frozen=True)
class Description:
    """All that is told of two deployments over a window. Differences are candidate minus live."""

    live: Side
    candidate: Side
    error_points: Told | None
    quantile_differences: tuple[QuantileDifference, ...]
    paired: tuple[PairedMinute, ...]
    paired_percent: Told | None
    error_spans: tuple[ErrorSpan, ...]


def describe(minutes: Sequence[Both], rng: np.random.Generator) -> Description:
    """What ``minutes``, in the order of time, say; ``rng`` draws the resamples of the quantile differences."""
    live, candidate = side([each.live for each in minutes]), side([each.candidate for each in minutes])
    paired = paired_minutes(minutes)
    return Description(
        live,
        candidate,
        error_difference(Counts(live.requests, live.errors), Counts(candidate.requests, candidate.errors)),
        quantile_differences([(each.live.latencies_ms, each.candidate.latencies_ms) for each in minutes], rng),
        paired,
        paired_percent(paired),
        error_spans(minutes),
    )


def side(arms: Sequence[Arm]) -> Side:
    """One deployment over all its minutes."""
    requests, errors = sum(each.requests for each in arms), sum(each.errors for each in arms)
    ms = finite(np.concatenate([each.latencies_ms for each in arms]) if arms else np.array([]))
    return Side(
        requests,
        errors,
        error_percent(Counts(requests, errors)),
        len(ms),
        {share: quantile(ms, share) for share in QUANTILES},
        curve(ms),
    )


def curve(ms: Floats) -> tuple[tuple[float, float], ...]:
    """The empirical distribution of latencies, in at most some hundred points: see :class:`Side`."""
    if not len(ms):
        return ()
    shares = _CURVE if len(ms) > len(_CURVE) else np.arange(1, len(ms) + 1) / len(ms)
    at = np.quantile(ms, shares, method="inverted_cdf")
    return tuple(zip(at.tolist(), (100 * shares).tolist(), strict=True))


def error_percent(counts: Counts) -> Told | None:
    """The error rate in percent, None without requests.

    Wilson's score interval ("Probable inference, the law of succession, and statistical inference", JASA 22, 1927).
    """
    n, errors = round(counts.requests), round(counts.errors)
    if not n:
        return None
    lower, upper = _wilson(errors, n)
    return Told(100 * errors / n, 100 * lower, 100 * upper, n)


def error_difference(live: Counts, candidate: Counts) -> Told | None:
    """The candidate's error rate minus the live one's in percentage points, None when either has no requests.

    Newcombe's hybrid score interval, his method 10 ("Interval estimation for the difference between independent
    proportions: comparison of eleven methods", Statistics in Medicine 17, 1998).
    """
    n, m = round(live.requests), round(candidate.requests)
    if not n or not m:
        return None
    errors, more = round(live.errors), round(candidate.errors)
    (low, high), (least, most) = _wilson(errors, n), _wilson(more, m)
    one, other = errors / n, more / m
    difference = other - one
    lower = difference - math.hypot(other - least, high - one)
    upper = difference + math.hypot(most - other, one - low)
    return Told(100 * difference, 100 * lower, 100 * upper, m)


def quantile(ms: Floats, share: float) -> Told | None:
    """The latency in ms that ``share`` of the requests do not exceed, None without any.

    The interval is that of order statistics (Conover, "Practical Nonparametric Statistics", 3rd ed., 1999, 3.2): it
    needs 6 requests for P50, 36 for P90, 72 for P95 and 368 for P99.
    """
    ms = finite(ms)
    if not len(ms):
        return None
    value = float(np.quantile(ms, share, method="inverted_cdf"))
    said = quantile_test(ms, q=value, p=share).confidence_interval(LEVEL)
    if math.isnan(said.low) or math.isnan(said.high):
        return Told(value, None, None, len(ms))
    return Told(value, float(said.low), float(said.high), len(ms))


def paired_minutes(minutes: Sequence[Both]) -> tuple[PairedMinute, ...]:
    """The minutes that have rows of both. What slows a minute down slows both, so it is not in their ratio."""
    found = []
    for each in minutes:
        live, candidate = finite(each.live.latencies_ms), finite(each.candidate.latencies_ms)
        if not len(live) or not len(candidate):
            continue
        one, other = float(np.median(live)), float(np.median(candidate))
        if one > 0 and other > 0:
            percent = 100 * (other / one - 1)
            found.append(PairedMinute(each.at, one, other, percent, len(live), len(candidate)))
    return tuple(found)


def paired_percent(paired: Sequence[PairedMinute]) -> Told | None:
    """By how many percent the candidate's median request is longer than the live one's of the same minute.

    The median over minutes with the interval of order statistics, as in :func:`quantile`. It does not depend on how
    many requests a minute has, as a per-minute P95 would.
    """
    return quantile(np.array([each.percent for each in paired]), 0.5)


def error_spans(minutes: Sequence[Both]) -> tuple[ErrorSpan, ...]:
    """The error rates over time, in equal spans of whole minutes: as many as can be told apart and have requests."""
    if not minutes:
        return ()
    first = minutes[0].at
    fewest = min(sum(each.live.requests for each in minutes), sum(each.candidate.requests for each in minutes))
    number = min(max(fewest // _OF_A_SPAN, _LEAST_SPANS), _MOST_SPANS)
    length = math.ceil(((minutes[-1].at - first) / _MINUTE + 1) / number) * _MINUTE
    together: dict[int, list[Both]] = {}
    for each in minutes:
        together.setdefault((each.at - first) // length, []).append(each)
    return tuple(
        ErrorSpan(
            first + place * length,
            first + (place + 1) * length,
            _rate([each.live for each in part]),
            _rate([each.candidate for each in part]),
        )
        for place, part in sorted(together.items())
    )


def finite(ms: Floats) -> Floats:
    """The latencies that are numbers."""
    return ms[np.isfinite(ms)]


def _rate(arms: Sequence[Arm]) -> Told | None:
    return error_percent(Counts(sum(each.requests for each in arms), sum(each.errors for each in arms)))


def _wilson(hits: int, n: int) -> tuple[float, float]:
    said = binomtest(min(hits, n), n).proportion_ci(LEVEL, method="wilson")
    return float(said.low), float(said.high)
