"""The limits of an endpoint as alert rules of Azure Monitor: an ARM template, and the same as commands of ``az``. Pure.

A metric rule watches one deployment, through the deployment's own metric: what the charts draw is what it compares.
The share of server errors is made of two counts, which a metric rule cannot compare: it has a log search rule, which
counts the rows of the endpoint's traffic log.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.azure.diagnostics import TRAFFIC
from services.azure.log_analytics import literal
from services.azure.monitor import DEPLOYMENT_NAMESPACE, region_name
from services.errors import RuleBroken
from services.limits import LATENCIES, SERVER_ERROR_PERCENT, UTILIZATIONS, Limit
from services.model import Deployment, Endpoint, WorkspaceRef
from services.statuses import StatusSets

WINDOW_MINUTES = 5
LOG_WINDOW_MINUTES = 15
"""Rows of a log come 3 to 10 minutes late (Azure Monitor, log data ingestion time): five minutes would miss them."""
LOG_EVERY_MINUTES = 5
FEWEST_REQUESTS = 10
"""One failure of two requests is no share to be woken for."""
SEVERITY = 2
"""Warning. Azure's severities go from 0, critical, to 4, verbose."""
_ACTION_GROUP = re.compile(
    r"/subscriptions/[^/\s]+/resourceGroups/[^/\s]+/providers/Microsoft\.Insights/actionGroups/[^/\s]+", re.IGNORECASE
)
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_API_VERSION = "2018-03-01"
_LOG_API_VERSION = "2023-12-01"
_WATCHED = {name: (short, "ms") for name, short in LATENCIES.items()} | {
    name: (short, "%") for name, short in UTILIZATIONS.items()
}
"""The metrics that a rule compares, how people call them, and their unit."""


@dataclass(frozen=True)
class AlertRule:
    """One rule: the mean of ``metric`` over WINDOW_MINUTES, looked at every minute, must not exceed ``value``."""

    name: str
    deployment_id: str
    metric: str
    value: float
    description: str


@dataclass(frozen=True)
class LogRule:
    """A log search rule: ``query`` answers the share of server errors of each deployment, which must not exceed
    ``value`` percent in any of the last LOG_WINDOW_MINUTES, looked at every LOG_EVERY_MINUTES."""

    name: str
    endpoint_id: str
    location: str
    query: str
    value: float
    description: str


def alert_rules(deployments: Sequence[Deployment], limits: Sequence[Limit]) -> tuple[AlertRule, ...]:
    """A rule for every deployment and every limit that one metric can be compared with: latency and utilization."""
    return tuple(_alert_rule(each, one) for each in deployments for one in limits if one.metric in _WATCHED)


def _alert_rule(deployment: Deployment, limit: Limit) -> AlertRule:
    short, unit = _WATCHED[limit.metric]
    return AlertRule(
        name=f"{deployment.endpoint}-{deployment.name}-{short}",
        deployment_id=deployment.id,
        metric=limit.metric,
        value=limit.value,
        description=(
            f"{short[0].upper()}{short[1:]} of {deployment.name} on {deployment.endpoint} above "
            f"{_plain(limit.value)} {unit}, mean of the minutes over {WINDOW_MINUTES} min."
        ),
    )


