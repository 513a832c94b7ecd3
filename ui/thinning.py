"""Which points of a long line are drawn: enough that it looks the same, few enough to be light. Pure.

Numbers and downloads never come from here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxDownsampler

MOST_POINTS = 2000
"""A line with more is thinned to about as many: two for each pixel of a wide chart."""


def kept(values: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """The places of the points to draw, in order.

    The line is cut into 1,000 stretches and the highest and the lowest point of each stays, so no spike is lost. (The
    triangles of LTTB choose one point where two stand out, and would lose a dip beside a peak.) The ends stay, and so
    does every gap, with the points on both sides of it: a line with thousands of gaps stays longer than 2,000 points.
    """
    if len(values) <= MOST_POINTS:
        return np.arange(len(values))
    is_there = np.isfinite(values)
    there = np.flatnonzero(is_there)
    chosen = np.zeros(len(values), dtype=bool)
    chosen[[0, -1]] = True
    if len(there) > MOST_POINTS:
        thinner = MinMaxDownsampler()  # type: ignore[no-untyped-call]  # its initialiser has no types
        chosen[there[thinner.downsample(values[there].astype(np.float64), n_out=MOST_POINTS)]] = True
    else:
        chosen[there] = True
    edges = np.flatnonzero(is_there[1:] != is_there[:-1])
    chosen[edges] = chosen[edges + 1] = True
    return np.flatnonzero(chosen)
