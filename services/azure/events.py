"""What happened to the containers of an endpoint's deployments, as Log Analytics keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from services.azure.connection import Connection
from services.azure.diagnostics import EVENTS
from services.azure.log_analytics import Span, ask_table, literal
from services.model import Endpoint

MOST_EVENTS = 500
"""The newest events that are read; a container that restarts for ever writes thousands."""


@dataclass(frozen=True)
class LifecycleEvent:
    """One event of one instance. ``name`` is Azure's: BackOff, Pulled, Killing, Created, Started, LivenessProbeFailed,
    ReadinessProbeFailed."""

    at: datetime
    deployment: str
    instance: str
    name: str
    message: str


def recent(conn: Connection, endpoint: Endpoint, span: Span, *, deployment: str | None = None) -> list[LifecycleEvent]:
    """The events of ``endpoint``, or of one ``deployment``, the newest first, at most MOST_EVENTS.

    They reach Log Analytics minutes after they happen, and only while a diagnostic setting sends them. Raises
    SluiceError.
    """
    narrowed = f"| where DeploymentName =~ {literal(deployment)} " if deployment else ""
    kql = (
        f"{narrowed}| project TimeGenerated, DeploymentName, InstanceId, Name, Message"
        f" | top {MOST_EVENTS} by TimeGenerated desc"
    )
    what = f"The lifecycle events of {endpoint.name} could not be read."
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
