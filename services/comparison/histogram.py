"""Latencies as counts in narrow bins: as much memory for a million requests as for a hundred. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_MS, MOST_MS = 0.01, 600_000.0
"""What lies outside is counted at the ends. No request to a managed online endpoint may take longer than 180 s."""
STEP = math.log1p(0.001)
"""Bins are 0.1 % wide: far below any margin that somebody would set."""
BINS = math.ceil(math.log(MOST_MS / LEAST_MS) / STEP) + 1

Ints = NDArray[np.int64]


def upper_edge(bins: ArrayLike) -> NDArray[np.float64]:
    """The largest latency of each bin, in ms."""
    edges: NDArray[np.float64] = LEAST_MS * np.exp(STEP * np.asarray(bins, dtype=float))
    return edges


def bin_of(ms: ArrayLike) -> Ints:
    """The bin of each latency: the first whose upper edge is not below it."""
    with np.errstate(divide="ignore"):
        places = np.ceil(np.log(np.asarray(ms, dtype=float) / LEAST_MS) / STEP - 1e-9)
    return np.clip(places, 0, BINS - 1).astype(np.int64)


@dataclass(frozen=True)
class Histogram:
    """How many requests took at most as long as each bin's upper edge: ``below`` has BINS growing counts."""

    below: NDArray[np.float64]

    @staticmethod
    def of(latencies_ms: ArrayLike) -> Histogram:
        """The histogram of latencies in ms. What is no number is left out."""
        ms = np.asarray(latencies_ms, dtype=float)
        counts = np.bincount(bin_of(ms[np.isfinite(ms)]), minlength=BINS)
        return Histogram(np.cumsum(counts, dtype=float))

    @property
    def total(self) -> float:
        """All requests."""
        return float(self.below[-1])

    def plus(self, other: Histogram) -> Histogram:
        """Both together."""
        return Histogram(self.below + other.below)

    def with_more(self, latencies_ms: ArrayLike) -> Histogram:
        """With these latencies in ms, all finite, as well: only the bins that they span are worked out anew."""
        bins = bin_of(latencies_ms)
        if not len(bins):
            return self
        first, end = int(bins.min()), int(bins.max()) + 1
        below = self.below.copy()
        below[first:end] += np.cumsum(np.bincount(bins - first))
        below[end:] += len(bins)
        return Histogram(below)

    def times(self, factor: float) -> Histogram:
        """So much of the same."""
        return self if factor == 1 else Histogram(self.below * factor)

    def quantile(self, share: float) -> float:
        """The latency in ms that ``share`` of the requests do not exceed, NaN without requests."""
        if not self.total:
            return math.nan
        return float(upper_edge(np.searchsorted(self.below, share * self.total - 1e-9)))
