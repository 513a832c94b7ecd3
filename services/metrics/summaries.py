"""The last settled minutes of deployments and endpoints in three numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.azure.connection import Connection
from services.metrics.series import counts, points, read_deployments
from services.metrics.windows import summary_window
from services.model import Deployment, Endpoint, Series, Window
from services.statuses import StatusSets

ENDPOINT_SPLIT = ("deployment", "statusCode", "statusCodeClass", "modelStatusCode")
"""Every dimension: an average over fewer is a mean over the rest, not their sum."""


@dataclass(frozen=True)
class Summary:
    """The last settled minutes in three numbers; None means no data.

    ``requests_per_minute`` is the mean over all minutes of ``window``. ``p95_ms`` is the mean of the minutes' P95.
    ``error_percent`` is the share of server errors (:class:`StatusSets`) among the requests.
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
    by_id = summaries_by_id(ids, latency, rates, "envoy_response_code", window, conn.settings.statuses)
    return {found.name: by_id[found.id.lower()] for found in deployments if found.id.lower() in by_id}


def summaries_by_id(
    ids: Iterable[str],
    latency: Sequence[Series],
    rates: Sequence[Series],
    status: str,
    window: Window,
    statuses: StatusSets,
) -> dict[str, Summary]:
    """Resource id in lower case → its summary over ``window``; ``status`` is the dimension that holds the HTTP status.

    ``latency`` holds P95 alone, ``rates`` requests per minute split by every dimension; both may reach further back.
    """
    minutes = (window.end_at - window.start_at) / timedelta(minutes=1)
    p95: defaultdict[str, list[float]] = defaultdict(list)
    counted: defaultdict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for one in latency:
        p95[one.resource_id.lower()] += [value for at, value in points(one) if window.start_at <= at < window.end_at]
    for one in rates:
        counted[one.resource_id.lower()] += [
            (one.dimensions, number) for at, number in counts(one, window) if window.start_at <= at < window.end_at
        ]
    return {
        key: _summary(p95[key], counted[key], status, minutes, window, statuses)
        for key in (each.lower() for each in ids)
    }


def _summary(
    p95: Sequence[float],
    counted: Sequence[tuple[Mapping[str, str], float]],
    status: str,
    minutes: float,
    window: Window,
    statuses: StatusSets,
) -> Summary:
    total = sum(count for _, count in counted)
    failed = sum(count for dimensions, count in counted if statuses.is_server_error(dimensions.get(status, "")))
    return Summary(
        requests_per_minute=total / minutes if counted else None,
        p95_ms=sum(p95) / len(p95) if p95 else None,
        error_percent=100 * failed / total if total else None,
        window=window,
    )
