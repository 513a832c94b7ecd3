"""The metrics that a rule may watch, as Azure Monitor lists them for endpoints and for deployments.

Source: supported-metrics reference of Azure Monitor for the two resource types. What another resource measures, a queue
for example, may be watched too; nothing is known of it here.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.autoscale.settings import DEPLOYMENTS, ENDPOINTS


@dataclass(frozen=True)
class Metric:
    """One metric of ``namespace``. ``unit`` is for people; ``is_percent`` says that it lies in 0 to 100.

    ``is_offered``: it makes sense as a rule, so the form offers it.
    """

    name: str
    namespace: str
    title: str
    unit: str
    dimensions: tuple[str, ...] = ()
    is_percent: bool = False
    is_offered: bool = False

    @property
    def is_total(self) -> bool:
        """Whether it counts what all instances do together, so that more of them do not lower it."""
        return self.unit in ("/min", "/s", "bytes/s") or self.name == "ConnectionsActive"


def _deployment(name: str, title: str, unit: str, *dimensions: str, offered: bool = False) -> Metric:
    return Metric(name, DEPLOYMENTS, title, unit, dimensions, unit == "%", offered)


def _endpoint(name: str, title: str, unit: str, *dimensions: str, offered: bool = False) -> Metric:
    return Metric(name, ENDPOINTS, title, unit, dimensions, is_offered=offered)


METRICS = (
    _deployment("CpuUtilizationPercentage", "Processor use", "%", "instanceId", offered=True),
    _deployment("CpuMemoryUtilizationPercentage", "Memory use", "%", "instanceId", offered=True),
    _deployment("GpuUtilizationPercentage", "GPU use", "%", "instanceId", offered=True),
    _deployment("GpuMemoryUtilizationPercentage", "GPU memory use", "%", "instanceId", offered=True),
    _deployment("DiskUtilization", "Disk use", "%", "instanceId", "disk"),
    _deployment("DeploymentCapacity", "Instances", "", "instanceId", "State"),
    _deployment("GpuEnergyJoules", "GPU energy", "J", "instanceId"),
    _deployment("DataCollectionErrorsPerMinute", "Collection errors", "/min", "instanceId", "reason", "type"),
    _deployment("DataCollectionEventsPerMinute", "Collection events", "/min", "instanceId", "type"),
    _deployment("RequestsPerMinute", "Requests of the deployment", "/min", "envoy_response_code", offered=True),
    _deployment("RequestLatency_P50", "Latency P50 of the deployment", "ms", offered=True),
    _deployment("RequestLatency_P90", "Latency P90 of the deployment", "ms", offered=True),
    _deployment("RequestLatency_P95", "Latency P95 of the deployment", "ms", offered=True),
    _deployment("RequestLatency_P99", "Latency P99 of the deployment", "ms", offered=True),
    _endpoint("RequestLatency", "Mean latency at the endpoint", "ms", "deployment", offered=True),
    _endpoint("RequestLatency_P50", "Latency P50 at the endpoint", "ms", "deployment"),
    _endpoint("RequestLatency_P90", "Latency P90 at the endpoint", "ms", "deployment"),
    _endpoint("RequestLatency_P95", "Latency P95 at the endpoint", "ms", "deployment", offered=True),
    _endpoint("RequestLatency_P99", "Latency P99 at the endpoint", "ms", "deployment"),
    _endpoint(
        "RequestsPerMinute",
        "Requests of the endpoint",
        "/min",
        "deployment",
        "statusCode",
        "statusCodeClass",
        "modelStatusCode",
        offered=True,
    ),
    _endpoint("ConnectionsActive", "Active connections", "", offered=True),
    _endpoint("NewConnectionsPerSecond", "New connections", "/s"),
    _endpoint("NetworkBytes", "Network", "bytes/s"),
    _endpoint("DataCollectionErrorsPerMinute", "Collection errors", "/min", "deployment", "reason", "type"),
    _endpoint("DataCollectionEventsPerMinute", "Collection events", "/min", "deployment", "type"),
)


def find(name: str, namespace: str) -> Metric | None:
    """The metric with this name in a namespace, in any case; None when there is none."""
    wanted = (name.lower(), namespace.lower())
    return next((each for each in METRICS if (each.name.lower(), each.namespace.lower()) == wanted), None)


def namespace_of(resource: str) -> str:
    """The metric namespace of an endpoint's or a deployment's ARM id; "" for any other resource."""
    parts = [part.lower() for part in resource.rstrip("/").split("/")]
    if len(parts) == 11 and parts[9] == "onlineendpoints":
        return ENDPOINTS
    return DEPLOYMENTS if len(parts) == 13 and parts[9] == "onlineendpoints" and parts[11] == "deployments" else ""
