"""The control plane's memory: JSON documents in SQLite, durable once a write has returned."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.errors import StartError

Document = dict[str, Any]


class Documents:
    """Documents by kind and key. Keys compare without case, as ARM ids do.

    Belongs to one thread. Every write outside :meth:`transaction` is its own transaction.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the database. Raises :class:`StartError` when the file is not one."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            # FULL: an acknowledged write is on the disk, also when the machine loses power.
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, key))"
                " WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            self._connection.close()
            raise StartError(f"The database {path} cannot be opened: {error}.") from error
        path.chmod(0o600)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all. May be nested: the outermost one counts."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def get(self, kind: str, key: str) -> Document | None:
        """One document, or None."""
        row = self._connection.execute(
            "SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key.lower())
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, kind: str, key: str, body: Document) -> None:
        """Write one document in place of the one that was there."""
        self._connection.execute(
            "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
            (kind, key.lower(), json.dumps(body)),
        )

    def delete(self, kind: str, key: str) -> None:
        """Remove one document; it need not be there."""
        self._connection.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key.lower()))

    def all(self, kind: str, under: str = "") -> list[tuple[str, Document]]:
        """Keys and documents of a kind whose key begins with `under`, in the order of their keys."""
        rows = self._connection.execute(
            "SELECT key, body FROM documents WHERE kind = ? AND substr(key, 1, ?) = ? ORDER BY key",
            (kind, len(under), under.lower()),
        )
        return [(key, json.loads(body)) for key, body in rows]

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
