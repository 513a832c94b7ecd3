"""What happened to the containers of an endpoint's deployments, as Log Analytics keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from services.azure.connection import Connection
from services.azure.log_analytics import literal, query
from services.model import Endpoint

CATEGORY = "AmlOnlineEndpointEventLog"
"""The log category, and the table, of lifecycle events (Azure Monitor's reference of online endpoints)."""
MOST_EVENTS = 500
"""The newest events that are read; a container that restarts for ever writes thousands."""
_DIAGNOSTICS_API = "2021-05-01-preview"


@dataclass(frozen=True)
class LifecycleEvent:
    """One event of one instance. ``name`` is Azure's: BackOff, Pulled, Killing, Created, Started, LivenessProbeFailed,
    ReadinessProbeFailed."""

    at: datetime
    deployment: str
    instance: str
    name: str
    message: str


def recent(
    conn: Connection,
    endpoint: Endpoint,
    since: datetime,
    *,
    deployment: str | None = None,
    until: datetime | None = None,
) -> list[LifecycleEvent]:
    """The events of ``endpoint``, or of one ``deployment``, from ``since`` on, the newest first, at most MOST_EVENTS.

    They reach Log Analytics minutes after they happen, and only while a diagnostic setting sends them. Raises
    NotConfigured when no Log Analytics workspace is known, and the other SluiceErrors.
    """
    narrowed = f" and DeploymentName =~ {literal(deployment)}" if deployment else ""
    kql = (
        f"{CATEGORY} | where _ResourceId =~ {literal(endpoint.id)}{narrowed}"
        f" | project TimeGenerated, DeploymentName, InstanceId, Name, Message"
        f" | top {MOST_EVENTS} by TimeGenerated desc"
    )
    what = f"The lifecycle events of {endpoint.name} could not be read."
    rows = query(conn, what, kql, since, until or datetime.now(UTC))
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


def are_sent(conn: Connection, endpoint: Endpoint, category: str = CATEGORY) -> bool:
    """Whether a diagnostic setting of ``endpoint`` sends ``category`` anywhere. Raises SluiceError."""
    call = conn.call(f"The diagnostic settings of {endpoint.name} could not be read.", "Monitoring Reader")
    path = f"{endpoint.id}/providers/Microsoft.Insights/diagnosticSettings"
    body = conn.send("GET", path, call, api_version=_DIAGNOSTICS_API).body
    logs = [log for setting in body.get("value") or [] for log in (setting.get("properties") or {}).get("logs") or []]
    return any(
        log.get("enabled") and (log.get("category") == category or log.get("categoryGroup") == "allLogs")
        for log in logs
    )
