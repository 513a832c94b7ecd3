"""Which charts there are beside latency and requests: decided by the metrics that Azure lists, never by a constant.

A metric that this module has never heard of is drawn too, under Azure's own name. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.azure.metric_definitions import MetricDefinition
from services.azure.monitor import DEPLOYMENT_NAMESPACE, ENDPOINT_NAMESPACE

TRAFFIC, RESOURCES, INSTANCES = "Traffic", "Resources", "Instances"
GROUPS = (TRAFFIC, RESOURCES, INSTANCES)
MEAN_LATENCY = "RequestLatency"

_KNOWN = {
    MEAN_LATENCY: (TRAFFIC, "Mean latency"),
    "ConnectionsActive": (TRAFFIC, "Open connections"),
    "NewConnectionsPerSecond": (TRAFFIC, "New connections per second"),
    "NetworkBytes": (TRAFFIC, "Network, bytes per second"),
    "DataCollectionEventsPerMinute": (TRAFFIC, "Data collection, events per minute"),
    "DataCollectionErrorsPerMinute": (TRAFFIC, "Data collection, errors per minute"),
    "CpuUtilizationPercentage": (RESOURCES, "Processor"),
    "CpuMemoryUtilizationPercentage": (RESOURCES, "Memory"),
    "GpuUtilizationPercentage": (RESOURCES, "GPU"),
    "GpuMemoryUtilizationPercentage": (RESOURCES, "GPU memory"),
    "GpuEnergyJoules": (RESOURCES, "GPU energy, joules"),
    "DiskUtilization": (RESOURCES, "Disk"),
    "DeploymentCapacity": (INSTANCES, "Instances by state"),
}
"""Where a metric is shown and how people call it, in the order of the page."""
REQUESTS = "RequestsPerMinute"
ENDPOINT_LIMITS = {
    REQUESTS: (30_000.0, "500 requests a second"),
    "ConnectionsActive": (500.0, "500 open connections"),
    "NewConnectionsPerSecond": (500.0, "500 new connections a second"),
    "NetworkBytes": (5_000_000.0, "5 MB a second"),
}
"""What Azure lets one endpoint take unless its support raises it: in the metric's own unit, and in words.

Source: quotas of managed online endpoints (how-to-manage-quotas); requests are per second there.
"""
INSTANCE = "instanceid"
"""The dimension that tells the instances of a deployment apart, in lower case."""
_PARTS = ("state", "disk", "reason")
"""Dimensions whose values are lines of their own; all others are added up, or averaged by Azure."""


@dataclass(frozen=True)
class Panel:
    """One chart. ``unit`` is Azure's word. ``split`` are the dimensions asked for, in Azure's case.

    ``is_sum``: the values of all combinations of one point are added up, because an average over them would be a mean.
    ``part``: the dimension in lower case whose values are lines of their own, empty when each deployment has one.
    ``by_instance``: each instance has lines of its own, instead of the mean or the sum of them.
    """

    metric: str
    title: str
    unit: str
    group: str
    namespace: str
    split: tuple[str, ...] = ()
    is_sum: bool = False
    part: str = ""
    by_instance: bool = False


def panels(
    endpoint: Iterable[MetricDefinition], deployment: Iterable[MetricDefinition], *, each_instance: bool = False
) -> tuple[Panel, ...]:
    """The charts of an endpoint from what its own and its deployments' definitions list, in the order of the page.

    A metric that both list is read from the deployments: they count mirrored requests too. With ``each_instance`` the
    resources that Azure measures in each instance are split by it.
    """
    found: dict[str, Panel] = {}
    for namespace, listed in ((DEPLOYMENT_NAMESPACE, deployment), (ENDPOINT_NAMESPACE, endpoint)):
        for one in listed:
            if one.name != REQUESTS and not one.name.startswith(f"{MEAN_LATENCY}_"):
                found.setdefault(one.name, _panel(one, namespace, each_instance=each_instance))
    order = {name: place for place, name in enumerate(_KNOWN)}
    return tuple(sorted(found.values(), key=lambda each: order.get(each.metric, len(order))))


def _panel(one: MetricDefinition, namespace: str, *, each_instance: bool) -> Panel:
    group, title = _KNOWN.get(one.name, (TRAFFIC if one.category == TRAFFIC else RESOURCES, one.display))
    part = next((name for name in _PARTS if name in _lower(one.dimensions)), "")
    by_instance = each_instance and group == RESOURCES and INSTANCE in _lower(one.dimensions)
    is_sum = one.unit == "Count" and bool(one.dimensions)
    lines = {part, "deployment", *([INSTANCE] if by_instance else [])}
    wanted = one.dimensions if is_sum else [name for name in one.dimensions if name.lower() in lines]
    return Panel(one.name, title, one.unit, group, namespace, tuple(wanted), is_sum, part, by_instance)


def _lower(names: Sequence[str]) -> list[str]:
    return [name.lower() for name in names]
