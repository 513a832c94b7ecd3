"""Platform metrics from Azure Monitor: the batch service first, one request per resource where that is not allowed.

The batch service wants the role Monitoring Reader on the whole subscription; many people have it on a resource group
only. What it refuses once is not asked of it again during the life of the connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from azure.monitor.querymetrics import MetricsClient, MetricsQueryResult

from services.azure.cloud import Json
from services.azure.connection import Connection, workspace
from services.azure.documents import moment
from services.azure.translation import Call, translated
from services.errors import NotFound, SluiceError
from services.model import Series, Window

ENDPOINT_NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
DEPLOYMENT_NAMESPACE = ENDPOINT_NAMESPACE + "/deployments"

_ROLE = "Monitoring Reader"
_API_VERSION = "2024-02-01"
_MOST_RESOURCES = 50
"""Resources in one batch query (Azure Monitor metrics batch API)."""
_MOST_SERIES = 1000
"""Series in one answer. Azure's default is 10 and it drops the rest without a word."""
_FALLBACK_THREADS = 4
_REFUSALS = frozenset({400, 403, 404, 501})
_GRAINS = {
    60: "PT1M",
    300: "PT5M",
    900: "PT15M",
    1800: "PT30M",
    3600: "PT1H",
    21600: "PT6H",
    43200: "PT12H",
    86400: "P1D",
}
"""Time grains that Azure Monitor offers for platform metrics, in seconds and in ISO 8601."""
_METRIC_ID = "/providers/microsoft.insights/metrics/"

GRAIN_SECONDS = tuple(_GRAINS)
"""The grains a Window may have, in seconds."""


def read_metrics(
    conn: Connection,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    *,
    split_by: Sequence[str] = (),
) -> list[Series]:
    """Average per grain of ``metrics`` for each resource, one Series per combination of the ``split_by`` values.

    All resources must be of the type ``namespace``. Points without data are None, which is not 0; a resource that
    Azure does not know (any more) has no Series. Raises SluiceError.
    """
    call = conn.call("The metrics could not be read.", _ROLE)
    refused = ("monitor", "batch refused", namespace)
    if refused not in conn.memory:
        try:
            return _batches(conn, resource_ids, namespace, metrics, window, split_by, call)
        except SluiceError as error:
            status = getattr(error.__cause__, "status_code", None)
            if status not in _REFUSALS:
                raise
            conn.memory[refused] = status
    return _one_by_one(conn, resource_ids, namespace, metrics, window, split_by, call)


def _batches(
    conn: Connection,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    split_by: Sequence[str],
    call: Call,
) -> list[Series]:
    """All resources, 50 at a time."""
    series: list[Series] = []
    client = _client(conn)
    call = replace(call, address=urlsplit(_address(conn)).netloc)
    for first in range(0, len(resource_ids), _MOST_RESOURCES):
        with translated(call):
            results = client.query_resources(
                resource_ids=list(resource_ids[first : first + _MOST_RESOURCES]),
                metric_namespace=namespace,
                metric_names=list(metrics),
                timespan=(window.start_at, window.end_at),
                granularity=timedelta(seconds=window.grain_seconds),
                aggregations=["Average"],
                filter=_filter(split_by),
                max_results=_MOST_SERIES if split_by else None,
            )
        for result in results:
            series.extend(_from_batch(result))
    return series


def _one_by_one(
    conn: Connection,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    split_by: Sequence[str],
    call: Call,
) -> list[Series]:
    """Each resource through Azure Resource Manager, a few at a time."""
    params = {
        "timespan": f"{_zulu(window.start_at)}/{_zulu(window.end_at)}",
        "interval": _GRAINS[window.grain_seconds],
        "metricnames": ",".join(metrics),
        "aggregation": "Average",
        "metricnamespace": namespace,
    }
    if split_by:
        params |= {"$filter": str(_filter(split_by)), "top": str(_MOST_SERIES)}

    def read(resource_id: str) -> list[Series]:
        path = f"{resource_id}/providers/Microsoft.Insights/metrics"
        try:
            body = conn.send("GET", path, call, api_version=_API_VERSION, params=params).body
        except NotFound:
            return []
        return list(_from_arm(resource_id, body))

    with ThreadPoolExecutor(_FALLBACK_THREADS, thread_name_prefix="metrics") as pool:
        return [series for found in pool.map(read, resource_ids) for series in found]


def _client(conn: Connection) -> MetricsClient:
    """The batch client of the workspace's region, or of the address in the settings."""
    key = ("monitor", "client")
    client = conn.memory.get(key)
    if client is None:
        audience = f"https://{conn.cloud.metrics_domain}"
        client = MetricsClient(_address(conn), conn.credential, audience=audience, **conn.client_options)
        conn.memory[key] = client
    return client


def _address(conn: Connection) -> str:
    """Where the batch service is: in the settings, else in the workspace's region."""
    key = ("monitor", "address")
    if key not in conn.memory:
        given = conn.settings.metrics_endpoint
        conn.memory[key] = given or f"https://{workspace(conn).location}.{conn.cloud.metrics_domain}"
    return str(conn.memory[key])


def _filter(split_by: Sequence[str]) -> str | None:
    return " and ".join(f"{dimension} eq '*'" for dimension in split_by) or None


def _zulu(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _resource_of(metric_id: str) -> str:
    """The resource of a metric's id; the batch answer names the resource nowhere else that the client keeps."""
    end = metric_id.lower().find(_METRIC_ID)
    return metric_id[:end] if end >= 0 else metric_id


def _from_batch(result: MetricsQueryResult) -> Iterator[Series]:
    for metric in result.metrics:
        for element in metric.timeseries:
            yield Series(
                resource_id=_resource_of(metric.id),
                metric=metric.name,
                unit=str(metric.unit),
                dimensions={str(key).lower(): str(value) for key, value in element.metadata_values.items()},
                times=tuple(point.timestamp.astimezone(UTC) for point in element.data),
                values=tuple(point.average for point in element.data),
            )


def _from_arm(resource_id: str, body: Json) -> Iterator[Series]:
    for metric in body.get("value") or []:
        for element in metric.get("timeseries") or []:
            points = [(moment(point.get("timeStamp")), point.get("average")) for point in element.get("data") or []]
            yield Series(
                resource_id=resource_id,
                metric=str(metric["name"]["value"]),
                unit=str(metric.get("unit") or ""),
                dimensions={
                    str(entry["name"]["value"]).lower(): str(entry.get("value"))
                    for entry in element.get("metadatavalues") or []
                },
                times=tuple(at for at, _ in points if at),
                values=tuple(value for at, value in points if at),
            )
