"""Requests per minute in every source that may count mirrored ones. Each is read on its own, all at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from services.azure import endpoints
from services.azure.connection import Connection
from services.azure.diagnostics import CONSOLE, TRAFFIC, are_sent
from services.azure.log_analytics import ask_table, literal
from services.errors import SluiceError
from services.model import Deployment, Endpoint, Window
from services.traffic import counting, server_log
from services.traffic.counting import Minutes
from services.visibility.judging import (
    CONSOLE_LOG,
    CONTAINER_LOG,
    DEPLOYMENT_METRICS,
    ENDPOINT_METRICS,
    TRAFFIC_LOG,
)

CATEGORIES = {TRAFFIC_LOG: TRAFFIC, CONSOLE_LOG: CONSOLE}
"""The log category, and the table, of each log."""
LOG_LINES = 10_000
"""Lines of the container log that are read live."""
_SCORED = "azmlinfsrv - POST /score"
"""What Microsoft's inference server writes for each request that it has answered."""


@dataclass(frozen=True)
class Read:
    """What one source counted: deployment in lower case → minutes; "" is what no deployment answered.

    ``problem`` is why nothing could be read, a sentence; "" when it could.
    """

    by_deployment: Mapping[str, Minutes]
    problem: str = ""


def read_all(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], window: Window
) -> dict[str, Read]:
    """Source → what it counted in ``window``. A source that fails says why, and stops no other.

    Without a mirror only the two sources that are compared with each other are read.
    """
    reads: dict[str, Callable[[], Mapping[str, Minutes]]] = {
        ENDPOINT_METRICS: partial(counting.of_endpoint, conn, endpoint, window),
        TRAFFIC_LOG: partial(_logged, conn, endpoint, TRAFFIC_LOG, "", window),
    }
    target = endpoint.split.mirror_target
    if target is not None:
        lines = f'| where ContainerName == "inference-server" and Message contains {literal(_SCORED)}'
        reads |= {
            DEPLOYMENT_METRICS: partial(counting.of_deployments, conn, endpoint, deployments, window),
            CONSOLE_LOG: partial(_logged, conn, endpoint, CONSOLE_LOG, lines, window),
            CONTAINER_LOG: partial(_written, conn, endpoint, target),
        }
    with ThreadPoolExecutor(len(reads), thread_name_prefix="visibility") as pool:
        found = pool.map(_safely, reads.values())
        return dict(zip(reads, found, strict=True))


def _safely(read: Callable[[], Mapping[str, Minutes]]) -> Read:
    try:
        return Read(read())
    except SluiceError as error:
        request = f" Request id {error.request_id}." if error.request_id else ""
        return Read({}, error.why + request)


def _logged(conn: Connection, endpoint: Endpoint, source: str, narrowed: str, window: Window) -> dict[str, Minutes]:
    """Rows per minute of a log in Log Analytics. Raises SluiceError, also when nothing sends the log there."""
    what = f"The {source.lower()} of {endpoint.name} could not be read."
    kql = f"{narrowed} | summarize Requests = count() by DeploymentName, Minute = bin(TimeGenerated, 1m)"
    span = (window.start_at, window.end_at)
    found: dict[str, dict[datetime, float]] = {}
    for row in ask_table(conn, what, endpoint.id, CATEGORIES[source], kql, span).records():
        if isinstance(row.get("Minute"), datetime):
            minutes = found.setdefault(str(row["DeploymentName"] or "").lower(), {})
            minutes[row["Minute"].astimezone(UTC)] = float(row["Requests"])
    if not found and not are_sent(conn, endpoint, CATEGORIES[source]):
        raise SluiceError(
            what,
            f"No diagnostic setting sends the category {CATEGORIES[source]} to Log Analytics.",
            "Switch it on.",
        )
    return dict(found)


def _written(conn: Connection, endpoint: Endpoint, deployment: str) -> dict[str, Minutes]:
    """Requests per minute that one container has written of itself. Raises SluiceError."""
    log = endpoints.logs(conn, endpoint.name, deployment, LOG_LINES)
    counted = Counter(at.replace(second=0, microsecond=0) for at in server_log.times(log))
    return {deployment.lower(): {at: float(count) for at, count in counted.items()}}
