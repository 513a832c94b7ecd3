"""The last settled minutes of deployments and endpoints in three numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.azure.connection import Connection
from services.metrics.series import points, read_deployments
from services.metrics.statuses import is_server_error
from services.metrics.windows import summary_window
from services.model import Deployment, Endpoint, Series, Window

ENDPOINT_SPLIT = ("deployment", "statusCode", "statusCodeClass", "modelStatusCode")
"""Every dimension: an average over fewer is a mean over the rest, not their sum."""


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


def deployment_summaries(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], now: datetime
) -> dict[str, Summary]:
    """Deployment name → what it did in the last 15 settled minutes, mirrored requests included. Raises SluiceError."""
    window = summary_window(now)
    ids = [found.id for found in deployments if found.endpoint == endpoint.name]
    latency, rates = read_deployments(conn, endpoint, ids, ["P95"], window)
    by_id = summaries_by_id(ids, latency, rates, "envoy_response_code", window)
    return {found.name: by_id[found.id.lower()] for found in deployments if found.id.lower() in by_id}


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
