"""Latency, request rate and errors of deployments over time, as tidy frames for charts and as small summaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from services.azure.connection import Connection
from services.model import Deployment, Endpoint, Window

PERCENTILES = ("P50", "P90", "P95", "P99")
SETTLE_SECONDS = 120


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
    raise NotImplementedError


def is_client_error(status: str) -> bool:
    """Whether ``status`` counts as the caller's mistake: any other 4xx."""
    raise NotImplementedError


def settled_until(now: datetime) -> datetime:
    """The moment before which metrics no longer change."""
    raise NotImplementedError


def window_for(minutes_back: int, now: datetime) -> Window:
    """The last ``minutes_back`` whole minutes (1 minute to 30 days) with a grain that keeps charts readable."""
    raise NotImplementedError


def deployment_metrics(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], window: Window
) -> DeploymentMetrics:
    """Latency percentiles and requests by status of each deployment. Raises SluiceError."""
    raise NotImplementedError


def summaries(conn: Connection, endpoints: Sequence[Endpoint], now: datetime) -> dict[str, Summary]:
    """Endpoint name → what clients saw of it in the last 15 settled minutes. Raises SluiceError."""
    raise NotImplementedError


def deployment_summaries(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], now: datetime
) -> dict[str, Summary]:
    """Deployment name → what it did in the last 15 settled minutes, mirrored requests included. Raises SluiceError."""
    raise NotImplementedError
