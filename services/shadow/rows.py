"""The settled minutes of two deployments: requests, errors, and the latency of single requests, of one source each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from services.azure.connection import Connection
from services.comparison.judge import Arm
from services.comparison.mixtures import Floats
from services.metrics import deployment_metrics
from services.metrics.lag import meter
from services.metrics.windows import settled_until
from services.model import Deployment, Endpoint, Window
from services.shadow.model import Minute, Pair, Reading
from services.visibility.judging import DEPLOYMENT_METRICS

_NONE: Floats = np.empty(0)


def read(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    pair: Pair,
    since: datetime,
    until: datetime,
) -> Reading:
    """Every minute from ``since`` on that has settled in all sources and lies before ``until``, in order.

    Ask on from the end of the last minute: what has not settled yet comes with a later reading. Raises SluiceError when
    nothing can be read.
    """
    end = min(until, settled_until(conn.now(), meter(conn, endpoint.id).lag().seconds))
    if since >= end:
        return Reading((), "", "")
    data = deployment_metrics(conn, endpoint, deployments, Window(since, end, 60), conn.now())
    if data.requests_problem:
        raise data.requests_problem
    found: dict[tuple[datetime, str], list[float]] = {}
    for at, name, status, count in data.requests[["at", "deployment", "status", "count"]].itertuples(index=False):
        counts = found.setdefault((at.to_pydatetime(), name), [0.0, 0.0])
        counts[0] += count
        counts[1] += count if data.statuses.is_server_error(status) else 0.0

    def arm(at: datetime, name: str) -> Arm:
        requests, errors = found.get((at, name), (0.0, 0.0))
        return Arm(round(requests), round(errors), _NONE)

    minutes = tuple(Minute(at, arm(at, pair.live), arm(at, pair.candidate)) for at in sorted({at for at, _ in found}))
    return Reading(minutes, DEPLOYMENT_METRICS, "", data.requests_notes)
