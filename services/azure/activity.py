"""The activity log of Azure Monitor: who wrote to an endpoint, and when.

Azure shows an event 3 to 20 minutes after it happened and keeps it for 90 days (Azure Monitor, activity log). What is
not there yet may still come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.documents import moment
from services.azure.translation import Call

WRITE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"
"""The operation of a PUT and of a PATCH of an endpoint."""
KEPT = timedelta(days=90)
"""How long Azure keeps an event. A filter that begins earlier is refused."""

_API_VERSION = "2015-04-01"
_BEFORE_THE_EDGE = timedelta(minutes=1)


@dataclass(frozen=True)
class Write:
    """One write of an endpoint: a request, and the operation that it began.

    ``at`` is Azure's time of its first event and ``ended_at`` of the last one. ``status`` is the last event's: Started
    or Accepted while it runs, then Succeeded, Failed or Canceled. ``correlation_id`` is the
    ``x-ms-correlation-request-id`` of the answer that the writer got. ``method`` is PUT or PATCH, "" when the log does
    not say; a PATCH cannot change the split.
    """

    at: datetime
    caller: str
    operation: str
    status: str
    correlation_id: str
    ended_at: datetime
    method: str = ""


def writes(conn: Connection, endpoint_id: str, since: datetime, until: datetime) -> list[Write]:
    """The writes of an endpoint with an event in [since, until], as far as Azure shows them, the oldest first.

    Both moments are by Azure's clock. Raises AccessDenied without the right to read the log (Reader of the
    subscription has it), Throttled, and the other SluiceErrors.
    """
    call = conn.call("The activity log could not be read.")
    since = max(since, conn.now() - KEPT + _BEFORE_THE_EDGE)
    if since > until:
        # Azure keeps nothing of so long ago, and refuses the question.
        return []
    found: dict[str, Write] = {}
    for event in _events(conn, endpoint_id, since, until, call):
        write = _write(event)
        if write is not None and str(event.get("resourceId") or "").lower() == endpoint_id.lower():
            key = write.correlation_id or str(event.get("eventDataId"))
            found[key] = _joined(found.get(key), write)
    return sorted(found.values(), key=lambda write: (write.at, write.ended_at))


def _events(conn: Connection, endpoint_id: str, since: datetime, until: datetime, call: Call) -> Iterator[Json]:
    path = f"/subscriptions/{endpoint_id.split('/')[2]}/providers/Microsoft.Insights/eventtypes/management/values"
    asked = f"eventTimestamp ge '{_text(since)}' and eventTimestamp le '{_text(until)}' and resourceUri eq"
    params = {"$filter": f"{asked} '{endpoint_id}'"}
    return conn.pages(path, call, api_version=_API_VERSION, params=params)


def _write(event: Json) -> Write | None:
    operation = str((event.get("operationName") or {}).get("value") or "")
    at = moment(event.get("eventTimestamp"))
    if operation.lower() != WRITE.lower() or at is None:
        return None
    status = str((event.get("status") or {}).get("value") or "")
    correlation_id = str(event.get("correlationId") or "")
    method = str((event.get("httpRequest") or {}).get("method") or "").upper()
    return Write(at, str(event.get("caller") or ""), operation, status, correlation_id, at, method)


def _joined(one: Write | None, other: Write) -> Write:
    """The two events of one request as one write. Events of one instant are taken in the order of their course."""
    if one is None:
        return other
    last = max(one, other, key=lambda write: (write.ended_at, _COURSE.get(write.status, len(_COURSE))))
    return Write(
        at=min(one.at, other.at),
        caller=one.caller or other.caller,
        operation=one.operation,
        status=last.status,
        correlation_id=one.correlation_id,
        ended_at=last.ended_at,
        method=one.method or other.method,
    )


_COURSE = {"Started": 0, "Accepted": 1}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
