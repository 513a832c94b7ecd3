"""The platform metrics of online endpoints and of their deployments, as Azure lists them.

Source: the supported-metrics reference of Azure Monitor for the two resource types. A metric that the local Azure does
not measure is listed too and answers with no data, as a GPU metric does on an instance without a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
DEPLOYMENTS = f"{ENDPOINTS}/deployments"

GRAINS = {
    "PT1M": 60,
    "PT5M": 300,
    "PT15M": 900,
    "PT30M": 1800,
    "PT1H": 3600,
    "PT6H": 21600,
    "PT12H": 43200,
    "P1D": 86400,
}
"""Time grains offered, in seconds."""

RETENTION = "P93D"


AVERAGE = ("Average",)
EXTREMES = ("Minimum", "Maximum", "Average")


@dataclass(frozen=True)
class Metric:
    """One metric as metricDefinitions describes it. `aggregations` are those that the reference lists for it."""

    name: str
    display: str
    unit: str
    dimensions: tuple[str, ...] = ()
    category: str = "Traffic"
    aggregations: tuple[str, ...] = AVERAGE


_LATENCIES = tuple((f"_P{percent}", f" P{percent}") for percent in (50, 90, 95, 99))


def _resource(name: str, display: str, unit: str, *dimensions: str) -> Metric:
    return Metric(name, display, unit, ("instanceId", *dimensions), "Resource", EXTREMES)


_ENDPOINT_METRICS = (
    Metric("ConnectionsActive", "Connections Active", "Count"),
    Metric(
        "DataCollectionErrorsPerMinute",
        "Data Collection Errors Per Minute",
        "Count",
        ("deployment", "reason", "type"),
        aggregations=EXTREMES,
    ),
    Metric(
        "DataCollectionEventsPerMinute",
        "Data Collection Events Per Minute",
        "Count",
        ("deployment", "type"),
        aggregations=EXTREMES,
    ),
    Metric("NetworkBytes", "Network Bytes", "BytesPerSecond"),
    Metric("NewConnectionsPerSecond", "New Connections Per Second", "CountPerSecond"),
    *(
        Metric(f"RequestLatency{suffix}", f"Request Latency{display}", "MilliSeconds", ("deployment",))
        for suffix, display in (("", ""), *_LATENCIES)
    ),
    Metric(
        "RequestsPerMinute",
        "Requests Per Minute",
        "Count",
        ("deployment", "statusCode", "statusCodeClass", "modelStatusCode"),
    ),
)

_DEPLOYMENT_METRICS = (
    _resource("CpuMemoryUtilizationPercentage", "CPU Memory Utilization Percentage", "Percent"),
    _resource("CpuUtilizationPercentage", "CPU Utilization Percentage", "Percent"),
    _resource("DataCollectionErrorsPerMinute", "Data Collection Errors Per Minute", "Count", "reason", "type"),
    _resource("DataCollectionEventsPerMinute", "Data Collection Events Per Minute", "Count", "type"),
    _resource("DeploymentCapacity", "Deployment Capacity", "Count", "State"),
    _resource("DiskUtilization", "Disk Utilization", "Percent", "disk"),
    _resource("GpuEnergyJoules", "GPU Energy in Joules", "Count"),
    _resource("GpuMemoryUtilizationPercentage", "GPU Memory Utilization Percentage", "Percent"),
    _resource("GpuUtilizationPercentage", "GPU Utilization Percentage", "Percent"),
    *(Metric(f"RequestLatency{suffix}", f"Request Latency{display}", "MilliSeconds") for suffix, display in _LATENCIES),
    Metric("RequestsPerMinute", "Requests Per Minute", "Count", ("envoy_response_code",)),
)

CATALOGUE = {ENDPOINTS: _ENDPOINT_METRICS, DEPLOYMENTS: _DEPLOYMENT_METRICS}
"""Metrics by resource type, which is also the metric namespace."""
