"""A long time in small points, asked of Azure Monitor piece by piece. Pure, apart from what has been kept of the past.

How many points one answer may have is not documented. A day of minutes, 1,440 for each series, is known to be answered.
Pieces lie between fixed moments (for minutes: midnight, UTC), so that those of the past are the same at every look and
need not be asked for again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TypeVar

from services.errors import SluiceError
from services.model import Series, Window

MOST_POINTS = 1440
"""Points of a series in one question."""
SETTLED_AFTER = timedelta(hours=2)
"""A piece that ended so long ago is kept. Azure says that metrics are stored within minutes."""
KEPT_SECONDS = 3600.0
"""How long a piece is kept: what is corrected later than SETTLED_AFTER is seen then."""
MOST_KEPT_POINTS = 1_000_000
"""Points of all kept pieces together: about 60 MB."""
_RETENTION = timedelta(days=92)
"""Azure keeps metrics for 93 days, and what is older must not be asked for."""
_PARALLEL = 4

T = TypeVar("T")


def slices(window: Window, now: datetime) -> tuple[Window, ...]:
    """The pieces of ``window``, in order: itself when it is short.

    The first and the last one reach beyond it when they are settled as a whole: what is kept of them suits every look
    at the same days. ``now`` is Azure's time.
    """
    step = timedelta(seconds=window.grain_seconds * MOST_POINTS)
    if window.end_at - window.start_at <= step:
        return (window,)
    found, start = [], window.start_at
    while start < window.end_at:
        begin = start - timedelta(seconds=start.timestamp() % step.total_seconds())
        piece = replace(window, start_at=start, end_at=min(begin + step, window.end_at))
        whole = replace(window, start_at=begin, end_at=begin + step)
        is_cut_in_points = any(at.timestamp() % window.grain_seconds for at in (piece.start_at, piece.end_at))
        may_grow = is_settled(whole, now) and begin > now - _RETENTION and not is_cut_in_points
        found.append(whole if may_grow else piece)
        start = piece.end_at
    return tuple(found)


def is_settled(piece: Window, now: datetime) -> bool:
    """Whether ``piece`` is worth keeping: a whole one of the past."""
    seconds = piece.grain_seconds * MOST_POINTS
    is_whole = piece.end_at - piece.start_at == timedelta(seconds=seconds) and not piece.start_at.timestamp() % seconds
    return is_whole and piece.end_at <= now - SETTLED_AFTER


def ask_each(pieces: Sequence[Window], ask: Callable[[Window], T]) -> list[T | SluiceError]:
    """The answers to all pieces, or why there is none, in order, four asked at a time.

    Raises what the first one raised when none was answered.
    """

    def answer(piece: Window) -> T | SluiceError:
        try:
            return ask(piece)
        except SluiceError as error:
            return error

    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="slices") as pool:
        found = list(pool.map(answer, pieces))
    failures = [each for each in found if isinstance(each, SluiceError)]
    if len(failures) == len(found):
        raise failures[0]
    return found


def missing(window: Window, pieces: Sequence[Window], answers: Sequence[object]) -> list[str]:
    """A sentence for each time of ``window`` that could not be read. Pure."""
    both = zip(pieces, answers, strict=True)
    notes = []
    for error, alike in groupby(both, key=lambda each: str(each[1]) if isinstance(each[1], SluiceError) else ""):
        if error:
            found = list(alike)
            start, end = max(found[0][0].start_at, window.start_at), min(found[-1][0].end_at, window.end_at)
            why = found[0][1].why if isinstance(found[0][1], SluiceError) else ""
            notes.append(f"{_text(start)} to {_text(end)} UTC is missing: {why}")
    return notes


def joined(parts: Sequence[Sequence[Series]], window: Window) -> list[Series]:
    """The series of all pieces, those of one metric, resource and combination of dimensions put end to end.

    A series that a piece does not have is missing there, and is not 0. What lies outside ``window`` is left out.
    """
    found: dict[tuple[object, ...], list[Series]] = {}
    for part in parts:
        for one in part:
            key = (one.resource_id.lower(), one.metric, tuple(sorted(one.dimensions.items())))
            found.setdefault(key, []).append(_within(one, window))
    return [_end_to_end(each) for each in found.values()]


class Kept:
    """The answers to pieces of the past, the last used ones. Thread-safe; ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pieces: OrderedDict[Hashable, _Piece] = OrderedDict()
        self._points = 0

    def get(self, key: Hashable) -> list[Series] | None:
        """What was answered within the last hour, None when nothing is kept."""
        with self._lock:
            piece = self._pieces.get(key)
            if piece is None or self._clock() - piece.read_at >= KEPT_SECONDS:
                return None
            self._pieces.move_to_end(key)
            return list(piece.series)

    def put(self, key: Hashable, series: Sequence[Series]) -> None:
        """Keep an answer, and forget the least used ones that are too many with it."""
        # The points of all series of an answer have the same times.
        times: dict[tuple[datetime, ...], tuple[datetime, ...]] = {}
        shared = tuple(replace(each, times=times.setdefault(each.times, each.times)) for each in series)
        with self._lock:
            self._drop(key)
            self._pieces[key] = _Piece(shared, self._clock())
            self._points += self._pieces[key].points
            while self._points > MOST_KEPT_POINTS:
                self._drop(next(iter(self._pieces)))

    def _drop(self, key: Hashable) -> None:
        piece = self._pieces.pop(key, None)
        self._points -= piece.points if piece else 0


@dataclass(frozen=True)
class _Piece:
    series: tuple[Series, ...]
    read_at: float

    @property
    def points(self) -> int:
        return 1 + sum(len(each.times) for each in self.series)


def _within(one: Series, window: Window) -> Series:
    if not one.times or (window.start_at <= one.times[0] and one.times[-1] < window.end_at):
        return one
    places = [place for place, at in enumerate(one.times) if window.start_at <= at < window.end_at]
    return replace(
        one,
        times=tuple(one.times[place] for place in places),
        values=tuple(one.values[place] for place in places),
        totals=tuple(one.totals[place] for place in places) if one.totals else (),
    )


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


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
