"""An autoscale setting of Azure Monitor, read from its ARM document without losing or refusing anything.

What is missing or makes no sense is None here, so that :mod:`services.autoscale.lint` can say so. The document itself
is what is edited and written (:mod:`services.autoscale.editing`); these values are for reading only. Field names and
ranges: REST reference of autoscale settings, 2022-10-01.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
"""The metric namespace of an endpoint."""
DEPLOYMENTS = f"{ENDPOINTS}/deployments"
"""The metric namespace of a deployment."""
OUT, IN = "Increase", "Decrease"
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE)


@dataclass(frozen=True)
class Dimension:
    """A filter of a trigger: the metric's ``name`` equals one of ``values``, or equals none of them."""

    name: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Trigger:
    """When a rule fires: ``aggregation`` over ``window_seconds`` of a metric, compared with ``threshold``."""

    metric: str
    namespace: str
    resource: str
    grain_seconds: float | None
    window_seconds: float | None
    statistic: str
    aggregation: str
    operator: str
    threshold: float | None
    dimensions: tuple[Dimension, ...] = ()
    per_instance: bool = False

    @property
    def is_above(self) -> bool:
        """Whether it fires for large values."""
        return self.operator.lower().startswith("greater")

    @property
    def is_below(self) -> bool:
        """Whether it fires for small values."""
        return self.operator.lower().startswith("less")

    @property
    def measure(self) -> tuple[object, ...]:
        """What is measured, without how it is compared: equal for the two rules of a pair."""
        dimensions = tuple(sorted((each.name.lower(), each.operator.lower(), each.values) for each in self.dimensions))
        return self.metric.lower(), self.resource.lower().rstrip("/"), dimensions, self.per_instance


@dataclass(frozen=True)
class Action:
    """What a rule does. ``kind`` is ChangeCount, PercentChangeCount, ExactCount or ServiceAllowedNextValue."""

    direction: str
    kind: str
    value: int | None
    cooldown_seconds: float | None

    @property
    def is_out(self) -> bool:
        """Whether it adds instances."""
        return self.direction.lower() == OUT.lower()

    @property
    def is_in(self) -> bool:
        """Whether it takes instances away."""
        return self.direction.lower() == IN.lower()


@dataclass(frozen=True)
class Rule:
    """One rule of a profile."""

    trigger: Trigger
    action: Action


@dataclass(frozen=True)
class Recurrence:
    """When a profile begins, each week, by the local time of ``zone`` (a name of Windows)."""

    frequency: str
    zone: str
    days: tuple[str, ...]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]


@dataclass(frozen=True)
class FixedDate:
    """From when to when a profile holds, as written, by the local time of ``zone`` unless an offset is given."""

    zone: str
    start: str
    end: str


@dataclass(frozen=True)
class Profile:
    """Limits and rules, and when they are in force; without a schedule they are the ones for all other times."""

    name: str
    minimum: int | None
    maximum: int | None
    default: int | None
    rules: tuple[Rule, ...] = ()
    fixed: FixedDate | None = None
    recurrence: Recurrence | None = None

    @property
    def is_always(self) -> bool:
        """Whether it has no schedule."""
        return self.fixed is None and self.recurrence is None


@dataclass(frozen=True)
class Setting:
    """An autoscale setting. ``enabled`` is None when the document does not say, which Azure takes for off.

    ``raw`` is the whole ARM document as Azure holds it, or as it is to be written.
    """

    id: str
    name: str
    target: str
    enabled: bool | None
    profiles: tuple[Profile, ...]
    raw: Mapping[str, Any] = field(repr=False, hash=False)

    @staticmethod
    def of(document: Mapping[str, Any]) -> Setting:
        """The setting of an ARM document. Never fails: what cannot be read is None or empty."""
        properties = _mapping(document.get("properties"))
        enabled = properties.get("enabled")
        return Setting(
            id=str(document.get("id") or ""),
            name=str(document.get("name") or properties.get("name") or ""),
            target=str(properties.get("targetResourceUri") or ""),
            enabled=enabled if isinstance(enabled, bool) else None,
            profiles=tuple(_profile(_mapping(each)) for each in _list(properties.get("profiles"))),
            raw=document,
        )


