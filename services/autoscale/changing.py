"""A rule as a form shows it, and the rule's document with what a person has changed in the form. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.autoscale.metrics import Metric
from services.autoscale.rules import Wish, rule
from services.autoscale.settings import IN, OUT, Rule, duration
from services.autoscale.words import metric_of

AGGREGATIONS = ("Average", "Maximum", "Minimum", "Last")
KINDS = ("ChangeCount", "PercentChangeCount", "ExactCount")
_METRIC = ("metricName", "metricNamespace", "metricResourceUri", "dimensions")


@dataclass(frozen=True)
class Form:
    """A rule as a person says it; times are whole minutes, ``threshold`` is in the metric's unit.

    ``metric`` is None for one that Sluice does not know. ``goes`` is OUT when it scales out above its threshold, IN
    when it scales in below it, "" for anything else.
    """

    metric: Metric | None
    goes: str = OUT
    threshold: float = 70.0
    value: int = 1
    cooldown_minutes: int = 15
    window_minutes: int = 5
    aggregation: str = AGGREGATIONS[0]
    kind: str = KINDS[0]
    per_instance: bool = False

    @property
    def wish(self) -> Wish:
        """The same as a wish. Needs a metric and a way to go."""
        assert self.metric is not None
        return Wish(
            self.metric,
            self.goes == OUT,
            self.threshold,
            self.value,
            self.cooldown_minutes,
            self.window_minutes,
            self.aggregation,
            self.kind,
            self.per_instance and self.metric.is_total,
        )


def form_of(shown: Rule) -> Form:
    """The form filled in with a rule. What is missing there is what a new rule has."""
    trigger, action = shown.trigger, shown.action
    goes = OUT if action.is_out and trigger.is_above else IN if action.is_in and trigger.is_below else ""
    return Form(
        metric=metric_of(trigger),
        goes=goes,
        threshold=0.0 if trigger.threshold is None else trigger.threshold,
        value=1 if action.value is None else action.value,
        cooldown_minutes=_minutes(action.cooldown_seconds),
        window_minutes=_minutes(trigger.window_seconds),
        aggregation=_spelled(trigger.aggregation, AGGREGATIONS),
        kind=_spelled(action.kind, KINDS),
        per_instance=trigger.per_instance,
    )


def changed(document: Mapping[str, Any], before: Form, after: Form, deployment_id: str) -> dict[str, Any]:
    """The document of a rule with the fields in which ``after`` differs from ``before``; all else stays as it is."""
    new = copy.deepcopy(dict(document))
    trigger, action = new.setdefault("metricTrigger", {}), new.setdefault("scaleAction", {})
    if after.metric is not None and after.metric != before.metric:
        wanted = rule(replace(after, goes=after.goes or OUT).wish, deployment_id)["metricTrigger"]
        for key in (*_METRIC, "metricResourceLocation"):
            trigger.pop(key, None)
        trigger |= {key: wanted[key] for key in _METRIC if key in wanted}
    if after.goes and after.goes != before.goes:
        action["direction"] = after.goes
        wanted_operator = "greater" if after.goes == OUT else "less"
        if not str(trigger.get("operator") or "").lower().startswith(wanted_operator):
            trigger["operator"] = "GreaterThan" if after.goes == OUT else "LessThan"
    for part, key, was, wish in (
        (trigger, "threshold", before.threshold, after.threshold),
        (trigger, "timeAggregation", before.aggregation, after.aggregation),
        (trigger, "dividePerInstance", before.per_instance, after.per_instance),
        (action, "type", before.kind, after.kind),
    ):
        if was != wish:
            part[key] = wish
    if before.window_minutes != after.window_minutes:
        trigger["timeWindow"] = duration(after.window_minutes)
    if before.value != after.value:
        action["value"] = str(after.value)
    if before.cooldown_minutes != after.cooldown_minutes:
        action["cooldown"] = duration(after.cooldown_minutes)
    return new


def _minutes(seconds: float | None) -> int:
    return 0 if seconds is None else round(seconds / 60)


def _spelled(given: str, names: Iterable[str]) -> str:
    """``given`` as the names are spelled; as it is when it is none of them."""
    return next((name for name in names if name.lower() == given.lower()), given)
