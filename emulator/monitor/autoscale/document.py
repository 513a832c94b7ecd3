"""From the body of a PUT to the properties of a setting as they are kept.

Sources: the REST reference of autoscale settings (2022-10-01) for fields and ranges, azure-monitor-limits, and public
reports of what the service answered for the code InvalidActionValue. What the reference does not know is dropped;
notifications and the predictive policy are kept and not acted upon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emulator.documents import Document
from emulator.monitor.autoscale.fields import Fields, refused, unsupported
from emulator.monitor.autoscale.model import DAYS, moment, seconds
from emulator.monitor.autoscale.zones import zone
from emulator.monitor.catalogue import CATALOGUE, GRAINS, Metric

MAX_PROFILES = 20
MAX_RULES = 10
MAX_INSTANCES = 50
MAX_TAGS = 15
_KEPT_AS_SENT = ("notifications", "predictiveAutoscalePolicy", "targetResourceLocation")
_STATISTICS = ("Average", "Min", "Max", "Sum", "Count")
_TIME_AGGREGATIONS = ("Average", "Minimum", "Maximum", "Total", "Count", "Last")
_OPERATORS = ("Equals", "NotEquals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual")
_TYPES = ("ChangeCount", "PercentChangeCount", "ExactCount", "ServiceAllowedNextValue")

Locate = Callable[[str], str | None]
"""From an ARM id to the type of resource that it names, as metrics know it; None when there is no such resource."""


def read_properties(body: Mapping[str, Any], name: str, *, enabled: bool, locate: Locate) -> Document:
    """The properties of the setting `name`; `enabled` is what counts when the body does not say.

    Raises ServiceError 400 for what breaks a rule. Whether the target is one that can be scaled is not looked at.
    """
    fields = Fields(body.get("properties"), "properties")
    profiles = [_profile(Fields(each, "properties.profiles"), locate) for each in fields.items("profiles")]
    if not 1 <= len(profiles) <= MAX_PROFILES:
        raise refused(f"An autoscale setting has from 1 to {MAX_PROFILES} profiles, not {len(profiles)}.")
    if len({each["name"].lower() for each in profiles}) < len(profiles):
        raise refused("The names of the profiles of an autoscale setting must be unique.")
    return {
        "profiles": profiles,
        "enabled": fields.flag("enabled", enabled),
        "name": fields.text("name", name),
        "targetResourceUri": fields.text("targetResourceUri"),
        "notifications": [],
        **{each: fields.get(each) for each in _KEPT_AS_SENT if fields.get(each) is not None},
    }


def read_tags(body: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a setting. Raises ServiceError 400."""
    tags = body.get("tags") or {}
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise unsupported("'tags' must be an object of strings.")
    if len(tags) > MAX_TAGS:
        raise refused(f"An autoscale setting has at most {MAX_TAGS} tags, not {len(tags)}.")
    if any(len(name) > 128 or len(value) > 256 for name, value in tags.items()):
        raise refused("The name of a tag has at most 128 characters and its value at most 256.")
    return tags


def _profile(fields: Fields, locate: Locate) -> Document:
    name, capacity = fields.text("name"), fields.within("capacity")
    least, most, default = (capacity.whole(each) for each in ("minimum", "maximum", "default"))
    if not 1 <= least <= default <= most <= MAX_INSTANCES:
        raise refused(
            f"The capacity of profile '{name}' must hold 1 <= minimum <= default <= maximum <= {MAX_INSTANCES}; it has"
            f" minimum {least}, default {default}, maximum {most}.",
            "InvalidCapacity",
        )
    rules = [_rule(Fields(each, fields.path("rules")), least, most, locate) for each in fields.items("rules")]
    if len(rules) > MAX_RULES:
        raise refused(f"The profile '{name}' has {len(rules)} rules; at most {MAX_RULES} are allowed.")
    if fields.get("fixedDate") and fields.get("recurrence"):
        raise refused(f"The profile '{name}' has both a fixedDate and a recurrence; only one of them is allowed.")
    capacities = {"minimum": str(least), "maximum": str(most), "default": str(default)}
    found: Document = {"name": name, "capacity": capacities, "rules": rules}
    if fields.get("fixedDate"):
        found["fixedDate"] = _fixed_date(fields.within("fixedDate"))
    if fields.get("recurrence"):
        found["recurrence"] = _recurrence(fields.within("recurrence"))
    return found


def _rule(fields: Fields, least: int, most: int, locate: Locate) -> Document:
    trigger, action = fields.within("metricTrigger"), fields.within("scaleAction")
    return {"metricTrigger": _trigger(trigger, locate), "scaleAction": _action(action, least, most)}


