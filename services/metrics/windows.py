"""Spans of time to read metrics for, and from when on their numbers stay as they are."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from services.azure.monitor import GRAIN_SECONDS
from services.errors import RuleBroken
from services.model import Window

SETTLE_SECONDS = 120
"""Azure stores a platform metric within about a minute; the newest two minutes may still change. What is so can be
measured: services.metrics.lag."""
SUMMARY_MINUTES = 15
MOST_MINUTES = 30 * 24 * 60
"""30 days, the longest span of one chart on Azure."""
KEPT_DAYS = 93
"""How long Azure Monitor keeps platform metrics."""

_MOST_POINTS = 720
"""Points per line at most: more than a chart is wide in pixels per line is slower and shows nothing more."""
MOST_WISHED = 7 * 24 * 60
"""Points per line at most when somebody wishes for small ones: seven days of minutes."""


def settled_until(now: datetime, lag_seconds: int = SETTLE_SECONDS) -> datetime:
    """The moment before which metrics no longer change, a whole minute. ``now`` is Azure's time."""
    return _minute(now - timedelta(seconds=lag_seconds))


def grain_for(minutes: int, wish_seconds: int = 0) -> int:
    """How long one point of ``minutes`` is, in seconds: the finest grain that keeps a line below 720 points.

    A wish is granted as far as a line has 2 to 10,080 points; beyond that the nearest grain that can be shown is taken.
    """
    seconds = minutes * 60
    if not wish_seconds:
        return next(grain for grain in GRAIN_SECONDS if seconds <= grain * _MOST_POINTS)
    finest = next(grain for grain in GRAIN_SECONDS if seconds <= grain * MOST_WISHED)
    coarsest = max(grain for grain in GRAIN_SECONDS if grain == GRAIN_SECONDS[0] or 2 * grain <= seconds)
    wished = max(grain for grain in GRAIN_SECONDS if grain <= max(wish_seconds, GRAIN_SECONDS[0]))
    return min(max(wished, finest), coarsest)


def window_for(minutes_back: int, now: datetime, wish_seconds: int = 0) -> Window:
    """The last ``minutes_back`` whole minutes, in points as long as :func:`grain_for` says.

    ``minutes_back`` lies between 1 and 30 days. The start is a multiple of the grain, so that points stay where they
    are while time goes on. Raises RuleBroken outside these bounds.
    """
    if not 1 <= minutes_back <= MOST_MINUTES:
        raise RuleBroken(
            "The time range cannot be shown.", f"{minutes_back} minutes were asked for.", "Choose 1 minute to 30 days."
        )
    grain = grain_for(minutes_back, wish_seconds)
    end = _minute(now)
    start = end - timedelta(minutes=minutes_back)
    start -= timedelta(seconds=start.timestamp() % grain)
    return Window(start, end, grain)


def window_between(start_at: datetime, end_at: datetime, now: datetime, wish_seconds: int = 0) -> Window:
    """The minutes from ``start_at`` to ``end_at``, cut at ``now``, with the grain of :func:`window_for`.

    Raises RuleBroken when they are in the wrong order, longer than 30 days, in the future, or older than Azure keeps.
    """
    start, end = _minute(start_at), min(_minute(end_at), _minute(now))
    if start >= end:
        why = "It begins in the future." if start_at >= now else "It ends before it begins."
        raise RuleBroken("The time range cannot be shown.", why, "Choose a start before the end.")
    if now - start > timedelta(days=KEPT_DAYS):
        why = f"Azure Monitor keeps metrics for {KEPT_DAYS} days."
        raise RuleBroken("The time range cannot be shown.", why, "Choose a later start.")
    return window_for(int((end - start) / timedelta(minutes=1)), end, wish_seconds)


def period_before(window: Window) -> Window:
    """The span of the same length that ends where ``window`` begins, rounded up to whole points."""
    return Window(window.start_at - length(window), window.start_at, window.grain_seconds)


def length(window: Window) -> timedelta:
    """How long ``window`` is, in whole points: moved by it, the points of the period before lie on those of now."""
    points = math.ceil((window.end_at - window.start_at).total_seconds() / window.grain_seconds)
    return timedelta(seconds=points * window.grain_seconds)


def summary_window(now: datetime) -> Window:
    """The last 15 settled minutes."""
    end = settled_until(now)
    return Window(end - timedelta(minutes=SUMMARY_MINUTES), end, 60)


def whole_point(at: datetime, grain_seconds: int) -> datetime:
    """The start of the point that holds ``at``: a coarse point is settled when its last minute is."""
    return at - timedelta(seconds=at.timestamp() % grain_seconds)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
