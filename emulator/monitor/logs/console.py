"""The lines that containers wrote while a diagnostic setting wanted them, kept in a small database of their own.

The files of instances are rotated and go with their revision; Log Analytics keeps what it was sent.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from emulator.database import connect

MAX_LINES = 200_000
"""Lines kept, the newest; about 40 MB."""

MAX_LINE_CHARACTERS = 16_384
"""What is longer is cut; Azure cuts too, and does not say where for this table (32 KB is the limit of a text there)."""

_READ_BYTES = 8 * 1024 * 1024
_PRUNE_EVERY = 1_000
_LATE_SECONDS = 3600.0
_TIME = re.compile(rb"\[?(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?\s?(Z|[+-]\d\d:?\d\d)?")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, endpoint TEXT NOT NULL COLLATE NOCASE, deployment TEXT NOT NULL,
  instance TEXT NOT NULL, container TEXT NOT NULL, image TEXT NOT NULL, shadow INTEGER NOT NULL, message TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, inode INTEGER NOT NULL, offset INTEGER NOT NULL);
"""


class Source(NamedTuple):
    """A log to follow, and what its lines are told apart by. `shadow`: the deployment gets mirrored requests."""

    path: Path
    endpoint: str
    deployment: str
    instance: str
    container: str
    image: str
    shadow: bool


class Line(NamedTuple):
    """A line that was kept. `at` is epoch seconds."""

    at: float
    endpoint: str
    deployment: str
    instance: str
    container: str
    image: str
    shadow: bool
    message: str


class ConsoleLines:
    """The store, and how far each file was read. Safe for threads of one process."""

    def __init__(self, path: Path) -> None:
        """Open or create the store at ``path``. Raises sqlite3.Error when it cannot be used."""
        self._lock = threading.Lock()
        self._since_prune = 0
        self._connection = connect(path)
        path.chmod(0o600)
        self._connection.executescript(_SCHEMA)

    def follow(self, sources: Sequence[Source], shift_seconds: float = 0.0) -> None:
        """Keep what was written to the files since they were read last.

        A line has the time that it begins with, else that of the line before it in a file that is read for the first
        time, else the present. `shift_seconds` is added to every time: the local Azure's clock may be ahead.
        """
        with self._lock:
            for source in sources:
                self._follow(source, shift_seconds)

    def _follow(self, source: Source, shift_seconds: float) -> None:
        known = self._connection.execute(
            "SELECT inode, offset FROM files WHERE path = ?", (str(source.path),)
        ).fetchone()
        is_new, (inode, offset) = known is None, known or (_inode(source.path), 0)
        now_inode = _inode(source.path)
        if now_inode is None:
            return
        found: list[Line] = []
        if inode != now_inode:
            # What was written before the file was put aside, in the file beside it.
            aside = source.path.with_name(source.path.name + ".1")
            if _inode(aside) == inode:
                found += _lines(_read(aside, offset)[0], source, shift_seconds, is_new)
            offset = 0
        text, end = _read(source.path, offset)
        found += _lines(text, source, shift_seconds, is_new)
        if not found and end == offset and not is_new:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO lines VALUES (NULL,?,?,?,?,?,?,?,?)", found)
        self._connection.execute(
            "INSERT INTO files VALUES (?,?,?) ON CONFLICT DO UPDATE SET inode=excluded.inode, offset=excluded.offset",
            (str(source.path), now_inode, end),
        )
        self._connection.execute("COMMIT")
        self._prune(len(found))

    def _prune(self, added: int) -> None:
        self._since_prune += added
        if self._since_prune >= _PRUNE_EVERY:
            self._since_prune = 0
            newest = "SELECT max(id) FROM lines"
            self._connection.execute(f"DELETE FROM lines WHERE id <= ({newest}) - {MAX_LINES}")  # noqa: S608
            gone = [
                (path,)
                for (path,) in self._connection.execute("SELECT path FROM files").fetchall()
                if not Path(path).exists()
            ]
            self._connection.executemany("DELETE FROM files WHERE path = ?", gone)

    def since(self, after_id: int, limit: int) -> list[tuple[int, Line]]:
        """At most ``limit`` lines with a number above ``after_id``, in the order of reading, each with its number."""
        with self._lock:
            found = self._connection.execute(
                "SELECT id, at, endpoint, deployment, instance, container, image, shadow, message FROM lines"
                " WHERE id > ? ORDER BY id LIMIT ?",
                (after_id, limit),
            ).fetchall()
        return [(number, Line._make((*told, bool(shadow), message))) for number, *told, shadow, message in found]

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._connection.close()


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _read(path: Path, offset: int) -> tuple[bytes, int]:
    """What is in a file from an offset on, to the end of its last whole line, and the offset of that end."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            text = file.read(_READ_BYTES)
    except OSError:
        return b"", offset
    end = text.rfind(b"\n") + 1
    # A line that is longer than what is read at a time comes in pieces.
    whole = text if len(text) == _READ_BYTES and not end else text[:end]
    return whole, offset + len(whole)


def _lines(text: bytes, source: Source, shift_seconds: float, is_new: bool) -> Iterator[Line]:
    now = time.time()
    # The storage initializer writes in UTC, the server of an instance in the machine's time.
    stamped = list(_stamped(text.splitlines(), source.container == "storage-initializer"))
    last = next((at for at, _ in stamped if at is not None), now)
    for at, line in stamped:
        # A line may begin with a time that is not its own.
        is_own = at is not None and (is_new or abs(now - at) < _LATE_SECONDS)
        last = at if at is not None and is_own else last if is_new else now
        message = line.decode(errors="replace")[:MAX_LINE_CHARACTERS]
        told = (source.endpoint, source.deployment, source.instance, source.container, source.image)
        yield Line(last + shift_seconds, *told, source.shadow, message)


def _stamped(lines: Iterable[bytes], is_utc: bool) -> Iterator[tuple[float | None, bytes]]:
    for line in lines:
        if line.strip():
            found = _TIME.match(line)
            yield _epoch(found, is_utc) if found else None, line


def _epoch(found: re.Match[bytes], is_utc: bool) -> float | None:
    day, moment, fraction, zone = (None if part is None else part.decode() for part in found.groups())
    try:
        text = f"{day}T{moment}.{(fraction or '0').ljust(6, '0')}"
        read = datetime.fromisoformat(text + ("" if zone is None else zone.replace("Z", "+00:00")))
        return (read.replace(tzinfo=UTC) if is_utc and read.tzinfo is None else read).timestamp()
    except (ValueError, OverflowError):
        return None
