"""The activity log: who wrote what on the control plane, kept for 90 days.

Its file is its own and written by one process, without waiting for the disk: a write on the control plane is not held
up by it, and what was recorded survives the end of the process, though not a power cut.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from emulator.errors import StartError
from emulator.monitor.activity_query import ActivityQuery
from emulator.resources import parse_path

KEEP_SECONDS = 90 * 86_400
"""As long as Azure keeps the activity log."""
PAGE = 200
_PRUNE_EVERY = 1000
_TICKS_TO_1970 = 621_355_968_000_000_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS activity (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, subscription TEXT NOT NULL COLLATE NOCASE,
  resource_group TEXT NOT NULL COLLATE NOCASE, provider TEXT NOT NULL COLLATE NOCASE,
  resource TEXT NOT NULL COLLATE NOCASE, correlation TEXT NOT NULL COLLATE NOCASE, caller TEXT NOT NULL COLLATE NOCASE,
  status TEXT NOT NULL COLLATE NOCASE, level TEXT NOT NULL COLLATE NOCASE, operation TEXT NOT NULL COLLATE NOCASE,
  body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS activity_by_time ON activity (subscription, at, id);
"""


@dataclass(frozen=True)
class Subject:
    """What an event is about: who asked for which operation on which resource, and in which request.

    `claims` are the token's under Azure's long names. Events of one request and of the operation that it began share
    `correlation_id`.
    """

    caller: str
    role: str
    claims: Mapping[str, str]
    operation: str
    resource_id: str
    correlation_id: str
    http_request: Mapping[str, str] = field(default_factory=dict)
    category: str = "Administrative"


@dataclass(frozen=True)
class Outcome:
    """How far it is.

    `status` is Started, Accepted, Succeeded, Failed or Canceled, `http_status` what the request was answered.
    """

    status: str
    http_status: int | None = None
    name: str = "EndRequest"
    description: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


class Activities:
    """The store. Safe for threads."""

    def __init__(self, path: Path) -> None:
        """Open or create the store at ``path``. Raises StartError when it cannot be used."""
        self._lock = threading.Lock()
        # Reading may take long, and what is written down must not wait for it.
        self._reading = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        self._reader = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._connection.close()
            self._reader.close()
            raise StartError(f"The database {path} cannot be opened: {error}.") from error
        path.chmod(0o600)
        self._since_prune = 0

    def append(self, at: float, tenant_id: str, subject: Subject, outcome: Outcome) -> None:
        """Keep one event that happened at `at` (epoch seconds)."""
        body = rendered(at, tenant_id, subject, outcome)
        columns = (
            body["subscriptionId"],
            body["resourceGroupName"],
            body["resourceProviderName"]["value"],
            subject.resource_id,
            subject.correlation_id,
            subject.caller,
            outcome.status,
            body["level"],
            subject.operation,
        )
        with self._lock:
            self._connection.execute(
                "INSERT INTO activity VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?)", (at, *columns, json.dumps(body))
            )
            self._since_prune += 1
            if self._since_prune >= _PRUNE_EVERY:
                self._since_prune = 0
                self._connection.execute("DELETE FROM activity WHERE at < ?", (at - KEEP_SECONDS,))

    def page(
        self, subscription: str, query: ActivityQuery, before: tuple[float, int] | None = None, size: int = PAGE
    ) -> tuple[list[dict[str, Any]], tuple[float, int] | None]:
        """Events that match, newest first, older than `before`; and where the next page begins, None at the end."""
        where, values = ["subscription = ?", "at >= ?", "at <= ?"], [subscription, query.start, query.end]
        for column, wanted in query.equals.items():
            where.append(f"{column} IN ({','.join('?' * len(wanted))})")
            values += wanted
        if before is not None:
            where.append("(at, id) < (?, ?)")
            values += before
        with self._reading:
            found = self._reader.execute(
                "SELECT at, id, body FROM activity WHERE "  # noqa: S608 - the columns are named in this package
                f"{' AND '.join(where)} ORDER BY at DESC, id DESC LIMIT ?",
                (*values, size + 1),
            ).fetchall()
        more = found[size - 1][:2] if len(found) > size else None
        return [query.selected(json.loads(body)) for _, _, body in found[:size]], more

    def close(self) -> None:
        """Close the store."""
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()


