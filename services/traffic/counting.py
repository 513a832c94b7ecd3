"""Requests per deployment and minute, as Azure's two platform metrics count them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, ENDPOINT_NAMESPACE, read_metrics
from services.metrics import counts
from services.model import Deployment, Endpoint, Series, Window

Minutes = Mapping[datetime, float]
"""Minute → requests that began in it. A minute without data is missing, which is not 0."""

_RATE = "RequestsPerMinute"
_OF_ENDPOINT = ("deployment", "statusCode", "statusCodeClass", "modelStatusCode")
_OF_DEPLOYMENT = ("envoy_response_code",)
"""Every dimension of each metric: an average over fewer is a mean over the rest, not their sum."""


def of_endpoint(conn: Connection, endpoint: Endpoint, window: Window) -> dict[str, Minutes]:
    """Deployment in lower case → what the endpoint's metrics count for it; "" is what no deployment answered.

    The unit is requests per minute: a minute's point is a count. Raises SluiceError.
    """
    region = endpoint.location
    found = read_metrics(conn, [endpoint.id], ENDPOINT_NAMESPACE, [_RATE], window, split_by=_OF_ENDPOINT, region=region)
    return _summed(((one.dimensions.get("deployment", "").lower(), one) for one in found.whole()), window)


def of_deployments(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], window: Window
) -> dict[str, Minutes]:
    """Deployment in lower case → what its own metrics count. Raises SluiceError."""
    names = {found.id.lower(): found.name.lower() for found in deployments}
    ids, region = [found.id for found in deployments], endpoint.location
    found = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, [_RATE], window, split_by=_OF_DEPLOYMENT, region=region)
    mine = ((names[one.resource_id.lower()], one) for one in found.whole() if one.resource_id.lower() in names)
    return _summed(mine, window)


def total(minutes: Minutes | None) -> float | None:
    """All minutes together, None when there is none."""
    return sum(minutes.values()) if minutes else None


def _summed(series: Iterable[tuple[str, Series]], window: Window) -> dict[str, Minutes]:
    found: dict[str, dict[datetime, float]] = {}
    for name, one in series:
        for at, number in counts(one, window):
            minutes = found.setdefault(name, {})
            minutes[at] = minutes.get(at, 0.0) + number
    return dict(found)
