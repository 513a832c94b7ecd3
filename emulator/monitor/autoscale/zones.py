"""Windows' names of time zones, the only ones that autoscale settings take.

The table of the Unicode CLDR, as tzlocal carries it, and the two names that Azure still lists and CLDR does not
(Mid-Atlantic, Kamchatka), by what Windows itself takes them for.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

_OLDER = {"Mid-Atlantic Standard Time": "Etc/GMT+2", "Kamchatka Standard Time": "Asia/Kamchatka"}
WINDOWS_ZONES = {name.lower(): place for name, place in (win_tz | _OLDER).items()}
"""IANA zones by Windows' names in lower case."""


def zone(windows_name: str) -> ZoneInfo | None:
    """The zone of a Windows name, compared without case; None for a name that is none."""
    found = WINDOWS_ZONES.get(windows_name.strip().lower())
    return ZoneInfo(found) if found else None
