"""What to do about the metrics.

Sources, all of Azure's documentation: autoscale-understanding-settings (any scale-out rule, all scale-in rules, the
largest count among rules that fire, default capacity), autoscale-flapping (the estimate before scaling in), and for the
cooldown that any action begins it for every rule, each with its own length.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from emulator.monitor.autoscale.model import Action, Profile, Rule

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqual": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqual": operator.le,
}
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda points: sum(points) / len(points),
    "Minimum": min,
    "Maximum": max,
    "Total": sum,
    "Count": lambda points: float(len(points)),
    "Last": lambda points: points[-1],
}


class Reason(Enum):
    """Why the number of instances changes, or does not although a rule fires."""

    LIMITS = "the number of instances is outside the limits of the profile"
    DEFAULT = "metrics are not available"
    RULES = "the rules of the profile"
    FLAPPING = "scaling in would cause scaling out"


@dataclass(frozen=True)
class Decision:
    """`target` instances, and how many the rules alone would have asked for; with FLAPPING they may differ."""

    target: int
    intended: int
    reason: Reason


def observed(points: Sequence[float], time_aggregation: str) -> float | None:
    """One value for a window from the values of its grains, oldest first; None when there are none."""
    return _AGGREGATES[time_aggregation](points) if points else None


def fires(rule: Rule, value: float | None) -> bool:
    """Whether a rule's condition holds for a value; it does not for a missing one."""
    return value is not None and _OPERATORS[rule.trigger.operator](value, rule.trigger.threshold)


def decide(
    profile: Profile, current: int, values: Sequence[float | None], last_scale_at: float | None, now: float
) -> Decision | None:
    """What to do now, None for nothing.

    `values` are what the rules observe, in their order, None for a missing metric. Times are epoch seconds. Limits and
    the default count at once, cooldowns hold back rules only.
    """
    within = min(max(current, profile.minimum), profile.maximum)
    if within != current:
        return Decision(within, within, Reason.LIMITS)
    pairs = list(zip(profile.rules, values, strict=True))
    out = [(rule, value) for rule, value in pairs if rule.action.direction == "Increase"]
    firing = [rule for rule, value in out if fires(rule, value)]
    if firing:
        ready = [rule for rule in firing if _is_ready(rule, last_scale_at, now)]
        target = max([current, *(_wanted(rule.action, profile, current) for rule in ready)])
        return Decision(target, target, Reason.RULES) if target > current else None
    if any(value is None for value in values):
        return Decision(profile.default, profile.default, Reason.DEFAULT) if current < profile.default else None
    inward = [(rule, value) for rule, value in pairs if rule.action.direction == "Decrease"]
    if not inward or not all(fires(rule, value) and _is_ready(rule, last_scale_at, now) for rule, value in inward):
        return None
    intended = max(_wanted(rule.action, profile, current) for rule, _ in inward)
    if intended >= current:
        return None
    for target in range(intended, current):
        if not any(fires(rule, _projected(value, current, target)) for rule, value in out):
            return Decision(target, intended, Reason.RULES if target == intended else Reason.FLAPPING)
    return Decision(current, intended, Reason.FLAPPING)


def _is_ready(rule: Rule, last_scale_at: float | None, now: float) -> bool:
    return last_scale_at is None or now - last_scale_at >= rule.action.cooldown_seconds


def _projected(value: float | None, current: int, target: int) -> float | None:
    """What a rule would observe if the same load fell on `target` instances."""
    return None if value is None else value * current / max(target, 1)


def _wanted(action: Action, profile: Profile, current: int) -> int:
    """The number of instances that an action asks for, within the limits.

    A percentage is rounded down and changes at least one instance; the next allowed number is one away. A fixed number
    on the wrong side of the present one changes nothing.
    """
    change = {
        "ChangeCount": action.value,
        "PercentChangeCount": max(1, current * action.value // 100),
        "ServiceAllowedNextValue": 1,
    }
    sign = 1 if action.direction == "Increase" else -1
    if action.kind == "ExactCount":
        wanted = action.value if (action.value - current) * sign > 0 else current
    else:
        wanted = current + sign * change[action.kind]
    return min(max(wanted, profile.minimum), profile.maximum)
