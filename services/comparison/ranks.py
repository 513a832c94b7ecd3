"""Is a request to one deployment slower than one to the other in the same minute, by more than a margin? Pure.

Both arms get their requests from the same callers in the same minute, so what slows a minute down slows both: only
ranks within a minute are looked at. If the candidate's latencies are no longer than the limits that the live ones set,
the number of pairs in which it is longer has at most the distribution of Mann and Whitney's statistic ("On a test of
whether one of two random variables is stochastically larger than the other", Annals of Mathematical Statistics 18,
1947), whose generating function is a Gaussian binomial coefficient. Tilting by it gives an e-value per minute, whatever
the numbers of requests; their product is the evidence, mixed over a few strengths. Rank sums of groups were joined to
one sequential test in this way by Wilcoxon, Rhodes and Bradley ("Two sequential two-sample grouped rank tests",
Biometrics 19, 1963).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import gammaln

from services.comparison.errors import Evidence
from services.comparison.histogram import BINS, STEP, Ints, bin_of
from services.comparison.mixtures import Floats
from services.comparison.quantiles import Margin
from services.comparison.scatter import Scatter

_STRENGTHS: Floats = np.array([0.5, 1.0, 2.0, 4.0])
"""How strongly pairs are weighed: from a slowdown that takes hours to one that shows in a few minutes."""
LEAST_MINUTES = 10
"""Before so many minutes with requests of both, how much minutes differ is not known, and nothing is refuted."""
_APART, _MOST = 20, 69
RATIOS: Floats = np.exp(STEP * _APART * np.arange(-_MOST, _MOST + 1))
"""The shifts that are told apart, candidate to live: 2 % steps from a quarter to four times."""


@dataclass(frozen=True)
class Shift:
    """By what factor the candidate's requests take longer than live ones of the same minute, and what is not refuted.

    ``estimate`` is None until both arms had requests in one minute.
    """

    estimate: float | None
    lower: float
    upper: float


@dataclass
class SameMinute:
    """The evidence of all minutes so far: a few thousand numbers, however many requests were seen.

    Without ``at_ratios`` there is only the evidence at the margin and no shift, in a tenth of the time.
    """

    margin: Margin
    at_ratios: bool = True
    _worse: Floats = field(default_factory=lambda: np.zeros((len(RATIOS) + 1, len(_STRENGTHS))))
    _fine: Floats = field(default_factory=lambda: np.zeros((len(RATIOS) + 1, len(_STRENGTHS))))
    _longer: Floats = field(default_factory=lambda: np.zeros(len(RATIOS)))
    _pairs: float = 0.0
    _scatter: Scatter = field(default_factory=Scatter)

    def add(self, live_ms: Floats, candidate_ms: Floats) -> None:
        """Take in the requests of one minute. A minute without requests of both says nothing."""
        n, m = len(live_ms), len(candidate_ms)
        if not n or not m:
            return
        weights = 2 * _STRENGTHS / (n + m)
        free = _log_mean_tilt(m, n)
        won, lost = _wins_at_limits(self.margin.limit(live_ms), candidate_ms)
        self._worse[-1] += won * weights - free
        self._fine[-1] += lost * weights - free
        self._scatter.add((won - lost) / 2 / math.sqrt(n * m * (n + m + 1) / 12))
        if not self.at_ratios:
            return
        longer, shorter = _wins_at_ratios(bin_of(live_ms), bin_of(candidate_ms))
        self._worse[:-1] += np.outer(longer, weights) - free
        self._fine[:-1] += np.outer(shorter, weights) - free
        # Minutes count by their requests, not by their pairs: a busy one is not worth its square.
        self._longer += (longer + (n * m - longer - shorter) / 2) / (n * m) * min(n, m)
        self._pairs += min(n, m)

    @property
    def minutes(self) -> int:
        """Those that had requests of both."""
        return self._scatter.minutes

    @property
    def spread(self) -> float:
        """How much more the minutes differ than chance explains: the variance of their standardised wins, 1 or more."""
        return self._scatter.spread

    def evidence(self, factor: float = 1.0) -> Evidence:
        """Log e-values at the margin, after ``factor`` times as much of the same."""
        if self.minutes * factor < LEAST_MINUTES:
            return Evidence(0.0, 0.0)
        share = factor / self.spread
        return Evidence(float(_mixed(self._worse[-1] * share)), float(_mixed(self._fine[-1] * share)))

    def shift(self, alpha: float) -> Shift:
        """The shift, each side at level ``alpha``: a confidence sequence."""
        needed = math.log(1 / alpha) if self.minutes >= LEAST_MINUTES else math.inf
        too_low = _mixed(self._worse[:-1] / self.spread) >= needed
        too_high = _mixed(self._fine[:-1] / self.spread) >= needed
        lower = float(RATIOS[np.flatnonzero(too_low)[-1]]) if too_low.any() else 0.0
        upper = float(RATIOS[np.flatnonzero(too_high)[0]]) if too_high.any() else math.inf
        if not self._pairs:
            return Shift(None, lower, upper)
        # Half of the pairs are longer where the shift is taken away.
        shares = self._longer / self._pairs
        return Shift(float(np.interp(0.5, shares[::-1], RATIOS[::-1])), lower, upper)


def _wins_at_limits(limits: Floats, candidate: Floats) -> tuple[float, float]:
    """Pairs in which the candidate is above a limit, and below it. Ties are neither."""
    ordered = np.sort(limits)
    longer = np.searchsorted(ordered, candidate, "left").sum()
    shorter = len(candidate) * len(ordered) - np.searchsorted(ordered, candidate, "right").sum()
    return float(longer), float(shorter)


def _wins_at_ratios(live: Ints, candidate: Ints) -> tuple[Floats, Floats]:
    """The same for every ratio, from bins of latencies: requests that fall into one bin are ties."""
    below = np.full(_APART * (math.ceil((BINS + 1) / _APART) + 2 * _MOST), float(len(live)))
    below[: _APART * _MOST + 1] = 0.0
    start = _APART * _MOST + 1
    below[start : start + BINS] = np.cumsum(np.bincount(live, minlength=BINS))
    # A row for each place within a step: what one bin meets at all ratios then lies side by side.
    met = sliding_window_view(np.ascontiguousarray(below.reshape(-1, _APART).T), len(RATIOS), axis=1)
    bins, counts = np.unique(candidate, return_counts=True)
    # A latency in bin b, times a ratio of s bins, is not above the upper edge of bin b + s.
    longer = counts @ met[bins % _APART, bins // _APART]
    not_shorter = counts @ met[(bins + 1) % _APART, (bins + 1) // _APART]
    return longer[::-1], (len(live) * len(candidate) - not_shorter)[::-1]


@lru_cache(maxsize=20_000)
def _log_mean_tilt(m: int, n: int) -> Floats:
    """Log of the mean of exp(weight · pairs won) when all orders of m and n requests are equally likely."""
    weights = (2 * _STRENGTHS / (n + m))[:, None]
    # The coefficient is the same for both, and shorter for the smaller arm.
    few, many = min(m, n), max(m, n)
    place = np.arange(1, few + 1)[None, :]
    coefficient = (_log_expm1(weights * (many + place)) - _log_expm1(weights * place)).sum(axis=1)
    mean: Floats = coefficient - (gammaln(m + n + 1) - gammaln(m + 1) - gammaln(n + 1))
    return mean


def _log_expm1(values: Floats) -> Floats:
    logs: Floats = values + np.log1p(-np.exp(-values))
    return logs


def _mixed(strengths: Floats) -> Floats:
    mean: Floats = np.logaddexp.reduce(strengths, axis=-1) - math.log(len(_STRENGTHS))
    return mean