def seconds(duration: object) -> float | None:
    """Seconds of an ISO 8601 duration without months and years, as autoscale writes them; None for what is none."""
    found = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if found is None or not any(found.groups()):
        return None
    weeks, days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + rest


def duration(minutes: int) -> str:
    """The ISO 8601 duration of whole minutes, in the largest unit that fits: ``PT5M``, ``PT1H``."""
    if minutes and minutes % 1440 == 0:
        return f"P{minutes // 1440}D"
    return f"PT{minutes // 60}H" if minutes and minutes % 60 == 0 else f"PT{minutes}M"


def whole(value: object) -> int | None:
    """A whole number, also one in a string, which is how autoscale writes counts."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else None


def _profile(document: Mapping[str, Any]) -> Profile:
    capacity = _mapping(document.get("capacity"))
    fixed, recurrence = _mapping(document.get("fixedDate")), _mapping(document.get("recurrence"))
    return Profile(
        name=str(document.get("name") or ""),
        minimum=whole(capacity.get("minimum")),
        maximum=whole(capacity.get("maximum")),
        default=whole(capacity.get("default")),
        rules=tuple(
            Rule(_trigger(_mapping(each.get("metricTrigger"))), _action(_mapping(each.get("scaleAction"))))
            for each in map(_mapping, _list(document.get("rules")))
        ),
        fixed=_fixed(fixed) if fixed else None,
        recurrence=_recurrence(recurrence) if recurrence else None,
    )


def _trigger(document: Mapping[str, Any]) -> Trigger:
    threshold = document.get("threshold")
    number = float(threshold) if isinstance(threshold, int | float) and not isinstance(threshold, bool) else None
    return Trigger(
        metric=str(document.get("metricName") or ""),
        namespace=str(document.get("metricNamespace") or ""),
        resource=str(document.get("metricResourceUri") or ""),
        grain_seconds=seconds(document.get("timeGrain")),
        window_seconds=seconds(document.get("timeWindow")),
        statistic=str(document.get("statistic") or ""),
        aggregation=str(document.get("timeAggregation") or ""),
        operator=str(document.get("operator") or ""),
        threshold=number if number is not None and math.isfinite(number) else None,
        dimensions=tuple(_dimension(_mapping(each)) for each in _list(document.get("dimensions"))),
        per_instance=document.get("dividePerInstance") is True,
    )


def _dimension(document: Mapping[str, Any]) -> Dimension:
    # Azure writes these three with a capital, and reads them in any case.
    told = {str(key).lower(): value for key, value in document.items()}
    values = tuple(str(value) for value in _list(told.get("values")))
    return Dimension(str(told.get("dimensionname") or ""), str(told.get("operator") or ""), values)


def _action(document: Mapping[str, Any]) -> Action:
    return Action(
        direction=str(document.get("direction") or ""),
        kind=str(document.get("type") or ""),
        value=whole(document.get("value", "1")),
        cooldown_seconds=seconds(document.get("cooldown")),
    )


def _recurrence(document: Mapping[str, Any]) -> Recurrence:
    schedule = _mapping(document.get("schedule"))
    return Recurrence(
        frequency=str(document.get("frequency") or ""),
        zone=str(schedule.get("timeZone") or ""),
        days=tuple(str(day) for day in _list(schedule.get("days"))),
        hours=tuple(hour for hour in map(whole, _list(schedule.get("hours"))) if hour is not None),
        minutes=tuple(minute for minute in map(whole, _list(schedule.get("minutes"))) if minute is not None),
    )


def _fixed(document: Mapping[str, Any]) -> FixedDate:
    return FixedDate(
        str(document.get("timeZone") or "UTC"), str(document.get("start") or ""), str(document.get("end") or "")
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
