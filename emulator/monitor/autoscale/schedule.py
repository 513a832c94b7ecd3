"""Which profile of a setting is in force.

Azure's order ("Autoscale profiles", azure-monitor docs): a fixed date that holds now, then recurring profiles, then the
one without a schedule. A recurring profile begins at its times and ends when another recurring one begins; a profile
without a schedule is therefore in force only in settings that have no recurring ones. The portal and the CLI write a
recurring "default … end" profile beside each one that they make.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from emulator.monitor.autoscale.model import Profile, Recurrence


def current_profile(profiles: Sequence[Profile], now: float) -> Profile | None:
    """The profile in force at `now` (epoch seconds), None when there is none. Of equals the first one counts."""
    for profile in profiles:
        if profile.fixed is not None and profile.fixed.start <= now < profile.fixed.end:
            return profile
    recurring = [(latest_start(each.recurrence, now), each) for each in profiles if each.recurrence is not None]
    if recurring:
        return max(recurring, key=lambda found: found[0])[1]
    return next((each for each in profiles if each.fixed is None), None)


def latest_start(recurrence: Recurrence, now: float) -> float:
    """The last moment of the schedule that is not after `now`, epoch seconds.

    A local time that a clock change leaves out counts as the moment that comes that long after the change.
    """
    today = datetime.fromtimestamp(now, recurrence.zone).date()
    starts = [
        datetime(day.year, day.month, day.day, hour, minute, tzinfo=recurrence.zone).astimezone(UTC).timestamp()
        for day in (today - timedelta(days=back) for back in range(9))
        if day.weekday() in recurrence.days
        for hour in recurrence.hours
        for minute in recurrence.minutes
    ]
    return max(start for start in starts if start <= now)