def _action(fields: Fields, least: int, most: int) -> Document:
    kind, value = fields.choice("type", _TYPES), fields.whole("value", "1")
    if kind == "ChangeCount" and not 1 <= value <= most - least:
        raise refused(
            f"The autoscale setting you provided has an invalid scale action value ('{value}'). Specify a scale value"
            f" less than or equal to the difference between the capacity maximum {most} and the capacity minimum"
            f" {least}.",
            "InvalidActionValue",
        )
    if kind in ("PercentChangeCount", "ExactCount") and value < 1:
        raise refused(f"The scale action value '{value}' must be at least 1.", "InvalidActionValue")
    return {
        "direction": fields.choice("direction", ("None", "Increase", "Decrease")),
        "type": kind,
        "value": str(value),
        "cooldown": fields.duration("cooldown", "PT1M", "P7D"),
    }


def _trigger(fields: Fields, locate: Locate) -> Document:
    resource = fields.text("metricResourceUri")
    kind = locate(resource)
    if kind is None:
        raise refused(f"The metric resource '{resource}' was not found.", "MetricResourceNotFound")
    namespace = fields.get("metricNamespace")
    if namespace and str(namespace).lower() != kind.lower():
        raise refused(f"The metric namespace of {resource} is '{kind}', not '{namespace}'.")
    metric = _metric(fields.text("metricName"), kind)
    window, grain = fields.duration("timeWindow", "PT5M", "PT12H"), fields.duration("timeGrain", "PT1M", "PT12H")
    if seconds(grain) not in GRAINS.values():
        raise refused(f"The time grain '{grain}' is not offered by the metric; offered are {', '.join(GRAINS)}.")
    if (seconds(grain) or 0.0) > (seconds(window) or 0.0):
        raise refused(f"The time window {window} must not be shorter than the time grain {grain}.")
    return {
        "metricName": metric.name,
        "metricNamespace": str(namespace or ""),
        "metricResourceUri": resource,
        **({"metricResourceLocation": place} if (place := fields.get("metricResourceLocation")) else {}),
        "timeGrain": grain,
        "statistic": fields.choice("statistic", _STATISTICS),
        "timeWindow": window,
        "timeAggregation": fields.choice("timeAggregation", _TIME_AGGREGATIONS),
        "operator": fields.choice("operator", _OPERATORS),
        "threshold": fields.number("threshold"),
        "dimensions": [
            _dimension(Fields(each, fields.path("dimensions")), metric)
            for each in fields.items("dimensions", required=False)
        ],
        "dividePerInstance": fields.flag("dividePerInstance", default=False),
    }


def _metric(name: str, kind: str) -> Metric:
    for metric in CATALOGUE[kind]:
        if metric.name.lower() == name.lower():
            return metric
    valid = ",".join(metric.name for metric in CATALOGUE[kind])
    raise refused(f"The metric '{name}' is not supported for resource type '{kind}'. Valid metrics: {valid}")


def _dimension(fields: Fields, metric: Metric) -> Document:
    name = fields.choice("DimensionName", metric.dimensions) if metric.dimensions else ""
    if not name:
        raise refused(f"The metric '{metric.name}' has no dimensions.")
    values = fields.items("Values")
    if not values or not all(isinstance(each, str) for each in values):
        raise unsupported(f"'{fields.path('Values')}' must be a list of strings.")
    return {
        "DimensionName": name,
        "Operator": fields.choice("Operator", ("Equals", "NotEquals")),
        "Values": list(values),
    }


def _time_zone(fields: Fields) -> str:
    name = fields.text("timeZone", "UTC")
    if zone(name) is None:
        raise refused(
            f"The time zone '{name}' is not a time zone of Windows, such as 'Pacific Standard Time' or 'UTC'."
        )
    return name


def _fixed_date(fields: Fields) -> Document:
    name = _time_zone(fields)
    where = zone(name)
    assert where is not None
    start, end = fields.text("start"), fields.text("end")
    try:
        if moment(start, where) >= moment(end, where):
            raise refused("The start of a fixedDate must be before its end.")
    except (ValueError, OverflowError) as error:
        raise unsupported(f"A fixedDate's start and end must be ISO 8601 dates: {error}.") from error
    return {"timeZone": name, "start": start, "end": end}


def _recurrence(fields: Fields) -> Document:
    fields.choice("frequency", ("Week",))
    schedule = fields.within("schedule")
    days = [str(day) for day in schedule.items("days")]
    if not days or not all(day.lower() in DAYS for day in days):
        raise refused(f"'{schedule.path('days')}' must name days of the week, Sunday to Saturday.")
    return {
        "frequency": "Week",
        "schedule": {
            "timeZone": _time_zone(schedule),
            "days": [day.capitalize() for day in days],
            "hours": schedule.wholes("hours", 0, 23),
            "minutes": schedule.wholes("minutes", 0, 59),
        },
    }
