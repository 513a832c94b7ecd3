"""Rules as ARM documents: one of a person's own choice, and ready-made sets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.autoscale.metrics import Metric, find
from services.autoscale.settings import DEPLOYMENTS, ENDPOINTS, IN, OUT, duration


@dataclass(frozen=True)
class Wish:
    """A rule as a person says it. Times are whole minutes; ``threshold`` is in the metric's unit.

    A wish above its threshold scales out, else in. ``aggregation`` is Azure's timeAggregation. ``per_instance``: the
    threshold is for each instance, of a metric that counts all of them together.
    """

    metric: Metric
    is_out: bool
    threshold: float
    value: int = 1
    cooldown_minutes: int = 5
    window_minutes: int = 5
    aggregation: str = "Average"
    kind: str = "ChangeCount"
    per_instance: bool = False


def rule(wish: Wish, deployment_id: str) -> dict[str, Any]:
    """The ARM document of a rule for a deployment. A metric of the endpoint is narrowed to the deployment."""
    endpoint_id, _, deployment = deployment_id.rstrip("/").rpartition("/deployments/")
    is_endpoint = wish.metric.namespace == ENDPOINTS
    trigger: dict[str, Any] = {
        "metricName": wish.metric.name,
        "metricNamespace": wish.metric.namespace,
        "metricResourceUri": endpoint_id if is_endpoint else deployment_id,
        "timeGrain": "PT1M",
        "statistic": "Average",
        "timeWindow": duration(wish.window_minutes),
        "timeAggregation": wish.aggregation,
        "operator": "GreaterThan" if wish.is_out else "LessThan",
        "threshold": float(wish.threshold),
    }
    if is_endpoint and "deployment" in wish.metric.dimensions:
        # These three have a capital in Azure's own documents.
        trigger["dimensions"] = [{"DimensionName": "deployment", "Operator": "Equals", "Values": [deployment]}]
    if wish.per_instance:
        trigger["dividePerInstance"] = True
    action = {
        "direction": OUT if wish.is_out else IN,
        "type": wish.kind,
        "value": str(wish.value),
        "cooldown": duration(wish.cooldown_minutes),
    }
    return {"metricTrigger": trigger, "scaleAction": action}


@dataclass(frozen=True)
class Ready:
    """A ready-made set of rules. ``note`` says when to take it."""

    name: str
    note: str
    wishes: tuple[Wish, ...]


def _metric(name: str, namespace: str = DEPLOYMENTS) -> Metric:
    found = find(name, namespace)
    assert found is not None, name
    return found


_CPU, _MEMORY = _metric("CpuUtilizationPercentage"), _metric("CpuMemoryUtilizationPercentage")
_GPU, _RATE = _metric("GpuUtilizationPercentage"), _metric("RequestsPerMinute")
_P95 = _metric("RequestLatency_P95")
READY = (
    Ready(
        "Processor",
        "Out above 70 %, in below 30 %, as in Microsoft's guide. For models that compute.",
        (Wish(_CPU, True, 70, 2, 15), Wish(_CPU, False, 30, 1, 60)),
    ),
    Ready(
        "Memory",
        "Out above 75 %, in below 30 %. Helps only where requests fill the memory; a loaded model stays loaded.",
        (Wish(_MEMORY, True, 75, 1, 15), Wish(_MEMORY, False, 30, 1, 60)),
    ),
    Ready(
        "GPU",
        "Out above 70 %, in below 30 %. For deployments on GPU sizes.",
        (Wish(_GPU, True, 70, 1, 20), Wish(_GPU, False, 30, 1, 60)),
    ),
    Ready(
        "Latency, with processor for the way back",
        "Out when P95 is above 500 ms or the processor above 70 %, in when the processor is below 30 %. Low latency "
        "alone does not say that fewer instances are enough.",
        (Wish(_P95, True, 500, 1, 15), Wish(_CPU, True, 70, 1, 15), Wish(_CPU, False, 30, 1, 60)),
    ),
    Ready(
        "Requests per minute",
        "Out above 600, in below 200, of all instances together. More instances do not lower it: while it stays above, "
        "one is added after each pause, up to the maximum. Measure first what one instance can do.",
        (Wish(_RATE, True, 600, 1, 15), Wish(_RATE, False, 200, 1, 60)),
    ),
)


def new_setting(deployment_id: str, location: str, instances: int) -> dict[str, Any]:
    """The document of a first setting: on, with the processor rules and room for twice the present instances."""
    least = max(2, instances)
    profile: Mapping[str, Any] = {
        "name": "default",
        "capacity": {"minimum": str(least), "maximum": str(max(least + 2, 2 * least)), "default": str(least)},
        "rules": [rule(each, deployment_id) for each in READY[0].wishes],
    }
    return {
        "location": location,
        "tags": {},
        "properties": {"enabled": True, "targetResourceUri": deployment_id, "profiles": [profile], "notifications": []},
    }
