"""Latency and requests of deployments over time, as tidy frames for charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, Answer, read_answer, read_metrics
from services.errors import SluiceError
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
    Latency and requests are two questions to Azure: ``…_problem`` is why one got no answer, ``…_notes`` say what is
    missing of an answer.
    """

    latency: pd.DataFrame
    requests: pd.DataFrame
    window: Window
    settled_until: datetime
    latency_problem: SluiceError | None = None
    requests_problem: SluiceError | None = None
    latency_notes: tuple[str, ...] = ()
    requests_notes: tuple[str, ...] = ()


def deployment_metrics(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    window: Window,
    now: datetime | None = None,
) -> DeploymentMetrics:
    """Latency percentiles and requests by status of each deployment of ``endpoint``.

    ``now`` decides what is settled; without it the window ends now. Raises SluiceError when neither could be read.
    """
    names = {found.id.lower(): found.name for found in deployments if found.endpoint == endpoint.name}
    percentiles = [f"RequestLatency_{percentile}" for percentile in PERCENTILES]
    with ThreadPoolExecutor(2, thread_name_prefix="metrics") as pool:
        asked = [
            pool.submit(_answer, conn, endpoint, list(names), metrics, split, window)
            for metrics, split in ((percentiles, ()), ([RATE], _DEPLOYMENT_SPLIT))
        ]
        (latency, latency_problem), (rates, requests_problem) = (each.result() for each in asked)
    if latency_problem and requests_problem:
        raise latency_problem
    return DeploymentMetrics(
        latency=tidy(
            ("at", "deployment", "percentile", "ms"),
            (
                (at, names[one.resource_id.lower()], one.metric.rsplit("_", 1)[-1].upper(), value)
                for one in latency.series
                if one.resource_id.lower() in names
                for at, value in points(one)
            ),
        ),
        requests=tidy(
            ("at", "deployment", "status", "per_minute"),
            (
                (at, names[one.resource_id.lower()], one.dimensions.get("envoy_response_code", ""), value)
                for one in rates.series
                if one.resource_id.lower() in names
                for at, value in points(one)
            ),
        ),
        window=window,
        settled_until=whole_point(settled_until(now or window.end_at), window.grain_seconds),
        latency_problem=latency_problem,
        requests_problem=requests_problem,
        latency_notes=latency.notes,
        requests_notes=rates.notes,
    )


def _answer(
    conn: Connection,
    endpoint: Endpoint,
    ids: Sequence[str],
    metrics: Sequence[str],
    split: Sequence[str],
    window: Window,
) -> tuple[Answer, SluiceError | None]:
    try:
        found = read_answer(conn, ids, DEPLOYMENT_NAMESPACE, metrics, window, split_by=split, region=endpoint.location)
    except SluiceError as error:
        return Answer([]), error
    return found, None


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
    """The points of ``series`` that have data: a number that is one, neither NaN nor infinite."""
    pairs = zip(series.times, series.values, strict=True)
    return [(at, value) for at, value in pairs if value is not None and math.isfinite(value)]


def tidy(columns: tuple[str, str, str, str], rows: Iterable[tuple[datetime, str, str, float]]) -> pd.DataFrame:
    """A tidy frame in the order of time, its first column UTC datetimes and its last one floats, also when empty."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    frame[columns[0]] = pd.to_datetime(frame[columns[0]], utc=True)
    frame[columns[3]] = frame[columns[3]].astype("float64")
    return frame.sort_values(list(columns[:3]), ignore_index=True)
