"""What is wrong with single rules of a setting. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from services.autoscale import words
from services.autoscale.metrics import METRICS, Metric, find, namespace_of
from services.autoscale.remark import Remark, Situation
from services.autoscale.settings import DEPLOYMENTS, ENDPOINTS, Profile, Rule, Trigger
from services.deploying.model import Level

OPERATORS = tuple(words.SIGNS)
AGGREGATIONS = ("average", "minimum", "maximum", "total", "count", "last")
STATISTICS = ("average", "min", "max", "sum", "count")
KINDS = ("changecount", "percentchangecount", "exactcount", "serviceallowednextvalue")
GRAINS = (60, 300, 900, 1800, 3600, 21600, 43200)
"""Time grains of Azure Monitor's platform metrics that a rule may use, in seconds."""
_SUMS = ("sum", "count", "total")
_HALF_DAY, _WEEK = 43200, 604800


def check(profile: Profile, number: int, rule: Rule, known: Situation) -> Iterator[Remark]:
    """Everything about the rule ``number`` (from 1) of ``profile``."""
    for each in (*_direction(rule), *_metric(rule, known), *_window(rule.trigger), *_action(profile, rule)):
        yield Remark(each.level, each.code, each.what, each.why, each.fix, profile.name, number)
    yield from _startup(profile, number, rule, known)


def _direction(rule: Rule) -> Iterator[Remark]:
    trigger, action = rule.trigger, rule.action
    if not (action.is_out or action.is_in):
        why = f"Its direction is “{action.direction or 'not given'}”, so it changes nothing."
        yield Remark(Level.ERROR, "no-direction", "The rule does nothing.", why, "Use Increase or Decrease.")
        return
    said = words.condition(trigger)
    known = words.metric_of(trigger)
    if known is None:
        return  # Of a metric of another resource, a small value may well mean much to do.
    if trigger.is_below and action.is_out:
        why = (
            f"It fires while {said}, that is when there is little to do, and adds instances. The Python sample of "
            "Microsoft's own guide has this mistake: a scale-in rule with the direction Increase."
        )
        yield Remark(
            Level.ERROR, "in-scales-out", "This rule scales out when it should scale in.", why, "Use Decrease."
        )
    if trigger.is_above and action.is_in:
        why = f"It fires while {said}, that is when there is much to do, and takes instances away."
        yield Remark(
            Level.ERROR, "out-scales-in", "This rule scales in when it should scale out.", why, "Use Increase."
        )


def _metric(rule: Rule, known: Situation) -> Iterator[Remark]:
    trigger = rule.trigger
    resource, real = trigger.resource.rstrip("/"), namespace_of(trigger.resource)
    if not resource:
        why, fix = "It names no metricResourceUri.", "Name the deployment or its endpoint."
        yield Remark(Level.ERROR, "no-resource", "The rule watches no resource.", why, fix)
        return
    if not real:
        what = "What this rule watches is not an online endpoint."
        why = f"It watches {trigger.metric} of {resource.rpartition('/')[2]}: Sluice does not know its metrics."
        yield Remark(Level.NOTE, "foreign-metric", what, why, "Check the name of the metric with Azure Monitor.")
        return
    if trigger.namespace and trigger.namespace.lower() != real.lower():
        what = "Metric namespace and resource do not fit."
        why = f"The resource is {_kind(real)}, and the namespace is {trigger.namespace}."
        yield Remark(Level.ERROR, "wrong-namespace", what, why, f"Use {real}, or another resource.")
        return
    metric = find(trigger.metric, real)
    if metric is None:
        elsewhere = [each for each in METRICS if each.name.lower() == trigger.metric.lower()]
        why = f"{_kind(real).capitalize()} has no metric “{trigger.metric}”" + (
            f"; {_kind(elsewhere[0].namespace)} has it." if elsewhere else "."
        )
        fix = "Watch the other resource." if elsewhere else "Choose one of the metrics that Azure lists."
        yield Remark(Level.ERROR, "unknown-metric", "The metric does not exist.", why, fix)
        return
    yield from _place(trigger, metric, real, known)
    yield from _threshold(rule, metric)


