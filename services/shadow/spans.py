"""Which minutes of a run count. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.shadow.model import Run

_MINUTE = timedelta(minutes=1)


def floor(at: datetime) -> datetime:
    """When the minute of ``at`` begins."""
    return at.replace(second=0, microsecond=0)


def first_minute(set_at: datetime) -> datetime:
    """The first whole minute with the mirror in effect."""
    return floor(set_at) if floor(set_at) == set_at else floor(set_at) + _MINUTE


def end_of_last(run: Run) -> datetime:
    """The end of the last whole minute that counts."""
    return floor(min(run.ends_at, run.ended_at or run.ends_at))
