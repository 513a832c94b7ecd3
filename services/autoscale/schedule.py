"""Which profile of a setting is in force, and when the next one begins.

Azure's order ("Autoscale with multiple profiles", Azure Monitor): a fixed date that holds now, then recurring profiles,
then the one without a schedule. A recurring profile begins at its times and ends when another recurring one begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from services.autoscale.settings import FixedDate, Profile, Recurrence
from services.autoscale.zones import zone

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK_MINUTES = 7 * 24 * 60


def in_force(profiles: Sequence[Profile], now: datetime) -> Profile | None:
    """The profile that counts at ``now``, None when there is none or its times cannot be read."""
    for profile in profiles:
        ends = bounds(profile.fixed) if profile.fixed else None
        if ends is not None and ends[0] <= now < ends[1]:
            return profile
    begun = [(last, each) for each in profiles if each.recurrence and (last := last_start(each.recurrence, now))]
    if begun:
        return max(begun, key=lambda found: found[0])[1]
    if any(each.recurrence for each in profiles):
        return None
    return next((each for each in profiles if each.is_always), None)


def bounds(fixed: FixedDate) -> tuple[datetime, datetime] | None:
    """Beginning and end of a fixed date, UTC; None when they cannot be read."""
    where = zone(fixed.zone)
    try:
        ends = [datetime.fromisoformat(text) for text in (fixed.start, fixed.end)]
    except ValueError:
        return None
    if where is None:
        return None
    start, end = (each if each.tzinfo else each.replace(tzinfo=where) for each in ends)
    return start.astimezone(UTC), end.astimezone(UTC)


def last_start(weekly: Recurrence, now: datetime) -> datetime | None:
    """The last moment of a recurrence that is not after ``now``, UTC."""
    return max((each for each in _starts(weekly, now, range(-8, 2)) if each <= now), default=None)


def next_start(weekly: Recurrence, now: datetime) -> datetime | None:
    """The first moment of a recurrence after ``now``, UTC."""
    return min((each for each in _starts(weekly, now, range(-1, 9)) if each > now), default=None)


def minutes_of_week(weekly: Recurrence) -> frozenset[int]:
    """When a recurrence begins, in minutes since Monday 00:00 of its own zone."""
    days = [DAYS.index(day.lower()) for day in weekly.days if day.lower() in DAYS]
    return frozenset(
        (day * 24 + hour) * 60 + minute for day in days for hour in weekly.hours for minute in weekly.minutes
    )


def _starts(weekly: Recurrence, now: datetime, days: range) -> Iterator[datetime]:
    where = zone(weekly.zone)
    if where is None:
        return
    today = now.astimezone(where).date()
    for day in (today + timedelta(days=each) for each in days):
        if DAYS[day.weekday()] not in [each.lower() for each in weekly.days]:
            continue
        for hour in weekly.hours:
            for minute in weekly.minutes:
                if 0 <= hour <= 23 and 0 <= minute <= 59:
                    yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=where).astimezone(UTC)
