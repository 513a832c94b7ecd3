"""What is wrong with an autoscale setting: what Azure would refuse, and what works otherwise than it reads. Pure.

Sources: REST reference of autoscale settings (2022-10-01) and Azure Monitor's limits for what is refused; "Understand
autoscale settings" and "Flapping in autoscale" for what is not done; how-to-autoscale-endpoints and its open issues.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.autoscale import flapping, lint_room, lint_rules, lint_schedule, words
from services.autoscale.remark import Remark, Situation
from services.autoscale.settings import Profile, Setting
from services.deploying.model import Level

MOST_PROFILES, MOST_RULES = 20, 10
MOST_INSTANCES = 50
"""Instances of one managed online deployment (how-to-manage-quotas)."""
_QUICK_START = 720
"""Seconds: the shorter end of what has been reported (azureml-examples, issue 3515)."""
_ORDER = {Level.ERROR: 0, Level.WARNING: 1, Level.NOTE: 2}


def lint(document: Mapping[str, Any], known: Situation) -> tuple[Remark, ...]:
    """Everything to say about the ARM document of a setting, errors first."""
    setting = Setting.of(document)
    found = [*_whole(setting, known), *lint_schedule.check(setting, known), *lint_room.check(setting, known)]
    for profile in setting.profiles:
        found += [*_limits(profile, known), *_rules(profile)]
        for number, rule in enumerate(profile.rules, 1):
            found += lint_rules.check(profile, number, rule, known)
    return tuple(sorted(found, key=lambda each: _ORDER[each.level]))


def flagged(remarks: tuple[Remark, ...]) -> tuple[Remark, ...]:
    """The ones that say that something is wrong: errors and warnings."""
    return tuple(each for each in remarks if each.level is not Level.NOTE)


def refused(remarks: tuple[Remark, ...], before: tuple[Remark, ...] = ()) -> tuple[Remark, ...]:
    """The ones for which Azure would not take the setting. ``before`` are those about what Azure holds: it took it."""
    taken = {(each.code, each.profile, each.why) for each in before}
    return tuple(each for each in remarks if each.is_refused and (each.code, each.profile, each.why) not in taken)


def _whole(setting: Setting, known: Situation) -> Iterator[Remark]:
    if setting.target.lower().rstrip("/") != known.deployment_id.lower().rstrip("/"):
        why = f"Its targetResourceUri is {setting.target or 'missing'}."
        yield Remark(Level.ERROR, "other-target", "The setting is for another resource.", why, "Name this deployment.")
    if setting.enabled is None:
        why = "It does not say whether it is enabled, and Azure takes that for off."
        yield Remark(Level.WARNING, "enabled-missing", "The setting is off.", why, "Say enabled: true.")
    elif not setting.enabled:
        why = "It is kept, and nothing is scaled until it is switched on."
        yield Remark(Level.NOTE, "disabled", "The setting is off.", why, "Switch it on when it should work.")
    if not 1 <= len(setting.profiles) <= MOST_PROFILES:
        why = f"It has {len(setting.profiles)}, and Azure takes 1 to {MOST_PROFILES}."
        yield Remark(Level.ERROR, "profile-count", "The number of profiles is wrong.", why, "Add or delete some.")
    seen: set[str] = set()
    for profile in setting.profiles:
        if profile.name.lower() in seen or not profile.name:
            why = f"“{profile.name}” is there twice." if profile.name else "One has no name."
            what = "Profiles need names of their own."
            yield Remark(Level.ERROR, "profile-name", what, why, "Rename one.", profile.name)
        seen.add(profile.name.lower())
    yield from _unknown_startup(setting, known)
    if known.is_mirrored_to:
        why = "It gets mirrored traffic: with another number of instances than the live one its latency is another too."
        fix = "Keep both at the same number of instances while they are compared."
        yield Remark(Level.NOTE, "shadow", "The deployment is being compared.", why, fix)


def _unknown_startup(setting: Setting, known: Situation) -> Iterator[Remark]:
    waits = [rule.action.cooldown_seconds for each in setting.profiles for rule in each.rules if rule.action.is_out]
    if known.startup_seconds is None and any(wait is not None and wait < _QUICK_START for wait in waits):
        why = (
            "No scale-out of this deployment was seen yet. For managed endpoints 12 to 18 minutes have been reported; "
            "a cool-down shorter than that adds more instances than are needed."
        )
        fix = "Look here again after the first scale-out."
        what = "How long an instance takes to start is not known."
        yield Remark(Level.NOTE, "startup-unknown", what, why, fix)


def _limits(profile: Profile, known: Situation) -> Iterator[Remark]:
    name, least, most, default = profile.name, profile.minimum, profile.maximum, profile.default
    if least is None or most is None or default is None:
        why = "Minimum, maximum and default must be whole numbers."
        yield Remark(Level.ERROR, "no-limits", "The limits are not complete.", why, "Give all three.", name)
        return
    if least > most:
        why = f"The minimum is {least} and the maximum {most}."
        yield Remark(Level.ERROR, "min-over-max", "The minimum is above the maximum.", why, "Turn them round.", name)
    elif not least <= default <= most:
        why = f"Without metrics it would be {default}, and the limits are {least} to {most}."
        fix = f"Choose a default from {least} to {most}."
        yield Remark(Level.ERROR, "default-outside", "The default is outside the limits.", why, fix, name)
    if least < 1:
        why = "A managed online deployment cannot be scaled to zero."
        yield Remark(Level.ERROR, "zero", "The minimum is 0.", why, "Use 1, or delete the deployment.", name)
    if most > MOST_INSTANCES:
        why = f"The maximum is {most}, and a deployment has at most {MOST_INSTANCES} instances."
        yield Remark(Level.ERROR, "too-many", "The maximum is too high.", why, f"Use {MOST_INSTANCES} or less.", name)
    if least == 1:
        why = "While the only instance restarts or is replaced, callers get errors."
        level = Level.WARNING if known.is_live else Level.NOTE
        fix = "Use 2 or more where it matters."
        yield Remark(level, "one-instance", "It may go down to one instance.", why, fix, name)


def _rules(profile: Profile) -> Iterator[Remark]:
    name, rules = profile.name, profile.rules
    if len(rules) > MOST_RULES:
        why = f"It has {len(rules)}, and Azure takes {MOST_RULES}."
        yield Remark(Level.ERROR, "rule-count", "The profile has too many rules.", why, "Take some out.", name)
    outward = [each for each in rules if each.action.is_out]
    inward = [each for each in rules if each.action.is_in]
    is_fixed = profile.minimum is not None and profile.minimum == profile.maximum
    if rules and is_fixed:
        why = f"The limits are {profile.minimum} to {profile.maximum}, so no rule can change anything."
        is_refused = any(each.action.kind.lower() == "changecount" for each in rules)
        level = Level.ERROR if is_refused else Level.WARNING
        why += " Azure refuses a rule that changes by more than the limits are apart." if is_refused else ""
        yield Remark(level, "no-room", "The rules have no effect.", why, "Raise the maximum, or delete them.", name)
    elif not rules and not is_fixed:
        why = "Nothing scales between its limits, so the number of instances stays where it happens to be."
        fix = "Add a pair of rules, or make minimum and maximum equal."
        yield Remark(Level.WARNING, "no-rules", "The profile has no rules.", why, fix, name)
    elif outward and not inward:
        why = "Instances are added and never taken away, so after a while they stay at the maximum and are paid for."
        yield Remark(Level.WARNING, "never-in", "It never scales in.", why, "Add a scale-in rule.", name)
    elif inward and not outward:
        why = "Instances are taken away and never added."
        yield Remark(Level.WARNING, "never-out", "It never scales out.", why, "Add a scale-out rule.", name)
    yield from _pairs(profile)
    for number, rule in enumerate(rules, 1):
        if rule in rules[: number - 1]:
            why = f"Rule {rules.index(rule) + 1} says the same."
            yield Remark(Level.WARNING, "twice", "The rule is there twice.", why, "Delete one.", name, number)


def _pairs(profile: Profile) -> Iterator[Remark]:
    name = profile.name
    found = list(flapping.pairs(profile.rules))
    watched_out = {each.trigger.measure for each in profile.rules if each.action.is_out and each.trigger.is_above}
    watched_in = {each.trigger.measure for each in profile.rules if each.action.is_in and each.trigger.is_below}
    if watched_out - watched_in and watched_in - watched_out:
        why = (
            "A rule that adds and one that takes away watch different things, and neither has a partner for its own, "
            "so each may undo the other: Azure's guide names this as a cause of flapping."
        )
        fix = "Give each metric that scales out a scale-in rule with a lower threshold."
        yield Remark(Level.WARNING, "different-metrics", "In and out watch different metrics.", why, fix, name)
    for pair in found:
        if pair.below > pair.above or (pair.below == pair.above and not pair.is_strict):
            why = f"From {pair.above:g} to {pair.below:g} rule {pair.out_rule} adds and rule {pair.in_rule} takes away."
            fix = f"Scale in below {pair.above / 2:g} or less."
            yield Remark(Level.ERROR, "crossed", "Both rules fire at once.", why, fix, name, pair.in_rule)
            continue
        yield from _margin(profile, pair)


def _margin(profile: Profile, pair: flapping.Pair) -> Iterator[Remark]:
    held, count = flapping.held(profile, pair)
    if not held:
        return
    worst, best = held[0], held[-1]
    example = (
        f"At {worst.instances} instances {pair.below:g} would become {pair.below * worst.instances / worst.then:g} on "
        f"{worst.then}, above {pair.above:g}, so Azure does not scale in until it is below {worst.really_below:.3g}"
    )
    if len(held) == count:
        why = f"{example}. That is so for every number of instances up to {best.instances}."
        fix = f"Scale in below {worst.really_below:.3g}, so that it happens where it says."
        what = "The thresholds are so close that scale-in is held back."
        yield Remark(Level.WARNING, "flapping", what, why, fix, profile.name, pair.in_rule)
        return
    why = f"{example}. From {best.instances + 1} instances on it scales in as it says."
    what = f"Up to {best.instances} instances scale-in comes later than it says."
    fix = "Lower the threshold of scale-in if that is not meant."
    yield Remark(Level.NOTE, "late-scale-in", what, why, fix, profile.name, pair.in_rule)


def summary(setting: Setting) -> str:
    """The setting in a few words: limits and number of rules of its profiles."""
    parts = [f"{each.name}: {words.limits(each)}, {words.rule_count(each)}" for each in setting.profiles]
    return "; ".join(parts) or "no profiles"
