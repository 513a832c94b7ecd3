"""SQLite as the stores of what happened use it: telemetry, measurements, events, console lines."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

BUSY_TIMEOUT_SECONDS = 30.0
"""How long a write waits for that of another process: the gateway and the control plane share a file."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode for any thread, whose user sees to it that one thread at a time writes.

    Write-ahead and not synced at every commit: a killed process loses nothing, a machine without power the newest rows.
    Raises sqlite3.Error when the file cannot be used.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead. Two processes that switch a new file at once are refused without waiting."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            # SQLite answers at once here, whatever its time limit is.
            time.sleep(0.02)
