"""How new the numbers on the Metrics page are, and by which clock: the sentences above the charts. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from services.metrics import DeploymentMetrics
from services.metrics.lag import Lag, newest_end
from ui import charts, words

TOLD_SECONDS = 30
"""From this difference of the clocks on the page says so: it moves a point of a chart."""
_PRESENT = timedelta(minutes=5)
"""A range that ends longer ago than this is one of the past, whose age everybody has chosen."""


def newest_words(data: DeploymentMetrics, lag: Lag, now: datetime, zone: tzinfo) -> str:
    """How old the newest data is, how long minutes change, and from when on points are dotted.

    ``now`` is Azure's time. Nothing for a range of the past.
    """
    parts = []
    newest = newest_end(data)
    if newest is not None and now - data.window.end_at < _PRESENT:
        parts.append(f"Newest data is {_span((now - newest).total_seconds())} old.")
    if data.settled_until < data.window.end_at:
        until = data.settled_until.astimezone(zone)
        name = charts.zone_name(zone, data.window.end_at)
        parts.append(f"{_change_words(lag)}: points from {until:%H:%M} {name} on are dotted.")
    return " ".join(parts)


def clock_words(ahead_seconds: float) -> str:
    """That this machine's clock is not Azure's, "" when it nearly is. ``ahead_seconds``: how far Azure's is ahead."""
    if abs(ahead_seconds) < TOLD_SECONDS:
        return ""
    where = "behind" if ahead_seconds > 0 else "ahead of"
    return f"This machine's clock is {_span(abs(ahead_seconds))} {where} Azure's; times here are Azure's."


def _change_words(lag: Lag) -> str:
    if lag.measured_seconds is None:
        return f"Azure Monitor may still change its newest {_span(lag.seconds)} (documented, not measured yet)"
    if not lag.measured_seconds:
        return "Minutes did not change after they were first seen (measured)"
    return f"Minutes changed until {_span(lag.measured_seconds)} after their end (measured)"


def _span(seconds: float) -> str:
    return words.elapsed(seconds).replace(" 0 s", "").replace(" 0 min", "")
