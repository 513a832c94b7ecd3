"""Whether autoscale would hold back a scale-in, by Azure's own estimate.

Before it scales in, Azure Monitor estimates what every scale-out rule would see if the same load fell on fewer
instances, value × now ÷ then, and does not scale in, or by less, if one would fire (Azure Monitor, "Flapping in
autoscale"). A pair whose thresholds are too close is therefore silently without a scale-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.autoscale.settings import Action, Profile, Rule


@dataclass(frozen=True)
class Pair:
    """A scale-out and a scale-in rule that watch the same. ``out_rule`` and ``in_rule`` count from 1."""

    out_rule: int
    in_rule: int
    above: float
    below: float
    is_strict: bool
    action: Action


@dataclass(frozen=True)
class Held:
    """At ``instances`` a value right at the scale-in threshold does nothing; only one below ``really_below`` does."""

    instances: int
    then: int
    really_below: float


def pairs(rules: tuple[Rule, ...]) -> Iterator[Pair]:
    """The pairs of a profile: each scale-in rule with every scale-out rule that watches the same."""
    for in_number, inward in enumerate(rules, 1):
        for out_number, outward in enumerate(rules, 1):
            above, below = outward.trigger.threshold, inward.trigger.threshold
            if not (outward.action.is_out and inward.action.is_in) or above is None or below is None:
                continue
            if not (outward.trigger.is_above and inward.trigger.is_below):
                continue
            if outward.trigger.measure == inward.trigger.measure:
                strict = "orequal" not in (outward.trigger.operator + inward.trigger.operator).lower()
                yield Pair(out_number, in_number, above, below, strict, inward.action)


def steps_in(profile: Profile, action: Action) -> Iterator[tuple[int, int]]:
    """The scale-ins that ``action`` can make within the limits of ``profile``: (now, then)."""
    if profile.minimum is None or profile.maximum is None or action.value is None:
        return
    for now in range(max(profile.minimum, 1) + 1, profile.maximum + 1):
        kind = action.kind.lower()
        if kind == "exactcount":
            then = min(now, action.value)
        elif kind == "percentchangecount":
            then = now - max(1, now * action.value // 100)
        else:
            then = now - (1 if kind == "serviceallowednextvalue" else action.value)
        then = max(then, profile.minimum, 1)
        if then < now:
            yield now, then


def held(profile: Profile, pair: Pair) -> tuple[tuple[Held, ...], int]:
    """The instance counts at which a value right at the scale-in threshold does nothing, and how many counts there are.

    A scale-in by several is first tried by fewer, so what counts is the step of one instance.
    """
    found, count = [], 0
    for now, _ in steps_in(profile, pair.action):
        then = now - 1
        count += 1
        estimate = pair.below * now / then
        if estimate > pair.above or (estimate == pair.above and not pair.is_strict):
            found.append(Held(now, then, pair.above * then / now))
    return tuple(found), count
