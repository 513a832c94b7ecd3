"""Changes to the ARM document of a setting. Each gives a new document in which all else is as it was. Pure.

The usual profile and those that bring it back after a weekly time are one thing to a person, as in the portal: while
their limits and rules are the same, a change of one changes all of them.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.autoscale import masking
from services.autoscale.settings import Profile, Setting
from services.autoscale.words import limits, pair_of, sentence, title, when

Document = Mapping[str, Any]


def with_enabled(document: Document, enabled: bool) -> dict[str, Any]:
    """Switched on or off."""
    changed = _copied(document)
    changed["properties"]["enabled"] = enabled
    return changed


def with_limits(document: Document, profile: int, least: int, most: int, default: int) -> dict[str, Any]:
    """With other limits of the profile at this index. Counts are strings in Azure's documents."""
    changed = _copied(document)
    for each in _alike(changed, profile):
        capacity = each.setdefault("capacity", {})
        capacity |= {"minimum": str(least), "maximum": str(most), "default": str(default)}
    return changed


def with_rules(document: Document, profile: int, rules: Sequence[Document]) -> dict[str, Any]:
    """With these rules after those of the profile; one that is there already is not added again."""
    changed = _copied(document)
    for each in _alike(changed, profile):
        kept = each.setdefault("rules", [])
        kept += [copy.deepcopy(dict(new)) for new in rules if new not in kept]
    return changed


def with_rule(document: Document, profile: int, rule: int, new: Document) -> dict[str, Any]:
    """With ``new`` in place of the rule at this index."""
    changed = _copied(document)
    for each in _alike(changed, profile):
        each["rules"][rule] = copy.deepcopy(dict(new))
    return changed


def without_rule(document: Document, profile: int, rule: int) -> dict[str, Any]:
    """Without the rule at this index."""
    changed = _copied(document)
    for each in _alike(changed, profile):
        del each["rules"][rule]
    return changed


def with_direction(document: Document, profile: int, rule: int, direction: str) -> dict[str, Any]:
    """With another direction of a rule."""
    changed = _copied(document)
    for each in _alike(changed, profile):
        each["rules"][rule]["scaleAction"]["direction"] = direction
    return changed


def without_profile(document: Document, profile: int) -> dict[str, Any]:
    """Without the profile at this index, and without the one that brings the usual back after it."""
    changed = _copied(document)
    profiles = changed["properties"]["profiles"]
    gone = profiles[profile]
    changed["properties"]["profiles"] = [
        each for each in profiles if each is not gone and _pair(each)[1] != str(gone.get("name") or "").lower()
    ]
    return changed


@dataclass(frozen=True)
class Weekly:
    """A time of the week as a person says it. ``zone`` is a name of Windows; the end is on the same days."""

    days: tuple[str, ...]
    start: tuple[int, int]
    end: tuple[int, int]
    zone: str


def with_weekly(
    document: Document, name: str, weekly: Weekly, counts: tuple[int, int, int], *, rules: bool = True
) -> dict[str, Any]:
    """With a recurring profile and its pair: the one that begins when it ends and holds the usual limits and rules.

    ``counts`` are minimum, maximum and default. ``rules``: take the usual rules over, which have no room, and are
    refused, where minimum and maximum are the same. An end that is not after the
    start is on the next day; where the time begins again at that moment, it goes on. The profile without a schedule
    stays: the portal shows it as the default.
    """
    changed = _copied(document)
    profiles = changed["properties"]["profiles"]
    usual = _usual(profiles)
    least, most, default = (str(each) for each in counts)
    days = weekly.days if weekly.end > weekly.start else tuple(_next(day) for day in weekly.days)
    if weekly.end == weekly.start:
        days = tuple(day for day in days if day not in weekly.days)
    special = {
        "name": name,
        "capacity": {"minimum": least, "maximum": most, "default": default},
        "rules": copy.deepcopy(usual.get("rules") or []) if rules and least != most else [],
        "recurrence": _recurrence(weekly.days, weekly.start, weekly.zone),
    }
    after = {
        # As the portal and the CLI name it, so that they take the two for one.
        "name": json.dumps({"name": usual.get("name") or "default", "for": name}),
        "capacity": copy.deepcopy(usual.get("capacity") or {}),
        "rules": copy.deepcopy(usual.get("rules") or []),
        "recurrence": _recurrence(days, weekly.end, weekly.zone),
    }
    profiles += [special, after]
    return changed


def with_dates(
    document: Document, name: str, dates: tuple[str, str, str], counts: tuple[int, int, int]
) -> dict[str, Any]:
    """With a profile for fixed dates: ``dates`` are start and end as ISO 8601 local times, and a zone of Windows."""
    changed = _copied(document)
    start, end, zone = dates
    least, most, default = (str(each) for each in counts)
    profiles = changed["properties"]["profiles"]
    rules = copy.deepcopy(_usual(profiles).get("rules") or []) if profiles and least != most else []
    capacity = {"minimum": least, "maximum": most, "default": default}
    fixed = {"timeZone": zone, "start": start, "end": end}
    profiles.append({"name": name, "capacity": capacity, "rules": rules, "fixedDate": fixed})
    return changed


