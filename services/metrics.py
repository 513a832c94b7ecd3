"""Latency, request rate and errors of deployments over time, as tidy frames for charts and as small summaries.

Series come from the deployments' own metrics: the same measuring point for live and mirrored requests. Azure keeps one
value per minute; at a coarser grain it answers the mean of the minutes, so a P95 of an hour is the mean of sixty
minute P95s, not the P95 of the hour. That mean leaves out minutes without data: the rate of a status that was seen in
one minute of an hour is that minute's, and rates of sparse traffic are too high.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, GRAIN_SECONDS, read_metrics
from services.errors import RuleBroken
from services.model import Deployment, Endpoint, Series, Window

PERCENTILES = ("P50", "P90", "P95", "P99")
SETTLE_SECONDS = 120
"""Azure stores a platform metric within about a minute; the newest two minutes may still change."""
SUMMARY_MINUTES = 15
MOST_MINUTES = 30 * 24 * 60
"""30 days, the longest span of one chart on Azure."""
MODEL_ERRORS = frozenset({"408", "424", "429"})
"""Codes below 500 that are the service's failure: the model was too slow (408), failed (424) or overloaded (429)."""

_MOST_POINTS = 720
"""Points per line at most: more than a chart is wide in pixels per line is slower and shows nothing more."""
RATE = "RequestsPerMinute"
P95 = "RequestLatency_P95"
_DEPLOYMENT_SPLIT = ("envoy_response_code",)
ENDPOINT_SPLIT = ("deployment", "statusCode", "statusCodeClass", "modelStatusCode")
"""Every dimension: an average over fewer is a mean over the rest, not their sum."""


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


@dataclass(frozen=True)
class Summary:
    """The last settled minutes in three numbers; None means no data.

    ``requests_per_minute`` is the mean over all minutes of ``window``. ``p95_ms`` is the mean of the minutes' P95.
    ``error_percent`` is the share of server errors (:func:`is_server_error`) among the requests.
    """

    requests_per_minute: float | None
    p95_ms: float | None
    error_percent: float | None
    window: Window


def is_server_error(status: str) -> bool:
    """Whether ``status`` counts as the service's failure: 5xx, 424 (model), 408 (timeout), 429 (overload)."""
    return status.startswith("5") or status in MODEL_ERRORS


def is_client_error(status: str) -> bool:
    """Whether ``status`` counts as the caller's mistake: any other 4xx."""
    return status.startswith("4") and not is_server_error(status)


def settled_until(now: datetime) -> datetime:
    """The moment before which metrics no longer change, a whole minute."""
    return _minute(now - timedelta(seconds=SETTLE_SECONDS))


def window_for(minutes_back: int, now: datetime) -> Window:
    """The last ``minutes_back`` whole minutes with the finest grain that keeps a line below 720 points.

    ``minutes_back`` lies between 1 and 30 days. The start is a multiple of the grain, so that points stay where they
    are while time goes on. Raises RuleBroken outside these bounds.
    """
    if not 1 <= minutes_back <= MOST_MINUTES:
        raise RuleBroken(
            "The time range cannot be shown.", f"{minutes_back} minutes were asked for.", "Choose 1 minute to 30 days."
        )
    grain = next(grain for grain in GRAIN_SECONDS if minutes_back * 60 <= grain * _MOST_POINTS)
    end = _minute(now)
    start = end - timedelta(minutes=minutes_back)
    start -= timedelta(seconds=start.timestamp() % grain)
    return Window(start, end, grain)


def deployment_metrics(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], window: Window
) -> DeploymentMetrics:
    """Latency percentiles and requests by status of each deployment of ``endpoint``. Raises SluiceError."""
    names = {found.id.lower(): found.name for found in deployments if found.endpoint == endpoint.name}
    latency, rates = _read_deployments(conn, endpoint, [found.id for found in deployments], PERCENTILES, window)
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
        settled_until=_whole(settled_until(window.end_at), window.grain_seconds),
    )


def deployment_summaries(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], now: datetime
) -> dict[str, Summary]:
    """Deployment name → what it did in the last 15 settled minutes, mirrored requests included. Raises SluiceError."""
    window = summary_window(now)
    ids = [found.id for found in deployments if found.endpoint == endpoint.name]
    latency, rates = _read_deployments(conn, endpoint, ids, ["P95"], window)
    by_id = summaries_by_id(ids, latency, rates, "envoy_response_code", window)
    return {found.name: by_id[found.id.lower()] for found in deployments if found.id.lower() in by_id}


def _read_deployments(
    conn: Connection, endpoint: Endpoint, ids: Sequence[str], percentiles: Sequence[str], window: Window
) -> tuple[list[Series], list[Series]]:
    wanted = [f"RequestLatency_{percentile}" for percentile in percentiles]
    region = endpoint.location
    latency = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, wanted, window, region=region)
    rates = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, [RATE], window, split_by=_DEPLOYMENT_SPLIT, region=region)
    return latency, rates


def summaries_by_id(
    ids: Iterable[str], latency: Sequence[Series], rates: Sequence[Series], status: str, window: Window
) -> dict[str, Summary]:
    """Resource id in lower case → its summary over ``window``; ``status`` is the dimension that holds the HTTP status.

    ``latency`` holds P95 alone, ``rates`` requests per minute split by every dimension; both may reach further back.
    """
    minutes = (window.end_at - window.start_at) / timedelta(minutes=1)
    p95: defaultdict[str, list[float]] = defaultdict(list)
    counts: defaultdict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for one in latency:
        p95[one.resource_id.lower()] += [value for at, value in points(one) if window.start_at <= at < window.end_at]
    for one in rates:
        counts[one.resource_id.lower()] += [
            (one.dimensions, value) for at, value in points(one) if window.start_at <= at < window.end_at
        ]
    return {key: _summary(p95[key], counts[key], status, minutes, window) for key in (each.lower() for each in ids)}


def _summary(
    p95: Sequence[float],
    counts: Sequence[tuple[Mapping[str, str], float]],
    status: str,
    minutes: float,
    window: Window,
) -> Summary:
    total = sum(count for _, count in counts)
    failed = sum(count for dimensions, count in counts if is_server_error(dimensions.get(status, "")))
    return Summary(
        requests_per_minute=total / minutes if counts else None,
        p95_ms=sum(p95) / len(p95) if p95 else None,
        error_percent=100 * failed / total if total else None,
        window=window,
    )


def points(series: Series) -> list[tuple[datetime, float]]:
    """The points of ``series`` that have data."""
    return [(at, value) for at, value in zip(series.times, series.values, strict=True) if value is not None]


def summary_window(now: datetime) -> Window:
    """The last 15 settled minutes."""
    end = settled_until(now)
    return Window(end - timedelta(minutes=SUMMARY_MINUTES), end, 60)


def _whole(at: datetime, grain_seconds: int) -> datetime:
    """The start of the point that holds ``at``: a coarse point is settled when its last minute is."""
    return at - timedelta(seconds=at.timestamp() % grain_seconds)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _frame(columns: tuple[str, str, str, str], rows: Iterable[tuple[datetime, str, str, float]]) -> pd.DataFrame:
    """A tidy frame in the order of time, its first column UTC datetimes and its last one floats, also when empty."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    frame[columns[0]] = pd.to_datetime(frame[columns[0]], utc=True)
    frame[columns[3]] = frame[columns[3]].astype("float64")
    return frame.sort_values(list(columns[:3]), ignore_index=True)
