"""Latency and requests of deployments over time, as tidy frames for charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, read_metrics
from services.metrics.windows import settled_until, whole_point
from services.model import Deployment, Endpoint, Series, Window

PERCENTILES = ("P50", "P90", "P95", "P99")
RATE = "RequestsPerMinute"
P95 = "RequestLatency_P95"
_DEPLOYMENT_SPLIT = ("envoy_response_code",)


@dataclass(frozen=True)
class DeploymentMetrics:
    """What the deployments of an endpoint did in ``window``.

    ``latency``: columns ``at`` (datetime, UTC), ``deployment``, ``percentile`` (P50, P90, P95, P99), ``ms``.
    ``requests``: columns ``at``, ``deployment``, ``status`` (HTTP status as text), ``per_minute``.
    A point without data has no row. Points at or after ``settled_until`` may still change.
    """

    latency: pd.DataFrame
    requests: pd.DataFrame
    window: Window
    settled_until: datetime


def deployment_metrics(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], window: Window
) -> DeploymentMetrics:
    """Latency percentiles and requests by status of each deployment of ``endpoint``. Raises SluiceError."""
    names = {found.id.lower(): found.name for found in deployments if found.endpoint == endpoint.name}
    latency, rates = read_deployments(conn, endpoint, [found.id for found in deployments], PERCENTILES, window)
    return DeploymentMetrics(
        latency=_frame(
            ("at", "deployment", "percentile", "ms"),
            (
                (at, names[one.resource_id.lower()], one.metric.rsplit("_", 1)[-1].upper(), value)
                for one in latency
                if one.resource_id.lower() in names
                for at, value in points(one)
            ),
        ),
        requests=_frame(
            ("at", "deployment", "status", "per_minute"),
            (
                (at, names[one.resource_id.lower()], one.dimensions.get("envoy_response_code", ""), value)
                for one in rates
                if one.resource_id.lower() in names
                for at, value in points(one)
            ),
        ),
        window=window,
        settled_until=whole_point(settled_until(window.end_at), window.grain_seconds),
    )


def read_deployments(
    conn: Connection, endpoint: Endpoint, ids: Sequence[str], percentiles: Sequence[str], window: Window
) -> tuple[list[Series], list[Series]]:
    """Latency percentiles, and requests per minute by status, of the deployments in ``ids``. Raises SluiceError."""
    wanted = [f"RequestLatency_{percentile}" for percentile in percentiles]
    region = endpoint.location
    latency = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, wanted, window, region=region)
    rates = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, [RATE], window, split_by=_DEPLOYMENT_SPLIT, region=region)
    return latency, rates


def points(series: Series) -> list[tuple[datetime, float]]:
    """The points of ``series`` that have data."""
    return [(at, value) for at, value in zip(series.times, series.values, strict=True) if value is not None]


def _frame(columns: tuple[str, str, str, str], rows: Iterable[tuple[datetime, str, str, float]]) -> pd.DataFrame:
    """A tidy frame in the order of time, its first column UTC datetimes and its last one floats, also when empty."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    frame[columns[0]] = pd.to_datetime(frame[columns[0]], utc=True)
    frame[columns[3]] = frame[columns[3]].astype("float64")
    return frame.sort_values(list(columns[:3]), ignore_index=True)
