"""The limits of an endpoint as alert rules of Azure Monitor: an ARM template, and the same as commands of ``az``. Pure.

A rule watches one deployment, through the deployment's own metric: what the charts draw is what the rule compares.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.azure.monitor import DEPLOYMENT_NAMESPACE
from services.errors import RuleBroken
from services.limits import LATENCIES, Limit
from services.model import Deployment, WorkspaceRef

WINDOW_MINUTES = 5
SEVERITY = 2
"""Warning. Azure's severities go from 0, critical, to 4, verbose."""
_ACTION_GROUP = re.compile(
    r"/subscriptions/[^/\s]+/resourceGroups/[^/\s]+/providers/Microsoft\.Insights/actionGroups/[^/\s]+", re.IGNORECASE
)
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_API_VERSION = "2018-03-01"


@dataclass(frozen=True)
class AlertRule:
    """One rule: the mean of ``metric`` over WINDOW_MINUTES, looked at every minute, must not exceed ``value``."""

    name: str
    deployment_id: str
    metric: str
    value: float
    description: str


def alert_rules(deployments: Sequence[Deployment], limits: Sequence[Limit]) -> tuple[AlertRule, ...]:
    """A rule for every deployment and every limit that a metric can be compared with: those of latency."""
    return tuple(
        AlertRule(
            name=f"{each.endpoint}-{each.name}-{LATENCIES[limit.metric]}",
            deployment_id=each.id,
            metric=limit.metric,
            value=limit.value,
            description=(
                f"{LATENCIES[limit.metric]} of {each.name} on {each.endpoint} above {_plain(limit.value)} ms, "
                f"mean of the minutes over {WINDOW_MINUTES} min."
            ),
        )
        for each in deployments
        for limit in limits
        if limit.metric in LATENCIES
    )


def action_group(text: str) -> str:
    """``text`` as the resource id of an action group, "" for none. Raises RuleBroken."""
    wanted = text.strip()
    if wanted and not _ACTION_GROUP.fullmatch(wanted):
        raise RuleBroken(
            "This is not the address of an action group.",
            f"{wanted[:200]} has another form.",
            "Copy the resource id from the action group's properties: "
            "/subscriptions/…/resourceGroups/…/providers/Microsoft.Insights/actionGroups/….",
        )
    return wanted


def template(rules: Sequence[AlertRule], group: str = "") -> dict[str, Any]:
    """The rules as an ARM template. ``group`` is the action group that is told, "" for nobody."""
    return {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": [_resource(rule, group) for rule in rules]}


def commands(rules: Sequence[AlertRule], group: str = "") -> str:
    """The rules as one command of ``az`` each, for a POSIX shell. Quoted: no name means anything to it."""
    return "\n\n".join(_command(rule, group) for rule in rules)


def _resource(rule: AlertRule, group: str) -> dict[str, Any]:
    criterion = {
        "criterionType": "StaticThresholdCriterion",
        "name": "limit",
        "metricNamespace": DEPLOYMENT_NAMESPACE,
        "metricName": rule.metric,
        "operator": "GreaterThan",
        "threshold": rule.value,
        "timeAggregation": "Average",
    }
    return {
        "type": "Microsoft.Insights/metricAlerts",
        "apiVersion": _API_VERSION,
        "name": rule.name,
        "location": "global",
        "properties": {
            "description": rule.description,
            "severity": SEVERITY,
            "enabled": True,
            "scopes": [rule.deployment_id],
            "evaluationFrequency": "PT1M",
            "windowSize": f"PT{WINDOW_MINUTES}M",
            "criteria": {
                "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                "allOf": [criterion],
            },
            "autoMitigate": True,
            "actions": [{"actionGroupId": group}] if group else [],
        },
    }


def _command(rule: AlertRule, group: str) -> str:
    workspace = WorkspaceRef.of(rule.deployment_id)
    options = {
        "--name": rule.name,
        "--subscription": workspace.subscription_id,
        "--resource-group": workspace.resource_group,
        "--scopes": rule.deployment_id,
        "--condition": f"avg {rule.metric} > {_plain(rule.value)}",
        "--window-size": f"{WINDOW_MINUTES}m",
        "--evaluation-frequency": "1m",
        "--severity": str(SEVERITY),
        "--auto-mitigate": "true",
        "--description": rule.description,
        **({"--action": group} if group else {}),
    }
    parts = [f"{option} {shlex.quote(value)}" for option, value in options.items()]
    return " \\\n  ".join(["az monitor metrics alert create", *parts])


def _plain(value: float) -> str:
    """Never in the form 1e+05, which ``az`` does not read."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
