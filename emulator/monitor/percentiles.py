"""Percentiles of many stored histograms at once.

Half a day of minutes is some thousand histograms of a few hundred buckets each; one by one they take half a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from emulator.scoring.telemetry import histogram

_AT_ONCE = 1000
"""Histograms in one table of counts. Durations up to 2**53 ms span 2200 buckets, so that it stays below 20 MB."""


def percentiles(groups: Sequence[Sequence[bytes]], percents: Sequence[float]) -> list[list[float]]:
    """For each group the percentiles in milliseconds of its stored histograms put together.

    The same numbers as :func:`emulator.scoring.histogram.percentiles`. No group may be empty.
    """
    answers: list[list[float]] = []
    for first in range(0, len(groups), _AT_ONCE):
        answers += _table(groups[first : first + _AT_ONCE], percents)
    return answers


def _table(groups: Sequence[Sequence[bytes]], percents: Sequence[float]) -> list[list[float]]:
    # Here, because a server that nobody asks for metrics does well without it.
    import numpy as np

    pairs = np.frombuffer(b"".join(blob for group in groups for blob in group), dtype=[("bucket", "<i2"), ("n", "<u4")])
    lengths = [sum(map(len, group)) // pairs.dtype.itemsize for group in groups]
    buckets, lowest = pairs["bucket"].astype(np.int64), int(pairs["bucket"].min())
    width = int(pairs["bucket"].max()) - lowest + 1
    cells = np.repeat(np.arange(len(groups)), lengths) * width + (buckets - lowest)
    counts = np.bincount(cells, weights=pairs["n"], minlength=len(groups) * width).reshape(len(groups), width)
    reached = counts.cumsum(axis=1)
    values = np.exp((np.arange(width) + lowest + 0.5) * math.log(histogram.GROWTH))
    columns = []
    for percent in percents:
        rank = (reached[:, -1] - 1) * percent / 100
        below = np.floor(rank)
        low = values[(reached <= below[:, None]).sum(axis=1)]
        high = values[np.minimum((reached <= below[:, None] + 1).sum(axis=1), width - 1)]
        columns.append(low + (high - low) * (rank - below))
    answers: list[list[float]] = np.stack(columns, axis=1).tolist()
    return answers