_current: ContextVar[Subject | None] = ContextVar("activity", default=None)


def set_current_subject(subject: Subject | None) -> None:
    """Say whose request is being worked on, for the rest of this task."""
    _current.set(subject)


def rendered(at: float, tenant_id: str, subject: Subject, outcome: Outcome) -> dict[str, Any]:
    """The event as the API answers it (EventData of the activity log's REST reference, api-version 2015-04-01)."""
    path = parse_path(subject.resource_id)
    event_id = str(uuid.uuid4())
    moment = datetime.fromtimestamp(at, UTC)
    kind = "/".join((path.provider, *path.types)) if path.provider else "Microsoft.Resources/subscriptions"
    sub_status = _sub_status(outcome.http_status)
    message = {"eventCategory": subject.category, "entity": subject.resource_id, "message": subject.operation}
    code = {"statusCode": sub_status["value"]} if outcome.http_status else {}
    return {
        "authorization": {"action": subject.operation, "role": subject.role, "scope": subject.resource_id},
        "caller": subject.caller,
        "category": _text(subject.category),
        "channels": "Operation",
        "claims": dict(subject.claims),
        "correlationId": subject.correlation_id,
        "description": outcome.description,
        "eventDataId": event_id,
        "eventName": {"value": outcome.name, "localizedValue": _EVENT_NAMES.get(outcome.name, outcome.name)},
        "eventTimestamp": _ticking(moment),
        "httpRequest": dict(subject.http_request) or None,
        "id": f"{subject.resource_id}/events/{event_id}/ticks/{_ticks(at)}",
        "level": "Error" if outcome.status == "Failed" else "Informational",
        "operationId": subject.correlation_id,
        "operationName": _text(subject.operation),
        "properties": {**code, **message, **outcome.properties},
        "resourceGroupName": path.resource_group or "",
        "resourceId": subject.resource_id,
        "resourceProviderName": _text(path.provider or "Microsoft.Resources"),
        "resourceType": _text(kind),
        "status": _text(outcome.status),
        "subStatus": sub_status,
        "submissionTimestamp": _ticking(moment),
        "subscriptionId": path.subscription or "",
        "tenantId": tenant_id,
    }


_EVENT_NAMES = {"BeginRequest": "Begin request", "EndRequest": "End request"}


def _text(value: str) -> dict[str, str]:
    return {"value": value, "localizedValue": value}


def _sub_status(status: int | None) -> dict[str, str]:
    if status is None:
        return {"value": "", "localizedValue": ""}
    phrase = HTTPStatus(status).phrase.replace(" ", "") if status in _KNOWN else str(status)
    return {"value": phrase, "localizedValue": f"{phrase} (HTTP Status Code: {status})"}


_KNOWN = {each.value for each in HTTPStatus}


def _ticking(moment: datetime) -> str:
    """A moment with the seven decimals of .NET."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"


def _ticks(at: float) -> int:
    """.NET ticks: hundreds of nanoseconds since the year 1."""
    return _TICKS_TO_1970 + round(at * 10_000_000)


def subject_document() -> dict[str, Any] | None:
    """Whose request is being worked on, as plain data."""
    subject = _current.get()
    return None if subject is None else asdict(subject)


def categories() -> Sequence[Mapping[str, str]]:
    """The categories of events that there are on Azure."""
    names = ("Administrative", "Security", "ServiceHealth", "Alert", "Recommendation", "Policy", "Autoscale")
    return [*(_text(name) for name in names), {"value": "ResourceHealth", "localizedValue": "Resource Health"}]