def _usual(profiles: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The profile without a schedule, else the first one."""
    return next((each for each in profiles if not each.get("recurrence") and not each.get("fixedDate")), profiles[0])


@dataclass(frozen=True)
class Change:
    """One difference between two settings, in words; "" is nothing."""

    where: str
    before: str
    after: str


def changes(before: Document | None, after: Document) -> tuple[Change, ...]:
    """What writing ``after`` changes, line by line. What Azure alone sets does not count."""
    old, new = Setting.of(before or {}), Setting.of(after)
    found = []
    new_fields = ("location", "targetResourceUri") if before is None else ()
    if before is None or old.enabled != new.enabled:
        found.append(Change("State", "" if before is None else _state(old), _state(new)))
    for which in dict.fromkeys([*_named(old), *_named(new)]):
        found += _profile_changes(which, old, new)
    held, wanted = before or {}, after
    for key in sorted({*held, *wanted} - {"properties", "id", "name", "type", "systemData", "etag", *new_fields}):
        if (held.get(key) or None) != (wanted.get(key) or None):
            found.append(_told(key, held.get(key), wanted.get(key)))
    one, other = held.get("properties") or {}, wanted.get("properties") or {}
    for key in sorted({*one, *other} - {"profiles", "enabled", "name", *new_fields}):
        if (one.get(key) or None) != (other.get(key) or None):
            found.append(_told(key, one.get(key), other.get(key)))
    return tuple(found)


def _named(setting: Setting) -> dict[tuple[str, int], Profile]:
    """The profiles by name and number among those of the name: two may have the same one, though Azure refuses it."""
    found: dict[tuple[str, int], Profile] = {}
    for each in setting.profiles:
        found[each.name, sum(name == each.name for name, _ in found) + 1] = each
    return found


def _profile_changes(which: tuple[str, int], old: Setting, new: Setting) -> list[Change]:
    one, other = _named(old).get(which), _named(new).get(which)
    name, number = which
    where = f"Profile {title(name)}" + (f" ({number} of this name)" if number > 1 else "")
    if one is None or other is None:
        return [*_whole_profile(where, one, old, False), *_whole_profile(where, other, new, True)]
    found = []
    times = when(one, old.profiles), when(other, new.profiles)
    for label, pair in (("limits", (limits(one), limits(other))), ("in force", times)):
        if pair[0] != pair[1]:
            found.append(Change(f"{where}, {label}", *pair))
    first, second = ([sentence(rule) for rule in each.rules] for each in (one, other))
    found += [Change(f"{where}, rule", each, "") for each in _without(first, second)]
    found += [Change(f"{where}, rule", "", each) for each in _without(second, first)]
    return found


def _without(sentences: Sequence[str], others: Sequence[str]) -> list[str]:
    """What is left of ``sentences`` when each of the ``others`` takes one away: the same rule may be there twice."""
    taken, left = Counter(others), []
    for each in sentences:
        if taken[each]:
            taken[each] -= 1
        else:
            left.append(each)
    return left


def _whole_profile(where: str, profile: Profile | None, setting: Setting, is_new: bool) -> list[Change]:
    """The lines of a profile that comes or goes."""
    if profile is None:
        return []
    rules = [f"rule: {sentence(rule)}" for rule in profile.rules]
    told = [f"{limits(profile)}; {when(profile, setting.profiles)}", *rules]
    return [Change(where, "" if is_new else each, each if is_new else "") for each in told]


def _state(setting: Setting) -> str:
    return "on" if setting.enabled else "off"


def _told(field: str, before: object, after: object) -> Change:
    """The change of a field that the page has no words for. Of what may be a secret it says only that it changes."""
    one, other = _shown(field, before), _shown(field, after)
    return Change(field, one, f"{other}, with other hidden values" if one == other else other)


def _shown(field: str, value: object) -> str:
    return "" if value in (None, "", [], {}) else json.dumps(masking.shown(field, value), ensure_ascii=False)


def _recurrence(days: Sequence[str], at: tuple[int, int], zone: str) -> dict[str, Any]:
    schedule = {"timeZone": zone, "days": list(days), "hours": [at[0]], "minutes": [at[1]]}
    return {"frequency": "Week", "schedule": schedule}


def _pair(profile: Document) -> tuple[str, str]:
    """The name of the usual profile, and of the weekly one after which this one brings it back, "" for none."""
    told = pair_of(str(profile.get("name") or ""))
    return (told[0].lower(), told[1].lower()) if told else (str(profile.get("name") or "").lower(), "")


def _alike(document: Document, index: int) -> list[dict[str, Any]]:
    """The profile at this index and those that are the same one for other times."""
    profiles: list[dict[str, Any]] = document["properties"]["profiles"]
    chosen = profiles[index]
    return [
        each
        for each in profiles
        if each is chosen
        or (
            _pair(each)[0] == _pair(chosen)[0]
            and each.get("capacity") == chosen.get("capacity")
            and each.get("rules") == chosen.get("rules")
        )
    ]


_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _next(day: str) -> str:
    return _WEEK[(_WEEK.index(day) + 1) % 7]


def _copied(document: Document) -> dict[str, Any]:
    return copy.deepcopy(dict(document))
