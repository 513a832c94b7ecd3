"""Windows' names of time zones, the only ones that autoscale settings take.

The table of the Unicode CLDR, as tzlocal carries it, and the two names that Azure still lists and CLDR does not
(Mid-Atlantic, Kamchatka), by what Windows itself takes them for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

_ALL = win_tz | {"Mid-Atlantic Standard Time": "Etc/GMT+2", "Kamchatka Standard Time": "Asia/Kamchatka"}
_PLACES = {name.lower(): place for name, place in _ALL.items()}


def zone(name: str) -> ZoneInfo | None:
    """The zone of a Windows name, compared without case; None for a name that is none."""
    place = _PLACES.get(name.strip().lower())
    return ZoneInfo(place) if place else None


def _standard(name: str) -> tuple[timedelta, str]:
    offsets = (datetime(2026, month, 1, tzinfo=ZoneInfo(_ALL[name])).utcoffset() for month in (1, 7))
    return min(each or timedelta(0) for each in offsets), name


NAMES = tuple(sorted(_ALL, key=_standard))
"""All names, from west to east by their standard time."""