def _place(trigger: Trigger, metric: Metric, namespace: str, known: Situation) -> Iterator[Remark]:
    wanted = known.deployment_id if namespace == DEPLOYMENTS else known.endpoint_id
    if trigger.resource.lower().rstrip("/") != wanted.lower().rstrip("/"):
        name = trigger.resource.rstrip("/").rpartition("/")[2]
        why = f"It watches {metric.title.lower()} of {name}: what this setting scales cannot change that."
        fix = f"Watch {wanted.rstrip('/').rpartition('/')[2]}."
        yield Remark(Level.ERROR, "other-resource", "The rule watches another resource.", why, fix)
        return
    for each in trigger.dimensions:
        if each.name.lower() not in [name.lower() for name in metric.dimensions]:
            why = f"The dimensions of {metric.name}: {', '.join(metric.dimensions) or 'none'}."
            what = f"There is no dimension {each.name}."
            yield Remark(Level.ERROR, "unknown-dimension", what, why, "Take it out of the rule.")
        elif not each.values:
            what = f"The dimension {each.name} has no value."
            yield Remark(Level.ERROR, "empty-dimension", what, "A filter needs one value at least.", "Name one.")
    if namespace == ENDPOINTS and "deployment" in metric.dimensions:
        yield from _deployment_filter(trigger, metric, known)


def _deployment_filter(trigger: Trigger, metric: Metric, known: Situation) -> Iterator[Remark]:
    named = [each for each in trigger.dimensions if each.name.lower() == "deployment" and each.values]
    fix = f"Add the dimension deployment = {known.deployment}."
    if not named:
        what = "The rule counts all deployments of the endpoint."
        why = f"{metric.title} without the dimension deployment is that of all deployments together."
        yield Remark(Level.WARNING, "all-deployments", what, why, fix)
        return
    for each in named:
        mine = known.deployment.lower() in [value.lower() for value in each.values]
        is_not = each.operator.lower() == "notequals"
        if mine == is_not:
            what = "The rule watches another deployment."
            why = f"It is for {'all but ' if is_not else ''}{', '.join(each.values)}, and scales {known.deployment}."
            yield Remark(Level.ERROR, "other-deployment", what, why, fix)


def _threshold(rule: Rule, metric: Metric) -> Iterator[Remark]:
    trigger, value = rule.trigger, rule.trigger.threshold
    if value is None:
        yield Remark(Level.ERROR, "no-threshold", "The rule has no threshold.", "It is not a number.", "Give a number.")
        return
    yield from _reach(trigger, metric, value)
    yield from _instances(rule, metric)
    if trigger.operator.lower() in ("equals", "notequals"):
        why = f"{metric.title} is a measured number, which is hardly ever exactly {value:g}."
        yield Remark(
            Level.WARNING, "equality", "The rule compares for equality.", why, "Use greater than or less than."
        )
    summed = trigger.statistic.lower() in _SUMS or trigger.aggregation.lower() in ("total", "count")
    if summed and (metric.is_percent or metric.unit == "ms"):
        why = f"A {'sum' if metric.is_percent else 'total'} of {metric.title.lower()} says how many values there were."
        fix = "Use the average, or the maximum."
        yield Remark(Level.WARNING, "summed", "The rule adds up what cannot be added up.", why, fix)


def _reach(trigger: Trigger, metric: Metric, value: float) -> Iterator[Remark]:
    """Whether a measured value can be on both sides of the threshold."""
    operator, top = trigger.operator.lower(), 100 if metric.is_percent else math.inf
    span = "0 to 100 %" if metric.is_percent else "0 or more"
    why = f"{metric.title} is {span}, and the threshold is {value:g}."
    fix = "Choose a threshold that can be crossed both ways."
    # A value right at an end of the range is on one side of it only.
    ends = {"greaterthan": top, "lessthanorequal": top, "lessthan": 0, "greaterthanorequal": 0}
    if value < 0 or value > top or value == ends.get(operator):
        yield Remark(Level.ERROR, "impossible-threshold", "The condition is always or never true.", why, fix)
    elif metric.is_percent and value in (0, top) and operator in ends:
        is_always = trigger.is_above == (value == 0)
        what = f"The condition is {'nearly always' if is_always else 'hardly ever'} true."
        yield Remark(Level.WARNING, "edge-threshold", what, why, fix)


