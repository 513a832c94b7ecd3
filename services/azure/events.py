"""What happened to the containers of an endpoint's deployments, as Log Analytics keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.azure.connection import Connection
from services.azure.diagnostics import EVENTS
from services.azure.log_analytics import ask_table, literal, span_of
from services.model import Endpoint

EVENT_NAMES = (
    "BackOff",
    "Pulled",
    "Killing",
    "Created",
    "Started",
    "LivenessProbeFailed",
    "ReadinessProbeFailed",
)
"""What Azure tells of a container (Azure Monitor's reference of the table AmlOnlineEndpointEventLog)."""
MOST_EVENTS = 500
"""The newest events that are read; a container that restarts for ever writes thousands."""


@dataclass(frozen=True)
class LifecycleEvent:
    """One event of one instance. ``name`` is Azure's, one of EVENT_NAMES or a new one."""

    at: datetime
    deployment: str
    instance: str
    name: str
    message: str


@dataclass(frozen=True)
class Wanted:
    """Which events: by time, deployment and event names, and words that are all in the message; nothing is all.

    ``span`` counts back from now by Azure's clock; with ``since`` or ``until`` the absolute time counts instead, and
    the one that is not said is ``span`` before the other, or now.
    """

    span: timedelta = timedelta(hours=1)
    since: datetime | None = None
    until: datetime | None = None
    deployments: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def recent(conn: Connection, endpoint: Endpoint, wanted: Wanted) -> list[LifecycleEvent]:
    """The events of ``endpoint`` that are like ``wanted``, the newest first, at most MOST_EVENTS.

    They reach Log Analytics minutes after they happen, and only while a diagnostic setting sends them. Raises
    SluiceError.
    """
    kql = (
        f"{_narrowed(wanted)}| project TimeGenerated, DeploymentName, InstanceId, Name, Message"
        f" | top {MOST_EVENTS} by TimeGenerated desc"
    )
    what = f"The lifecycle events of {endpoint.name} could not be read."
    span = span_of(conn, what, wanted.span, wanted.since, wanted.until)
    rows = ask_table(conn, what, endpoint.id, EVENTS, kql, span).records()
    return [
        LifecycleEvent(
            at=row["TimeGenerated"].astimezone(UTC),
            deployment=str(row["DeploymentName"] or ""),
            instance=str(row["InstanceId"] or ""),
            name=str(row["Name"] or ""),
            message=str(row["Message"] or ""),
        )
        for row in rows
        if isinstance(row.get("TimeGenerated"), datetime)
    ]


def _narrowed(wanted: Wanted) -> str:
    parts = [
        f"{column} in~ ({', '.join(map(literal, chosen))})"
        for column, chosen in (("DeploymentName", wanted.deployments), ("Name", wanted.names))
        if chosen
    ]
    parts += [f"Message contains {literal(word)}" for word in wanted.words]
    return "".join(f"| where {part} " for part in parts)
