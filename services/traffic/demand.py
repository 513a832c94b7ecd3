"""What comes in at an endpoint, minute by minute, as Azure Monitor has it. Functions that read raise SluiceError."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from services.azure.connection import Connection
from services.azure.monitor import ENDPOINT_NAMESPACE, read_metrics
from services.metrics import counts, points, settled_until
from services.model import Endpoint, Window

MINUTES = 60
"""How far back the busiest minute is looked for."""
_REQUESTS = "RequestsPerMinute"
_CODES = ("statusCode", "statusCodeClass", "modelStatusCode")
"""With ``deployment``, every dimension: an average over fewer is a mean over the rest, not their sum."""
_NOWHERE = "404"
"""The status of a request that no deployment was there for."""

Minutes = dict[datetime, float]
"""A value for each minute that Azure has one for."""


def last_hour(now: datetime) -> Window:
    """The last 60 settled minutes."""
    end = settled_until(now)
    return Window(end - timedelta(minutes=MINUTES), end, 60)


def requests(conn: Connection, endpoint: Endpoint, window: Window) -> Minutes:
    """Requests per minute that the endpoint's split divides.

    They are counted on the endpoint, by deployment; those of the mirror target are left out: it answers no caller, and
    whether copies count here is not documented. Requests that name their deployment cannot be told from others. While
    no deployment has live traffic, what comes in is answered 404, and those count.
    """
    if not endpoint.split.live:
        found = read_metrics(conn, [endpoint.id], ENDPOINT_NAMESPACE, [_REQUESTS], window, split_by=_CODES)
        nowhere = (each for each in found.whole() if each.dimensions.get("statuscode") == _NOWHERE)
        return _sums(counts(each, window) for each in nowhere)
    split_by = ("deployment", *_CODES)
    found = read_metrics(conn, [endpoint.id], ENDPOINT_NAMESPACE, [_REQUESTS], window, split_by=split_by)
    shadow = (endpoint.split.mirror_target or "").lower()
    answered = (each for each in found.whole() if each.dimensions.get("deployment", "").lower() != shadow)
    return _sums(counts(each, window) for each in answered)


def network_bytes(conn: Connection, endpoint: Endpoint, window: Window) -> Minutes:
    """Bytes per second through the endpoint, the mean of each minute."""
    found = read_metrics(conn, [endpoint.id], ENDPOINT_NAMESPACE, ["NetworkBytes"], window)
    return _sums(points(each) for each in found.whole())


def _sums(found: Iterable[Iterable[tuple[datetime, float]]]) -> Minutes:
    sums: defaultdict[datetime, float] = defaultdict(float)
    for series in found:
        for at, value in series:
            sums[at] += value
    return dict(sums)
