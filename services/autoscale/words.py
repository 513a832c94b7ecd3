"""Rules, limits and schedules of a setting in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from services.autoscale.metrics import Metric, find, namespace_of
from services.autoscale.settings import Action, Profile, Recurrence, Rule, Trigger

SIGNS = {
    "greaterthan": ">",
    "greaterthanorequal": "≥",
    "lessthan": "<",
    "lessthanorequal": "≤",
    "equals": "=",
    "notequals": "≠",
}
_HOUR, _DAY = 3600, 86400


def title(name: str) -> str:
    """A profile's name for people. The portal and the CLI name the one that follows a recurring profile in JSON."""
    pair = pair_of(name)
    return f"{pair[0]}, after {pair[1]}" if pair else name


def pair_of(name: str) -> tuple[str, str] | None:
    """The usual profile and the weekly one after which this one brings it back; None for any other name."""
    try:
        told = json.loads(name) if name.startswith("{") else None
    except ValueError:
        return None
    if isinstance(told, dict) and told.get("for"):
        return str(told.get("name") or "default"), str(told["for"])
    return None


def metric_of(trigger: Trigger) -> Metric | None:
    """What is known of a trigger's metric; None for one of another resource or a wrong name."""
    return find(trigger.metric, trigger.namespace or namespace_of(trigger.resource))


def condition(trigger: Trigger) -> str:
    """When a rule fires: ``Processor use > 70 %, average over 5 min``."""
    known = metric_of(trigger)
    name = known.title if known else trigger.metric or "no metric"
    unit = f" {known.unit}" if known and known.unit else ""
    threshold = "?" if trigger.threshold is None else f"{trigger.threshold:g}"
    only = "".join(
        f", {each.name} {'is not' if each.operator.lower() == 'notequals' else 'is'} {' or '.join(each.values)}"
        for each in trigger.dimensions
    )
    sign = SIGNS.get(trigger.operator.lower(), trigger.operator or "?")
    per = " for each instance" if trigger.per_instance else ""
    window = f"{trigger.aggregation.lower() or '?'} over {span(trigger.window_seconds)}"
    return f"{name}{per} {sign} {threshold}{unit}, {window}{only}"


def effect(action: Action) -> str:
    """What a rule does: ``add 2, then wait 5 min``."""
    value = "?" if action.value is None else str(action.value)
    verb = "add" if action.is_out else "remove" if action.is_in else "change"
    kind = action.kind.lower()
    if kind == "exactcount":
        done = f"go {'up' if action.is_out else 'down'} to {value}"
    elif kind == "percentchangecount":
        done = f"{verb} {value} % of them"
    else:
        done = f"{verb} {value}"
    return f"{done}, then wait {span(action.cooldown_seconds)}"


def sentence(rule: Rule) -> str:
    """A whole rule in one line."""
    return f"{condition(rule.trigger)}: {effect(rule.action)}"


def limits(profile: Profile) -> str:
    """The limits of a profile: ``2 to 5 instances, 2 without metrics``."""
    least, most, default = ("?" if each is None else str(each) for each in _counts(profile))
    if least == most:
        return f"always {least}"
    return f"{least} to {most} instances, {default} without metrics"


def rule_count(profile: Profile) -> str:
    """How many rules a profile has: ``no rules``, ``1 rule``, ``2 rules``."""
    number = len(profile.rules)
    return f"{number or 'no'} {'rule' if number == 1 else 'rules'}"


def when(profile: Profile, others: Iterable[Profile] = ()) -> str:
    """When a profile is in force. ``others`` are those of the setting: a weekly one takes the place of the usual."""
    if profile.fixed is not None:
        return f"from {profile.fixed.start} to {profile.fixed.end}, {profile.fixed.zone}"
    if profile.recurrence is not None:
        return f"from {recurrence(profile.recurrence)}"
    if any(each.recurrence for each in others):
        return "between the weekly times, by the profiles named after it"
    return "at all other times" if any(each.fixed for each in others) else "always"


def recurrence(weekly: Recurrence) -> str:
    """When a recurring profile begins: ``Saturday and Sunday at 06:00, Pacific Standard Time``."""
    days = _days(weekly.days)
    times = " and ".join(f"{hour:02}:{minute:02}" for hour in weekly.hours for minute in weekly.minutes)
    return f"{days or 'no day'} at {times or 'no time'}, {weekly.zone or 'no time zone'}"


def span(seconds: float | None) -> str:
    """A length of time: ``5 min``, ``1 h``, ``?`` when it is not one."""
    if seconds is None:
        return "?"
    for length, unit in ((_DAY, "d"), (_HOUR, "h"), (60, "min")):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:g} s"


def _days(days: tuple[str, ...]) -> str:
    if len(days) == 7:
        return "every day"
    if [each.lower() for each in days] == ["monday", "tuesday", "wednesday", "thursday", "friday"]:
        return "Monday to Friday"
    return " and ".join(filter(None, (", ".join(days[:-1]), days[-1]))) if days else ""


def _counts(profile: Profile) -> tuple[int | None, int | None, int | None]:
    return profile.minimum, profile.maximum, profile.default