def _instances(rule: Rule, metric: Metric) -> Iterator[Remark]:
    """Whether the metric is one of all instances together or of each, and the rule takes it so."""
    trigger = rule.trigger
    if trigger.per_instance and not metric.is_total:
        why = (
            f"{metric.title} is a mean over the instances already. With dividePerInstance Azure divides it by their "
            f"number once more: {trigger.threshold:g} means {(trigger.threshold or 0) * 4:g} on four of them."
        )
        fix = "Take dividePerInstance out of the rule."
        yield Remark(Level.WARNING, "divided", "The rule divides what is a mean already.", why, fix)
    elif metric.is_total and not trigger.per_instance and trigger.is_above and rule.action.kind.lower() != "exactcount":
        why = (
            f"“{metric.title}” is one number for all of them, and more instances do not lower it: while it is above "
            f"{trigger.threshold:g}, the rule adds some after each pause, up to the maximum."
        )
        fix = "With dividePerInstance the threshold is for each instance, so that more of them bring it down."
        yield Remark(Level.NOTE, "all-instances", "The rule counts all instances together.", why, fix)


def _window(trigger: Trigger) -> Iterator[Remark]:
    grain, window = trigger.grain_seconds, trigger.window_seconds
    if trigger.operator.lower() not in OPERATORS:
        yield _unknown("operator", trigger.operator, "GreaterThan or LessThan")
    if trigger.aggregation.lower() not in AGGREGATIONS:
        yield _unknown("timeAggregation", trigger.aggregation, "Average")
    if trigger.statistic.lower() not in STATISTICS:
        yield _unknown("statistic", trigger.statistic, "Average")
    if window is None or not 300 <= window <= _HALF_DAY:
        why = f"It is {words.span(window)}, and Azure takes 5 minutes to 12 hours."
        yield Remark(Level.ERROR, "window", "The time window is out of range.", why, "Use 5 minutes.")
    elif grain is not None and grain > window:
        why = f"The grain is {words.span(grain)} and the window {words.span(window)}."
        yield Remark(
            Level.ERROR, "grain-over-window", "The window is shorter than one value.", why, "Use a grain of 1 min."
        )
    if grain is None or grain not in GRAINS:
        why = f"It is {words.span(grain)}; the metrics come each minute, 5, 15, 30 minutes, or 1, 6, 12 hours."
        yield Remark(Level.ERROR, "grain", "The time grain is not offered.", why, "Use 1 minute.")


def _unknown(field: str, value: str, use: str) -> Remark:
    why = f"Its {field} is “{value or 'not given'}”, which Azure does not know."
    return Remark(Level.ERROR, f"unknown-{field.lower()}", f"The rule's {field} is wrong.", why, f"Use {use}.")


def _action(profile: Profile, rule: Rule) -> Iterator[Remark]:
    action, kind = rule.action, rule.action.kind.lower()
    if kind not in KINDS:
        yield _unknown("type", action.kind, "ChangeCount")
    wait = action.cooldown_seconds
    if wait is None or not 60 <= wait <= _WEEK:
        why = f"It is {words.span(wait)}, and Azure takes 1 minute to 1 week."
        yield Remark(Level.ERROR, "cooldown", "The cool-down is out of range.", why, "Use 5 minutes or more.")
    if action.value is None or action.value < 1:
        why = "The number of instances to change by is not a whole number from 1 on."
        yield Remark(Level.ERROR, "no-value", "The rule changes by nothing.", why, "Use 1.")
        return
    least, most = profile.minimum, profile.maximum
    if least is None or most is None or least > most:
        return
    if kind == "changecount" and action.value > most - least > 0:
        why = f"It changes by {action.value}, and the limits are {most - least} apart. Azure refuses that."
        yield Remark(
            Level.ERROR, "value-too-large", "The step is larger than the limits allow.", why, "Take smaller steps."
        )
    if kind == "exactcount" and not least <= action.value <= most:
        why = f"It goes to {action.value}, and the limits are {least} to {most}."
        yield Remark(
            Level.WARNING, "outside-limits", "The rule goes outside the limits.", why, "Choose a number inside."
        )


def _startup(profile: Profile, number: int, rule: Rule, known: Situation) -> Iterator[Remark]:
    wait, took = rule.action.cooldown_seconds, known.startup_seconds
    if not rule.action.is_out or wait is None or took is None or wait >= took:
        return
    why = (
        f"The last scale-outs took {words.span(round(took))} until the new instances answered, and this rule may fire "
        f"again after {words.span(wait)}. The load has not fallen by then, so it adds more than are needed."
    )
    fix = f"Wait {words.span(-(-took // 60) * 60)} or more."
    what = "The cool-down is shorter than the start of an instance."
    yield Remark(Level.WARNING, "cooldown-under-startup", what, why, fix, profile.name, number)


def _kind(namespace: str) -> str:
    return "a deployment" if namespace == DEPLOYMENTS else "an endpoint"
