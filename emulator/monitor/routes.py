"""The metrics APIs of Azure Monitor, free of any HTTP framework: the server mounts them and checks who asks.

ARM metrics answer errors flat (``{"code", "message"}``), the batch API nested (``{"error": {…}}``).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from emulator.monitor.catalogue import CATALOGUE, DEPLOYMENTS, GRAINS, RETENTION, Metric
from emulator.monitor.evaluation import clauses_for, series, times_of
from emulator.monitor.query import MetricsError, MetricsQuery, parse_query, zulu
from emulator.monitor.samples import Published, deployment_samples, endpoint_samples, measured_samples
from emulator.scoring.telemetry.gauges import GaugeMinute
from emulator.scoring.telemetry.rows import Minute

MAX_METRICS = 20
MAX_RESOURCES = 50
MAX_POINTS = 1_000_000
"""Metrics × resources × points in time of one answer. A day of minutes of 5 metrics of 50 resources fits twice."""


class Switches(Protocol):
    """The settings that decide what metrics show; they may change at any time."""

    @property
    def shadow_in_endpoint_metrics(self) -> bool:
        """Whether mirrored requests count in the endpoint's own metrics."""

    @property
    def shadow_in_deployment_metrics(self) -> bool:
        """Whether mirrored requests count in the metrics of the deployment that they go to."""

    @property
    def metric_delay_seconds(self) -> float:
        """How long ago a minute must have ended before it is shown; 0 shows every minute at once."""

    @property
    def undocumented_aggregations(self) -> bool:
        """Whether aggregations are answered that the reference does not list for a metric."""


class Requests(Protocol):
    """Where roll-ups of requests are read."""

    def minutes(self, endpoint: str, start: float, end: float, deployment: str | None = None) -> list[Minute]:
        """Roll-ups of the minutes that begin in [start, end), in the order of time."""


class Measurements(Protocol):
    """Where what was measured is read."""

    def minutes(self, endpoint: str, start: float, end: float, deployment: str = "") -> list[GaugeMinute]:
        """Minutes that begin in [start, end), in the order of time; of the endpoint itself when none is named."""


class Whereabouts(NamedTuple):
    """The region that a resource is in, and whether it exists; what does not exist has no data."""

    region: str
    exists: bool


