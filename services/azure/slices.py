"""A long time in small points, asked of Azure Monitor piece by piece. Pure, apart from the asking that is passed in.

How many points one answer may have is not documented. A day of minutes, 1,440 for each series, is known to be answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from services.model import Series, Window

MOST_POINTS = 1440
"""Points of a series in one question."""
_PARALLEL = 4

T = TypeVar("T")


def slices(window: Window) -> tuple[Window, ...]:
    """``window`` in pieces of at most 1,440 points, in order: one when it is short. Each begins where a point does."""
    step = timedelta(seconds=window.grain_seconds * MOST_POINTS)
    found, start = [], window.start_at
    while window.end_at - start > step:
        found.append(replace(window, start_at=start, end_at=start + step))
        start += step
    return (*found, replace(window, start_at=start))


def ask_each(pieces: Sequence[Window], ask: Callable[[Window], T]) -> list[T]:
    """The answers to all pieces, in order, four asked at a time. Raises what the first failing one raises."""
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="slices") as pool:
        return list(pool.map(ask, pieces))


def joined(parts: Sequence[Sequence[Series]]) -> list[Series]:
    """The series of all pieces, those of one metric, resource and combination of dimensions put end to end.

    A series that a piece does not have is missing there, and is not 0.
    """
    found: dict[tuple[object, ...], list[Series]] = {}
    for part in parts:
        for one in part:
            key = (one.resource_id.lower(), one.metric, tuple(sorted(one.dimensions.items())))
            found.setdefault(key, []).append(one)
    return [_end_to_end(each) for each in found.values()]


def _end_to_end(parts: Sequence[Series]) -> Series:
    has_totals = any(each.totals for each in parts)
    return replace(
        parts[0],
        times=tuple(at for each in parts for at in each.times),
        values=tuple(value for each in parts for value in each.values),
        totals=tuple(total for each in parts for total in each.totals or (None,) * len(each.times))
        if has_totals
        else (),
    )