def log_rule(
    endpoint: Endpoint, deployments: Sequence[Deployment], limits: Sequence[Limit], statuses: StatusSets
) -> LogRule | None:
    """The rule for the share of server errors of ``deployments``; None without a limit of it, or without any."""
    limit = next((each for each in limits if each.metric == SERVER_ERROR_PERCENT), None)
    if limit is None or not deployments:
        return None
    names = ", ".join(literal(each.name) for each in deployments)
    failed = statuses.kql("ResponseCode")["server"]
    query = " | ".join(
        (
            TRAFFIC,
            f"where DeploymentName in~ ({names})",
            f"summarize Requests = count(), Failed = countif({failed}) by DeploymentName",
            f"where Requests >= {FEWEST_REQUESTS}",
            "project DeploymentName, Percent = 100.0 * Failed / Requests",
        )
    )
    return LogRule(
        name=f"{endpoint.name}-server-errors",
        endpoint_id=endpoint.id,
        location=region_name(endpoint.location),
        query=query,
        value=limit.value,
        description=(
            f"Server errors of a deployment of {endpoint.name} above {_plain(limit.value)} % of its requests within "
            f"{LOG_WINDOW_MINUTES} min, when there were {FEWEST_REQUESTS} or more."
        ),
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


def template(rules: Sequence[AlertRule | LogRule], group: str = "") -> dict[str, Any]:
    """The rules as an ARM template. ``group`` is the action group that is told, "" for nobody."""
    resources = [_log_resource(rule, group) if isinstance(rule, LogRule) else _resource(rule, group) for rule in rules]
    return {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}


def commands(rules: Sequence[AlertRule | LogRule], group: str = "") -> str:
    """The rules as one command of ``az`` each, for a POSIX shell. Quoted: no name means anything to it."""
    return "\n\n".join(
        _log_command(rule, group) if isinstance(rule, LogRule) else _command(rule, group) for rule in rules
    )


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


def _log_resource(rule: LogRule, group: str) -> dict[str, Any]:
    criterion = {
        "query": rule.query,
        "metricMeasureColumn": "Percent",
        "timeAggregation": "Maximum",
        "dimensions": [{"name": "DeploymentName", "operator": "Include", "values": ["*"]}],
        "operator": "GreaterThan",
        "threshold": rule.value,
        "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
    }
    return {
        "type": "Microsoft.Insights/scheduledQueryRules",
        "apiVersion": _LOG_API_VERSION,
        "name": rule.name,
        "location": rule.location,
        "kind": "LogAlert",
        "properties": {
            "displayName": rule.name,
            "description": rule.description,
            "severity": SEVERITY,
            "enabled": True,
            "scopes": [rule.endpoint_id],
            "evaluationFrequency": f"PT{LOG_EVERY_MINUTES}M",
            "windowSize": f"PT{LOG_WINDOW_MINUTES}M",
            "criteria": {"allOf": [criterion]},
            "autoMitigate": True,
            "actions": {"actionGroups": [group] if group else []},
        },
    }


def _command(rule: AlertRule, group: str) -> str:
    options = {
        "--scopes": rule.deployment_id,
        "--condition": f"avg {rule.metric} > {_plain(rule.value)}",
        "--window-size": f"{WINDOW_MINUTES}m",
        "--evaluation-frequency": "1m",
        "--description": rule.description,
        **({"--action": group} if group else {}),
    }
    return _az("az monitor metrics alert create", rule.name, rule.deployment_id, options)


def _log_command(rule: LogRule, group: str) -> str:
    options = {
        "--location": rule.location,
        "--scopes": rule.endpoint_id,
        "--condition": f"max 'Percent' from 'ServerErrors' > {_plain(rule.value)} where DeploymentName includes * "
        "at least 1 violations out of 1 aggregated points",
        "--condition-query": f"ServerErrors={rule.query}",
        "--window-size": f"{LOG_WINDOW_MINUTES}m",
        "--evaluation-frequency": f"{LOG_EVERY_MINUTES}m",
        "--description": rule.description,
        **({"--action-groups": group} if group else {}),
    }
    return _az("az monitor scheduled-query create", rule.name, rule.endpoint_id, options)


def _az(command: str, name: str, resource_id: str, options: dict[str, str]) -> str:
    """A command that makes a rule in the resource group of what it watches."""
    workspace = WorkspaceRef.of(resource_id)
    every = {
        "--name": name,
        "--subscription": workspace.subscription_id,
        "--resource-group": workspace.resource_group,
        "--severity": str(SEVERITY),
        "--auto-mitigate": "true",
        **options,
    }
    return " \\\n  ".join([command, *(f"{option} {shlex.quote(value)}" for option, value in every.items())])


def _plain(value: float) -> str:
    """All its digits, and never in the form 1e+05, which ``az`` does not read."""
    return f"{Decimal(repr(float(value))).normalize():f}"