class Monitor:
    """Answers from the telemetry store."""

    def __init__(
        self,
        requests: Requests,
        measurements: Measurements,
        switches: Callable[[], Switches],
        locate: Callable[[str], Whereabouts],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`locate` is asked for ARM ids of endpoints and deployments, on the event loop."""
        self._requests = requests
        self._measurements = measurements
        self._switches = switches
        self._locate = locate
        self._clock = clock

    async def arm_metrics(self, resource_id: str, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """``GET {resource}/providers/Microsoft.Insights/metrics``: status and body."""
        try:
            where = self._locate(resource_id)
            return 200, await asyncio.to_thread(self._arm, resource_id, where, query)
        except MetricsError as error:
            return error.status, {"code": error.code, "message": error.message}

    async def batch_metrics(
        self, query: Mapping[str, str], body: object, subscription: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """``POST /subscriptions/{s}/metrics:getBatch``: status and body.

        Resources outside ``subscription`` are refused when it is given.
        """
        try:
            places = [(each, self._locate(each)) for each in _resource_ids(body, subscription)]
            return 200, await asyncio.to_thread(self._batch, query, places)
        except MetricsError as error:
            info = [{"type": "string", "info": f"TraceId={uuid.uuid4()}"}]
            return error.status, {"error": {"code": error.code, "message": error.message, "additionalInfo": info}}

    def metric_definitions(self, resource_id: str) -> tuple[int, dict[str, Any]]:
        """``GET {resource}/providers/Microsoft.Insights/metricDefinitions``: status and body."""
        try:
            kind, _ = parse_resource(resource_id)
        except MetricsError as error:
            return error.status, {"code": error.code, "message": error.message}
        return 200, {"value": [_definition(resource_id, kind, metric) for metric in CATALOGUE[kind]]}

    def metric_namespaces(self, resource_id: str) -> tuple[int, dict[str, Any]]:
        """``GET {resource}/providers/Microsoft.Insights/metricNamespaces``: status and body."""
        try:
            kind, _ = parse_resource(resource_id)
        except MetricsError as error:
            return error.status, {"code": error.code, "message": error.message}
        entry = {
            "id": f"{resource_id}/providers/microsoft.insights/metricNamespaces/{kind}",
            "type": "Microsoft.Insights/metricNamespaces",
            "name": kind,
            "classification": "Platform",
            "properties": {"metricNamespaceName": kind},
        }
        return 200, {"value": [entry]}

    def _arm(self, resource_id: str, where: Whereabouts, values: Mapping[str, str]) -> dict[str, Any]:
        query = parse_query(values, self._clock())
        if "/providers/" not in resource_id.lower():
            raise MetricsError(f"Resource type: {query.namespace} not enabled for Cross Resource metrics.")
        kind, names = parse_resource(resource_id)
        metrics = self._metrics(kind, query)
        if len(metrics) > MAX_METRICS:
            raise MetricsError(f"At most {MAX_METRICS} metrics can be asked for in one call.")
        _check_size(query, len(metrics))
        return {
            "cost": _cost(query, metrics),
            "timespan": f"{zulu(query.start)}/{zulu(query.end)}",
            "interval": query.grain,
            "namespace": kind,
            "resourceregion": where.region,
            "value": self._values(resource_id, kind, names if where.exists else (), metrics, query, times_of(query)),
        }

    def _batch(self, values: Mapping[str, str], places: Sequence[tuple[str, Whereabouts]]) -> dict[str, Any]:
        query = parse_query(values, self._clock())
        if not query.namespace or not query.names:
            raise MetricsError("The query parameters metricnamespace and metricnames are required.")
        resources = [(entry, where, *parse_resource(entry)) for entry, where in places]
        _check_size(query, len(query.names) * len(resources))
        times = times_of(query)
        answers = []
        for resource_id, where, kind, names in resources:
            metrics = self._metrics(kind, query)
            answers.append(
                {
                    "starttime": zulu(query.start),
                    "endtime": zulu(query.end),
                    "interval": query.grain,
                    "namespace": kind,
                    "resourceregion": where.region,
                    "resourceid": resource_id,
                    "cost": _cost(query, metrics),
                    "value": self._values(resource_id, kind, names if where.exists else (), metrics, query, times),
                }
            )
        return {"values": answers}

    def _metrics(self, kind: str, query: MetricsQuery) -> list[Metric]:
        """The metrics asked for; raises MetricsError when namespace, name or filter do not fit the resource."""
        if query.namespace and query.namespace.lower() != kind.lower():
            raise MetricsError(
                f"Detect invalid value: {query.namespace} for query parameter: 'metricnamespace', the value must be: "
                f"{kind} if the query parameter is provided, you can also skip this optional query parameter."
            )
        known = {metric.name.lower(): metric for metric in CATALOGUE[kind]}
        provider, _, resource_type = kind.partition("/")
        metrics = []
        for name in query.names or (CATALOGUE[kind][0].name,):
            metric = known.get(name.lower())
            if metric is None:
                valid = ",".join(entry.name for entry in CATALOGUE[kind])
                raise MetricsError(
                    f"Failed to find metric configuration for provider: {provider}, resource Type: {resource_type}, "
                    f"metric: {name}, Valid metrics: {valid}"
                )
            clauses_for(metric, query)
            if not self._switches().undocumented_aggregations:
                _check_aggregations(metric, query)
            metrics.append(metric)
        return metrics

    def _values(
        self,
        resource_id: str,
        kind: str,
        names: Sequence[str],
        metrics: Sequence[Metric],
        query: MetricsQuery,
        times: Sequence[str],
    ) -> list[dict[str, Any]]:
        samples = self._published(kind, names, [metric.name for metric in metrics], query) if names else {}
        values = []
        for metric in metrics:
            values.append(
                {
                    "id": f"{resource_id}/providers/Microsoft.Insights/metrics/{metric.name}",
                    "type": "Microsoft.Insights/metrics",
                    "name": {"value": metric.name, "localizedValue": metric.display},
                    "displayDescription": metric.display,
                    "unit": metric.unit,
                    "timeseries": series(samples.get(metric.name, {}), metric, query, times),
                    "errorCode": "Success",
                }
            )
        return values

    def _published(self, kind: str, names: Sequence[str], asked: Sequence[str], query: MetricsQuery) -> Published:
        """The samples of the metrics asked for; `names` are those of workspace, endpoint and deployment."""
        switches = self._switches()
        end: float = query.end
        if switches.metric_delay_seconds > 0:
            end = min(end, self._clock() - switches.metric_delay_seconds - 60)
        endpoint, deployment = names[1], names[2] if len(names) > 2 else ""
        found: Published = {}
        if any(name.startswith("Request") for name in asked):
            minutes = self._requests.minutes(endpoint, query.start, end, deployment or None)
            if kind == DEPLOYMENTS:
                found = deployment_samples(asked, minutes, switches.shadow_in_deployment_metrics)
            else:
                found = endpoint_samples(asked, minutes, switches.shadow_in_endpoint_metrics)
        if any(not name.startswith("Request") for name in asked):
            found |= measured_samples(asked, self._measurements.minutes(endpoint, query.start, end, deployment))
        return found


def _resource_ids(body: object, subscription: str | None) -> list[str]:
    """The resources that the body of a batch names. Raises MetricsError when there are too many, or none."""
    content = body if isinstance(body, dict) else {}
    given = {str(name).lower(): value for name, value in content.items()}.get("resourceids")
    if not isinstance(given, list) or not given or not all(isinstance(entry, str) for entry in given):
        raise MetricsError("The body must hold a list of resource ids named resourceids.")
    if len(given) > MAX_RESOURCES:
        raise MetricsError(f"The number of resource ids ({len(given)}) exceeds the maximum of {MAX_RESOURCES}.")
    for entry in given:
        if subscription is not None and f"/subscriptions/{subscription}/".lower() not in f"{entry}/".lower():
            raise MetricsError(f"The resource {entry} is not in the subscription {subscription}.")
    return given


def parse_resource(resource_id: str) -> tuple[str, tuple[str, ...]]:
    """Type and names (workspace, endpoint, deployment) of an ARM id; the type in Azure's own spelling.

    Raises MetricsError for a resource that has no metrics here.
    """
    parts = [part for part in resource_id.split("/") if part]
    lowered = [part.lower() for part in parts]
    start = lowered.index("providers") + 1 if "providers" in lowered else len(parts)
    kind = "/".join([*parts[start : start + 1], *parts[start + 1 :: 2]])
    for known in CATALOGUE:
        if known.lower() == kind.lower() and (len(parts) - start) % 2:
            return known, tuple(parts[start + 2 :: 2])
    raise MetricsError(f"Failed to find metric configuration for the resource {resource_id}.")


def _check_aggregations(metric: Metric, query: MetricsQuery) -> None:
    """Refuse what the reference does not list. Raises MetricsError."""
    listed = [name.lower() for name in metric.aggregations]
    for name in query.aggregations:
        if name not in listed:
            raise MetricsError(
                f"Metric: {metric.name} does not support requested aggregation: {name}, "
                f"supported ones are: {','.join(metric.aggregations)}"
            )


def _check_size(query: MetricsQuery, series: int) -> None:
    """Refuse what would fill the memory before it is built: Azure does not say where it draws this line."""
    points = series * -(-(query.end - query.start) // query.grain_seconds)
    if points > MAX_POINTS:
        raise MetricsError(
            f"The query asks for {points} points, more than {MAX_POINTS}: take a shorter timespan or a longer interval."
        )


def _cost(query: MetricsQuery, metrics: Sequence[Metric]) -> int:
    points = -(-(query.end - query.start) // query.grain_seconds)
    return points * len(metrics) - 1


def _definition(resource_id: str, kind: str, metric: Metric) -> dict[str, Any]:
    return {
        "id": f"{resource_id}/providers/microsoft.insights/metricdefinitions/{metric.name}",
        "resourceId": resource_id,
        "namespace": kind,
        "category": metric.category,
        "name": {"value": metric.name, "localizedValue": metric.display},
        "displayDescription": metric.display,
        "isDimensionRequired": False,
        "unit": metric.unit,
        "primaryAggregationType": "Average",
        "supportedAggregationTypes": list(metric.aggregations),
        "metricAvailabilities": [{"timeGrain": grain, "retention": RETENTION} for grain in GRAINS],
        "dimensions": [{"value": name, "localizedValue": name} for name in metric.dimensions],
    }
