"""Events in the life of instances, as Azure's event log names them, kept in the telemetry's database."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal, NamedTuple

from emulator.database import connect

MAX_EVENTS = 100_000
"""Events kept, the newest; far more than a month of a working local Azure."""

EventName = Literal["Created", "Pulled", "Started", "Killing", "BackOff", "LivenessProbeFailed", "ReadinessProbeFailed"]
"""The values of Name in AmlOnlineEndpointEventLog (Azure's table reference)."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, endpoint TEXT NOT NULL COLLATE NOCASE,
  deployment TEXT NOT NULL COLLATE NOCASE, instance TEXT NOT NULL, name TEXT NOT NULL, message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_endpoint ON events (endpoint, at);
"""


class Event(NamedTuple):
    """One event. `at` is epoch seconds; `instance` is "" for an event of the whole deployment."""

    at: float
    endpoint: str
    deployment: str
    instance: str
    name: EventName
    message: str


class Events:
    """The store. Safe for threads."""

    def __init__(self, path: Path) -> None:
        """Open or create the store at ``path``. Raises sqlite3.Error when it cannot be used."""
        self._lock = threading.Lock()
        self._connection = connect(path)
        self._connection.executescript(_SCHEMA)

    def append(self, event: Event) -> None:
        """Keep an event."""
        with self._lock:
            cursor = self._connection.execute("INSERT INTO events VALUES (NULL,?,?,?,?,?,?)", event)
            self._connection.execute("DELETE FROM events WHERE id <= ?", ((cursor.lastrowid or 0) - MAX_EVENTS,))

    def since(self, after_id: int, endpoint: str | None = None) -> list[tuple[int, Event]]:
        """Events with a number above ``after_id``, oldest first, each with its number."""
        where = "" if endpoint is None else " AND endpoint = ?"
        values: list[int | str] = [after_id] if endpoint is None else [after_id, endpoint]
        with self._lock:
            found = self._connection.execute(
                "SELECT id, at, endpoint, deployment, instance, name, message FROM events"  # noqa: S608 - fixed texts
                f" WHERE id > ?{where} ORDER BY id",
                values,
            ).fetchall()
        return [(row[0], Event(*row[1:])) for row in found]

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._connection.close()
