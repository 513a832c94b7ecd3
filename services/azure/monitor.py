"""Platform metrics from Azure Monitor: the batch service first, one request per resource where that is not allowed.

The batch service has an address in each region, and wants the role Monitoring Reader on the whole subscription; many
people have it on a resource group only. What it refuses of a subscription in a region is not asked of it again for a
quarter of an hour: about as long as a new role takes to work everywhere.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineResponse
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
_REFUSED_SECONDS = 900.0
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
_PART_FAILED = re.compile(r'"errorCode"\s*:\s*"(?!Success")(\w+)"')
"""One metric of an answer may fail on its own; the batch client does not keep its code."""
_METRIC_ID = "/providers/microsoft.insights/metrics/"

GRAIN_SECONDS = tuple(_GRAINS)
"""The grains a Window may have, in seconds."""


@dataclass(frozen=True)
class Answer:
    """The series that Azure answered, and what is missing of them: whole sentences, none when all is there."""

    series: list[Series]
    notes: tuple[str, ...] = ()


def read_metrics(
    conn: Connection,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    *,
    split_by: Sequence[str] = (),
    region: str = "",
) -> list[Series]:
    """Average per grain of ``metrics`` for each resource, one Series per combination of the ``split_by`` values.

    All resources must be of the type ``namespace``, in one subscription, and in ``region``: the one of the connection's
    workspace when it is not given. Points without data are None, which is not 0; a resource that Azure does not know
    (any more) has no Series. Raises SluiceError.
    """
    return read_answer(conn, resource_ids, namespace, metrics, window, split_by=split_by, region=region).series


def read_answer(
    conn: Connection,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    *,
    split_by: Sequence[str] = (),
    region: str = "",
) -> Answer:
    """:func:`read_metrics` with what Azure left out. Raises SluiceError."""
    if not resource_ids:
        return Answer([])
    call = conn.call("The metrics could not be read.", _ROLE)
    address = batch_address(conn, region)
    refused = refusal_key(namespace, resource_ids[0], address)
    if conn.memory.get(refused, 0.0) <= time.monotonic():
        try:
            return _batches(conn, address, resource_ids, namespace, metrics, window, split_by, call)
        except SluiceError as error:
            if getattr(error.__cause__, "status_code", None) not in _REFUSALS:
                raise
            conn.memory[refused] = time.monotonic() + _REFUSED_SECONDS
    return _one_by_one(conn, resource_ids, namespace, metrics, window, split_by, call)


def refusal_key(namespace: str, resource_id: str, address: str) -> tuple[str, ...]:
    """Where a connection's memory says until when the batch service at ``address`` is not asked for such a resource."""
    subscription = "".join(resource_id.split("/")[2:3])
    return ("monitor", "batch refused", namespace, subscription.lower(), address)


def _batches(
    conn: Connection,
    address: str,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    split_by: Sequence[str],
    call: Call,
) -> Answer:
    """All resources, 50 at a time."""
    series: list[Series] = []
    failed: set[str] = set()

    def look(answer: PipelineResponse[Any, Any]) -> None:
        failed.update(_PART_FAILED.findall(answer.http_response.text()))

    client = _client(conn, address)
    call = replace(call, address=urlsplit(address).netloc)
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
                raw_response_hook=look,
            )
        for result in results:
            series.extend(_from_batch(result))
    return Answer(series, _notes(series, failed))


def _one_by_one(
    conn: Connection,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    split_by: Sequence[str],
    call: Call,
) -> Answer:
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

    failed: set[str] = set()

    def read(resource_id: str) -> list[Series]:
        path = f"{resource_id}/providers/Microsoft.Insights/metrics"
        try:
            body = conn.send("GET", path, call, api_version=_API_VERSION, params=params).body
        except NotFound:
            return []
        codes = (str(metric.get("errorCode") or "Success") for metric in body.get("value") or [])
        failed.update(code for code in codes if code != "Success")
        return list(_from_arm(resource_id, body))

    with ThreadPoolExecutor(_FALLBACK_THREADS, thread_name_prefix="metrics") as pool:
        series = [one for found in pool.map(read, resource_ids) for one in found]
    return Answer(series, _notes(series, failed))


def _notes(series: Sequence[Series], failed: set[str]) -> tuple[str, ...]:
    notes = [f"Azure answered only a part ({code}): what is missing here may exist." for code in sorted(failed)]
    lines = Counter((one.resource_id.lower(), one.metric) for one in series)
    if any(count >= _MOST_SERIES for count in lines.values()):
        notes.append(f"Azure was asked for {_MOST_SERIES:,} series and has more: the sums here are too small.")
    return tuple(notes)


def _client(conn: Connection, address: str) -> MetricsClient:
    """The batch client of a region, or of the address in the settings."""
    key = ("monitor", "client", address)
    client = conn.memory.get(key)
    if client is None:
        audience = f"https://{conn.cloud.metrics_domain}"
        client = MetricsClient(address, conn.credential, audience=audience, **conn.client_options)
        conn.memory[key] = client
    return client


def batch_address(conn: Connection, region: str) -> str:
    """Where the batch service is: in the settings, else in ``region``, else in the region of the workspace."""
    if conn.settings.metrics_endpoint:
        return conn.settings.metrics_endpoint
    if not region:
        key = ("monitor", "region", conn.workspace.address.lower())
        if key not in conn.memory:
            conn.memory[key] = workspace(conn).location
        region = str(conn.memory[key])
    return f"https://{region_name(region)}.{conn.cloud.metrics_domain}"


def region_name(region: str) -> str:
    """The short name of a region that a document may write for people: "West Europe" is "westeurope"."""
    return region.replace(" ", "").lower()


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
