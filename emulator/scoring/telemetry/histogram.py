"""Latency histograms with logarithmic buckets: small, mergeable, and within one percent of the truth.

A bucket is 2 % wide and answers with its geometric middle, so a value read back is off by at most
``sqrt(1.02) - 1`` = 0.995 %. The encoded form is a run of (bucket, count) pairs, 6 bytes each.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate

GROWTH = 1.02
SMALLEST_MS = 0.001
"""Everything below one microsecond is counted as one microsecond."""

_LOG_GROWTH = math.log(GROWTH)
_PAIR = struct.Struct("<hI")
_LOWEST = math.floor(math.log(SMALLEST_MS) / _LOG_GROWTH)
_HIGHEST = 2**15 - 1


def bucket_of(value_ms: float) -> int:
    """The bucket that holds a duration in milliseconds."""
    if value_ms <= SMALLEST_MS:
        return _LOWEST
    return min(math.floor(math.log(value_ms) / _LOG_GROWTH), _HIGHEST)


def value_of(bucket: int) -> float:
    """The duration in milliseconds that a bucket stands for: its geometric middle."""
    return math.exp((bucket + 0.5) * _LOG_GROWTH)


def count(values_ms: Iterable[float]) -> dict[int, int]:
    """Count durations by bucket."""
    counts: dict[int, int] = {}
    for value in values_ms:
        bucket = bucket_of(value)
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def merge(into: dict[int, int], counts: Mapping[int, int]) -> None:
    """Add ``counts`` to ``into``."""
    for bucket, number in counts.items():
        into[bucket] = into.get(bucket, 0) + number


def encode(counts: Mapping[int, int]) -> bytes:
    """The bytes that are stored, ordered by bucket."""
    return b"".join(_PAIR.pack(bucket, number) for bucket, number in sorted(counts.items()))


def decode(blob: bytes) -> dict[int, int]:
    """The counts in stored bytes, ordered by bucket."""
    return dict(_PAIR.iter_unpack(blob))


def percentiles(counts: Mapping[int, int], percents: Iterable[float]) -> list[float]:
    """Percentiles in milliseconds, each within 1 % of the linear-interpolation percentile of the raw values.

    Interpolating between two order statistics keeps the bound: both ends are off by at most that much.
    Raises ValueError when nothing was counted.
    """
    ordered = sorted(counts.items())
    reached = list(accumulate(number for _, number in ordered))
    if not reached:
        raise ValueError("a histogram without values has no percentiles")
    answers = []
    for percent in percents:
        rank = (reached[-1] - 1) * percent / 100
        below = math.floor(rank)
        low = ordered[bisect_right(reached, below)][0]
        value = value_of(low)
        if rank > below:
            high = ordered[bisect_right(reached, below + 1)][0]
            if high != low:
                value += (value_of(high) - value) * (rank - below)
        answers.append(value)
    return answers
