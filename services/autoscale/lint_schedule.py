"""What is wrong with the schedules of a setting's profiles. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations

from services.autoscale import words
from services.autoscale.remark import Remark, Situation
from services.autoscale.schedule import DAYS, bounds, minutes_of_week
from services.autoscale.settings import Profile, Recurrence, Setting
from services.autoscale.zones import zone
from services.deploying.model import Level

_ZONE_FIX = "Use a name of Windows, such as “W. Europe Standard Time” or “UTC”."


def check(setting: Setting, known: Situation) -> Iterator[Remark]:
    """Everything about when the profiles are in force."""
    for profile in setting.profiles:
        yield from _one(profile, known)
    yield from _together(setting.profiles)


def _one(profile: Profile, known: Situation) -> Iterator[Remark]:
    name = profile.name
    if profile.fixed is not None and profile.recurrence is not None:
        why = "It has both a fixedDate and a recurrence; Azure takes one of them."
        yield Remark(Level.ERROR, "two-schedules", "The profile has two schedules.", why, "Take one out.", name)
    if profile.recurrence is not None:
        yield from _weekly(name, profile.recurrence)
    if profile.fixed is None:
        return
    ends = bounds(profile.fixed)
    if zone(profile.fixed.zone) is None:
        yield _unknown_zone(name, profile.fixed.zone)
    elif ends is None:
        why = f"“{profile.fixed.start}” or “{profile.fixed.end}” is not a date and time."
        fix = "Write them like 2026-12-24T08:00:00."
        yield Remark(Level.ERROR, "unreadable-date", "The dates cannot be read.", why, fix, name)
    elif ends[0] >= ends[1]:
        why = f"It begins at {profile.fixed.start} and ends at {profile.fixed.end}."
        yield Remark(
            Level.ERROR, "ends-before-start", "The profile ends before it begins.", why, "Turn them round.", name
        )
    elif ends[1] <= known.now:
        why = f"It ended at {profile.fixed.end}, {profile.fixed.zone}."
        yield Remark(Level.NOTE, "over", "The profile is over.", why, "Delete it when nobody needs it any more.", name)


def _weekly(name: str, weekly: Recurrence) -> Iterator[Remark]:
    if weekly.frequency.lower() != "week":
        why = f"Its frequency is “{weekly.frequency or 'not given'}”, and Azure takes Week alone."
        fix = "Use Week, with all seven days for every day."
        yield Remark(Level.ERROR, "frequency", "The recurrence is not weekly.", why, fix, name)
    if zone(weekly.zone) is None:
        yield _unknown_zone(name, weekly.zone)
    wrong = [each for each in weekly.days if each.lower() not in DAYS]
    times = all(0 <= hour <= 23 for hour in weekly.hours) and all(0 <= minute <= 59 for minute in weekly.minutes)
    if wrong or not (weekly.days and weekly.hours and weekly.minutes) or not times:
        why = f"It says {words.recurrence(weekly)}." if not wrong else f"{', '.join(wrong)} is no day of the week."
        fix = "Give days, hours (0 to 23) and minutes (0 to 59)."
        yield Remark(Level.ERROR, "no-times", "The recurrence never begins.", why, fix, name)


def _together(profiles: tuple[Profile, ...]) -> Iterator[Remark]:
    weekly = [(each, each.recurrence) for each in profiles if each.recurrence is not None]
    always = [each for each in profiles if each.is_always]
    for one, other in combinations([each for each in profiles if each.fixed is not None], 2):
        yield from _overlap(one, other)
    for (one, first), (other, second) in combinations(weekly, 2):
        if first.zone.lower() == second.zone.lower() and minutes_of_week(first) & minutes_of_week(second):
            why = f"{words.title(one.name)} and {words.title(other.name)} begin together, so one of them never holds."
            fix = "Let one begin when the other should end."
            yield Remark(Level.ERROR, "same-start", "Two profiles begin at the same time.", why, fix, other.name)
    if len(weekly) == 1:
        name = weekly[0][0].name
        why = (
            "A recurring profile ends when another recurring one begins, and there is no other. The portal and the CLI "
            "write a second one for the time after it; a document written by hand needs it too."
        )
        fix = "Add a recurring profile that begins when this one should end, with the usual limits and rules."
        yield Remark(Level.ERROR, "unpaired-recurrence", "The recurring profile never ends.", why, fix, name)
    for each in always if len(weekly) > 1 else ():
        why = "Of a setting with recurring profiles, one of those is always in force."
        fix = "Put its limits and rules into the profile that begins when the special time is over."
        what = "The profile without a schedule is never in force."
        yield Remark(Level.NOTE, "never-in-force", what, why, fix, each.name)
    if len(always) > 1:
        names = ", ".join(words.title(each.name) for each in always[1:])
        why = f"Only the first profile without a schedule counts; {names} never does."
        fix = "Give it a schedule, or delete it."
        yield Remark(Level.ERROR, "two-defaults", "Two profiles hold at all times.", why, fix, always[1].name)
    if profiles and not always and not weekly:
        why = "Outside of the fixed dates no profile holds, so nothing is scaled and no limit counts."
        fix = "Add a profile without a schedule."
        yield Remark(Level.WARNING, "no-default", "There is no profile for all other times.", why, fix)


def _overlap(one: Profile, other: Profile) -> Iterator[Remark]:
    assert one.fixed is not None
    assert other.fixed is not None
    first, second = bounds(one.fixed), bounds(other.fixed)
    if first is None or second is None:
        return
    shared = min(first[1], second[1]) - max(first[0], second[0])
    if shared > timedelta(0):
        names = f"{words.title(one.name)} and {words.title(other.name)}"
        why = f"{names} both hold for {words.span(shared.total_seconds())}; the first one counts."
        yield Remark(Level.WARNING, "overlap", "Two fixed dates overlap.", why, "Let one end first.", other.name)


def _unknown_zone(name: str, given: str) -> Remark:
    why = f"“{given or 'no name'}” is not a time zone of Windows, and Azure takes those alone."
    return Remark(Level.ERROR, "unknown-zone", "The time zone is not known.", why, _ZONE_FIX, name)
