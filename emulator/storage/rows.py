"""What Azure knows of a blob beside its bytes, in a database of its own that any thread may use."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path

from emulator.errors import StartError


@dataclass(frozen=True)
class Row:
    """One blob's row.

    `length` is in bytes, `created` and `modified` are epoch seconds, `md5` is in base64 and may be empty, `headers` are
    the content headers it was given (Content-Type and the like), `blocks` are the ids and lengths it was put together
    from.
    """

    etag: str
    length: int
    created: float
    modified: float
    metadata: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    md5: str = ""
    blocks: tuple[tuple[str, int], ...] = ()


class Rows:
    """The rows by container and name; both count case, and names are in the order of their bytes."""

    def __init__(self, path: Path) -> None:
        """Open or make the database. Raises :class:`StartError` when the file is not one."""
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            # FULL: an acknowledged upload is on the disk, also when the machine loses power.
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS blobs (container TEXT, name TEXT, body TEXT, PRIMARY KEY (container, name))"
                " WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            self._connection.close()
            raise StartError(f"The database {path} cannot be opened: {error}.") from error
        path.chmod(0o600)

    def get(self, container: str, name: str) -> Row | None:
        """One row, or None."""
        with self._lock:
            found = self._connection.execute(
                "SELECT body FROM blobs WHERE container = ? AND name = ?", (container, name)
            ).fetchone()
        return None if found is None else _read(found[0])

    def put(self, container: str, name: str, row: Row) -> None:
        """Write one row in place of the one that was there."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT (container, name) DO UPDATE SET body = excluded.body",
                (container, name, json.dumps(asdict(row))),
            )

    def delete(self, container: str, name: str) -> None:
        """Remove one row; it need not be there."""
        with self._lock:
            self._connection.execute("DELETE FROM blobs WHERE container = ? AND name = ?", (container, name))

    def listed(self, container: str, prefix: str, after: str, limit: int) -> list[tuple[str, Row]]:
        """At most `limit` names that begin with `prefix` and come after `after`, in order, with their rows."""
        with self._lock:
            found = self._connection.execute(
                "SELECT name, body FROM blobs WHERE container = ? AND name > ? AND name >= ?"
                " AND substr(name, 1, length(?)) = ? ORDER BY name LIMIT ?",
                (container, after, prefix, prefix, prefix, limit),
            ).fetchall()
        return [(name, _read(body)) for name, body in found]

    def containers(self) -> list[str]:
        """Containers that hold something, by name."""
        with self._lock:
            return [name for (name,) in self._connection.execute("SELECT DISTINCT container FROM blobs ORDER BY 1")]

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()


def _read(body: str) -> Row:
    values = json.loads(body)
    return Row(**{**values, "blocks": tuple((block, length) for block, length in values["blocks"])})
