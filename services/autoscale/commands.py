"""A setting for a terminal: its JSON with one exact command, and the same step by step where the CLI can say it. Pure.

Source of the syntax: azure-cli, ``az monitor autoscale`` and the grammar of its ``--condition``. That grammar has no
word for the aggregation Last, and ``--timegrain`` none for grains other than in minutes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.autoscale.settings import Action, Profile, Setting, Trigger
from services.autoscale.words import title

API_VERSION = "2022-10-01"
FILE = "autoscale.json"
_OPERATORS = {
    "greaterthan": ">",
    "greaterthanorequal": ">=",
    "lessthan": "<",
    "lessthanorequal": "<=",
    "equals": "==",
    "notequals": "!=",
}
_AGGREGATIONS = {"average": "avg", "minimum": "min", "maximum": "max", "total": "total", "count": "count"}
_STATISTICS = {"average": "avg", "min": "min", "max": "max", "sum": "sum", "count": "count"}
_NOT_IN_STEPS = {
    "notifications": "The notifications",
    "predictiveAutoscalePolicy": "The settings of predictive autoscale",
}
_READ_ONLY = ("id", "name", "type", "systemData", "etag")


@dataclass(frozen=True)
class Commands:
    """``lines`` are shell commands; ``missing`` says what of the setting they cannot express, in whole sentences."""

    lines: str
    missing: tuple[str, ...]


def json_text(document: Mapping[str, Any]) -> str:
    """The body of the PUT, readable. Secrets are in it: see :mod:`services.autoscale.masking`."""
    body = {key: value for key, value in document.items() if key not in _READ_ONLY}
    return json.dumps(body, indent=2, ensure_ascii=False)


def exact(path: str) -> str:
    """The command that writes :func:`json_text`, kept as autoscale.json, just as it is."""
    address = f"{path}?api-version={API_VERSION}"
    return f"az rest --method put --url {shlex.quote(address)} --body @{FILE}"


def step_by_step(document: Mapping[str, Any], path: str) -> Commands:
    """The commands of ``az monitor autoscale`` that make the setting anew, as far as they can."""
    setting, missing = Setting.of(document), []
    group, name = path.split("/")[4], path.rpartition("/")[2]
    place = f"--resource-group {shlex.quote(group)}"
    usual = next((each for each in setting.profiles if each.is_always), None)
    first = usual or (setting.profiles[0] if setting.profiles else None)
    if first is None:
        return Commands("", ("The setting has no profiles.",))
    off = () if setting.enabled else ("--disabled true",)
    made = (f"--resource {shlex.quote(setting.target)}", _counts(first), *off)
    lines = [" \\\n  ".join((f"az monitor autoscale create {place} --name {shlex.quote(name)}", *made))]
    for profile in setting.profiles:
        if profile is not first:
            missing.append(
                f"Profile {title(profile.name)}: make it with az monitor autoscale profile create, which writes its "
                "pair by itself, or use the exact command."
            )
            continue
        for number, rule in enumerate(profile.rules, 1):
            said, why = _rule(rule.trigger, rule.action, setting.target)
            if said:
                options = f"{place} --autoscale-name {shlex.quote(name)}"
                lines.append(f"az monitor autoscale rule create {options} \\\n  {said}")
            if why:
                missing.append(f"Profile {title(profile.name)}, rule {number}: {why}")
    properties = document.get("properties") or {}
    for field, said in _NOT_IN_STEPS.items():
        if properties.get(field):
            missing.append(f"{said}: only the exact command writes them.")
    if not usual:
        missing.append(f"Profile {title(first.name)} would hold at all times: its schedule is not said.")
    return Commands("\n".join(lines), tuple(missing))


def _counts(profile: Profile) -> str:
    return f"--min-count {profile.minimum} --max-count {profile.maximum} --count {profile.default}"


def _rule(trigger: Trigger, action: Action, target: str) -> tuple[str, str]:
    """The options of one rule, and what they cannot say. "" for the options: the rule cannot be made at all."""
    operator = _OPERATORS.get(trigger.operator.lower())
    aggregation = _AGGREGATIONS.get(trigger.aggregation.lower())
    if operator is None or trigger.threshold is None or trigger.window_seconds is None or action.value is None:
        return "", "it is not complete."
    if trigger.threshold < 0:
        return "", "a condition cannot hold a number below 0."
    if aggregation is None:
        return "", f"a condition has no word for the aggregation {trigger.aggregation or 'that is missing'}."
    window = f"{round(trigger.window_seconds / 60)}m"
    namespace = f'"{trigger.namespace}" ' if trigger.namespace else ""
    only = " and ".join(
        f"{each.name} {'!=' if each.operator.lower() == 'notequals' else '=='} {' or '.join(each.values)}"
        for each in trigger.dimensions
    )
    condition = f"{namespace}{trigger.metric} {operator} {trigger.threshold:g} {aggregation} {window}"
    condition += f" where {only}" if only else ""
    scale = "to" if action.kind.lower() == "exactcount" else "out" if action.is_out else "in"
    value = f"{action.value}{'%' if action.kind.lower() == 'percentchangecount' else ''}"
    wait = round((action.cooldown_seconds or 300) / 60)
    options = [f"--condition {shlex.quote(condition)}", f"--scale {scale} {value} --cooldown {wait}"]
    if trigger.resource.lower().rstrip("/") != target.lower().rstrip("/"):
        options.append(f"--resource {shlex.quote(trigger.resource)}")
    statistic, grain = _STATISTICS.get(trigger.statistic.lower(), "avg"), round((trigger.grain_seconds or 60) / 60)
    options.append(f'--timegrain "{statistic} {grain}m"')
    why = "the commands cannot divide by the number of instances." if trigger.per_instance else ""
    return " \\\n  ".join(options), why
