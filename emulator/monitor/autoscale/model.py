"""An autoscale setting as values: profiles, rules, schedules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from emulator.monitor.autoscale.zones import zone

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE)


@dataclass(frozen=True)
class Trigger:
    """When a rule fires. Durations in seconds; `filter` is the Monitor's, `dimensions` are the names in it."""

    metric: str
    resource_id: str
    grain: str
    window_seconds: float
    statistic: str
    time_aggregation: str
    operator: str
    threshold: float
    divide_per_instance: bool
    filter: str
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """What a rule does. `kind` is ChangeCount, PercentChangeCount, ExactCount or ServiceAllowedNextValue."""

    direction: str
    kind: str
    value: int
    cooldown_seconds: float


@dataclass(frozen=True)
class Rule:
    """One rule of a profile."""

    trigger: Trigger
    action: Action


@dataclass(frozen=True)
class FixedDate:
    """From one moment to another, both epoch seconds."""

    start: float
    end: float


@dataclass(frozen=True)
class Recurrence:
    """Moments of the week at which a profile begins, in the local time of a zone. Monday is 0."""

    zone: ZoneInfo
    days: tuple[int, ...]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]


@dataclass(frozen=True)
class Profile:
    """Limits and rules, and when they are in force; always when there is no schedule."""

    name: str
    minimum: int
    maximum: int
    default: int
    rules: tuple[Rule, ...] = ()
    fixed: FixedDate | None = None
    recurrence: Recurrence | None = None


def parse_profiles(properties: Mapping[str, Any]) -> tuple[Profile, ...]:
    """The profiles of a setting that has been checked."""
    return tuple(_profile(each) for each in properties["profiles"])


def seconds(duration: object) -> float | None:
    """Seconds of an ISO 8601 duration without months and years; None for what is none."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if found is None or not any(found.groups()):
        return None
    weeks, days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + rest


def moment(text: object, where: ZoneInfo) -> float:
    """Epoch seconds of an ISO 8601 date and time; local to `where` when it names no offset. Raises ValueError."""
    found = datetime.fromisoformat(str(text))
    return (found if found.tzinfo else found.replace(tzinfo=where)).timestamp()


def _profile(document: Mapping[str, Any]) -> Profile:
    capacity, fixed, recurrence = document["capacity"], document.get("fixedDate"), document.get("recurrence")
    return Profile(
        document["name"],
        int(capacity["minimum"]),
        int(capacity["maximum"]),
        int(capacity["default"]),
        tuple(Rule(_trigger(each["metricTrigger"]), _action(each["scaleAction"])) for each in document["rules"]),
        _fixed(fixed) if fixed else None,
        _recurrence(recurrence["schedule"]) if recurrence else None,
    )


def _trigger(document: Mapping[str, Any]) -> Trigger:
    dimensions: Sequence[Mapping[str, Any]] = document["dimensions"]
    clauses = [_clause(each) for each in dimensions]
    return Trigger(
        metric=document["metricName"],
        resource_id=document["metricResourceUri"],
        grain=document["timeGrain"],
        window_seconds=seconds(document["timeWindow"]) or 0.0,
        statistic=document["statistic"],
        time_aggregation=document["timeAggregation"],
        operator=document["operator"],
        threshold=float(document["threshold"]),
        divide_per_instance=document["dividePerInstance"],
        filter=" and ".join(clauses),
        dimensions=tuple(each["DimensionName"] for each in dimensions),
    )


def _clause(dimension: Mapping[str, Any]) -> str:
    operator, joint = ("eq", " or ") if dimension["Operator"] == "Equals" else ("ne", " and ")
    values = [str(value).replace("'", "''") for value in dimension["Values"]]
    return joint.join(f"{dimension['DimensionName']} {operator} '{value}'" for value in values)


def _action(document: Mapping[str, Any]) -> Action:
    return Action(document["direction"], document["type"], int(document["value"]), seconds(document["cooldown"]) or 0.0)


def _fixed(document: Mapping[str, Any]) -> FixedDate:
    where = _zone(document["timeZone"])
    return FixedDate(moment(document["start"], where), moment(document["end"], where))


def _recurrence(schedule: Mapping[str, Any]) -> Recurrence:
    return Recurrence(
        _zone(schedule["timeZone"]),
        tuple(DAYS.index(day.lower()) for day in schedule["days"]),
        tuple(schedule["hours"]),
        tuple(schedule["minutes"]),
    )


def _zone(name: str) -> ZoneInfo:
    found = zone(name)
    assert found is not None, name
    return found
