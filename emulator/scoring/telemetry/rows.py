"""What happened: one row per request, and per-minute roll-ups that outlive the rows.

SQLite in WAL mode. Several processes may write (the gateway, and history that is seeded through the control plane):
every append is one transaction that takes the write lock first, so that merging a roll-up never loses a count.
A request belongs to the minute in which it started.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast, get_type_hints

from emulator.database import connect
from emulator.scoring.telemetry import histogram

MAX_ROWS = 1_000_000
"""Raw rows kept, the newest written first; about 250 MB."""

KEEP_SECONDS = 93 * 86_400
"""How long roll-ups are kept: as long as Azure keeps metrics."""

_PRUNE_EVERY = 20_000
_LARGEST = 2.0**53
"""Numbers below it are exact as JSON, float and SQLite integer alike."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
  id INTEGER PRIMARY KEY,
  started_at REAL NOT NULL, endpoint TEXT NOT NULL COLLATE NOCASE, deployment TEXT NOT NULL COLLATE NOCASE,
  kind TEXT NOT NULL, route TEXT NOT NULL,
  status INTEGER NOT NULL, model_status INTEGER NOT NULL, reason TEXT NOT NULL,
  total_ms REAL NOT NULL, model_ms REAL NOT NULL, request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL,
  request_id TEXT NOT NULL, client_request_id TEXT NOT NULL, user_agent TEXT NOT NULL, auth TEXT NOT NULL,
  mirrored INTEGER NOT NULL,
  method TEXT NOT NULL DEFAULT '', path TEXT NOT NULL DEFAULT '', protocol TEXT NOT NULL DEFAULT '',
  identity TEXT NOT NULL DEFAULT '', model_reason TEXT NOT NULL DEFAULT '',
  request_ms REAL NOT NULL DEFAULT 0, response_ms REAL NOT NULL DEFAULT 0,
  request_delay_ms REAL NOT NULL DEFAULT 0, response_delay_ms REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS requests_by_time ON requests (started_at);
CREATE INDEX IF NOT EXISTS requests_by_endpoint ON requests (endpoint, started_at);
CREATE TABLE IF NOT EXISTS minutes (
  endpoint TEXT NOT NULL COLLATE NOCASE, minute INTEGER NOT NULL, deployment TEXT NOT NULL COLLATE NOCASE,
  kind TEXT NOT NULL, status INTEGER NOT NULL, model_status INTEGER NOT NULL,
  count INTEGER NOT NULL, sum_ms REAL NOT NULL, request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL,
  histogram BLOB NOT NULL,
  PRIMARY KEY (endpoint, minute, deployment, kind, status, model_status)
) WITHOUT ROWID;
"""


class Row(TypedDict):
    """One request, or one mirrored copy of a request, as it is stored and as it is shown.

    `auth` is key, aml_token, aad_token or empty, `identity` the caller's object id. `total_ms`, `request_ms` (last
    request byte in) and `response_ms` (first byte of the model's answer) run from the start of the request;
    `request_delay_ms` and `response_delay_ms` are what the endpoint's bandwidth limit added. `mirrored` is 1 when a
    copy went to the shadow, -1 when it was dropped. The last nine fields are empty in rows older than the fields.
    """

    started_at: float
    endpoint: str
    deployment: str
    kind: str
    route: str
    status: int
    model_status: int
    reason: str
    total_ms: float
    model_ms: float
    request_bytes: int
    response_bytes: int
    request_id: str
    client_request_id: str
    user_agent: str
    auth: str
    mirrored: int
    method: str
    path: str
    protocol: str
    identity: str
    model_reason: str
    request_ms: float
    response_ms: float
    request_delay_ms: float
    response_delay_ms: float


_COLUMNS: dict[str, type] = get_type_hints(Row)
_ADDED = tuple(_COLUMNS)[tuple(_COLUMNS).index("method") :]
"""Fields that rows of an earlier version do not have, in files and in seeds."""
_EMPTY: dict[str, Any] = {name: _COLUMNS[name]() for name in _ADDED}
_INSERT = f"INSERT INTO requests ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"  # noqa: S608
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM requests"  # noqa: S608 - column names are ours


class Minute(NamedTuple):
    """Requests that started in one minute and share endpoint, deployment, kind and both status codes."""

    minute: int
    deployment: str
    kind: str
    status: int
    model_status: int
    requests: int
    sum_ms: float
    request_bytes: int
    response_bytes: int
    histogram: bytes


def parse_row(values: Mapping[str, Any]) -> Row:
    """A row from untrusted JSON; the fields that were added later may be left out.

    Raises ValueError naming the first field that is missing, unknown or mistyped.
    """
    values = {**_EMPTY, **values}
    unknown = values.keys() - _COLUMNS.keys()
    if unknown:
        raise ValueError(f"A row has no field {sorted(unknown)[0]}.")
    for name, kind in _COLUMNS.items():
        accepted = (int, float) if kind is float else kind
        if not isinstance(values.get(name), accepted) or isinstance(values.get(name), bool):
            raise ValueError(f"The field {name} of a row must be a {kind.__name__}.")
        if kind is str and not _is_utf8(values[name]):
            raise ValueError(f"The field {name} of a row must be text that UTF-8 can write.")
        if kind is not str and not abs(values[name]) < _LARGEST:
            raise ValueError(f"The field {name} of a row is out of range.")
    if values["kind"] not in ("live", "mirror"):
        raise ValueError("The field kind of a row must be live or mirror.")
    return cast(Row, values)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Telemetry:
    """The store. Safe for threads and for several processes on one file."""

    def __init__(self, path: Path, max_rows: int = MAX_ROWS, clock: Callable[[], float] = time.time) -> None:
        """Open or create the store at ``path``. Raises sqlite3.Error when it cannot be used."""
        self._clock = clock
        self._path = path
        self._max_rows = max_rows
        self._write_lock = threading.Lock()
        self._since_prune = 0
        self._readers: list[sqlite3.Connection] = []
        self._writer = connect(self._path)
        self._writer.executescript(_SCHEMA)
        self._upgrade()

    def _upgrade(self) -> None:
        """Give a file of an earlier version the columns it lacks."""
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            there = {found[1] for found in self._writer.execute("PRAGMA table_info(requests)")}
            for name in _ADDED:
                if name not in there:
                    kind = "TEXT NOT NULL DEFAULT ''" if _COLUMNS[name] is str else "REAL NOT NULL DEFAULT 0"
                    self._writer.execute(f"ALTER TABLE requests ADD COLUMN {name} {kind}")
        finally:
            self._writer.execute("COMMIT")

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = connect(self._path)
        try:
            yield connection
        finally:
            self._readers.append(connection)

    def append(self, rows: Sequence[Row]) -> None:
        """Store rows and fold them into the roll-ups, all or nothing."""
        if not rows:
            return
        groups: dict[tuple[str, tuple[int, str, str, int, int]], list[Row]] = {}
        for row in rows:
            minute = int(row["started_at"] // 60) * 60
            key = (minute, row["deployment"], row["kind"], row["status"], row["model_status"])
            groups.setdefault((row["endpoint"], key), []).append(row)
        with self._writing():
            self._writer.executemany(_INSERT, rows)
            for (endpoint, key), members in groups.items():
                self._merge(endpoint, _rolled_up(key, members))
            self._prune(len(rows))

    def fold(self, endpoint: str, minutes: Sequence[Minute]) -> None:
        """Add to the roll-ups alone, all or nothing: for history so old that its rows would have been pruned."""
        with self._writing():
            for each in minutes:
                self._merge(endpoint, each)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def _merge(self, endpoint: str, new: Minute) -> None:
        key = (endpoint, *new[:5])
        stored = self._writer.execute(
            "SELECT histogram FROM minutes WHERE endpoint=? AND minute=? AND deployment=? AND kind=? AND status=? "
            "AND model_status=?",
            key,
        ).fetchone()
        encoded = new.histogram
        if stored:
            counts = histogram.decode(encoded)
            histogram.merge(counts, histogram.decode(stored[0]))
            encoded = histogram.encode(counts)
        self._writer.execute(
            "INSERT INTO minutes VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET count=count+excluded.count, "
            "sum_ms=sum_ms+excluded.sum_ms, request_bytes=request_bytes+excluded.request_bytes, "
            "response_bytes=response_bytes+excluded.response_bytes, histogram=excluded.histogram",
            (*key, *new[5:9], encoded),
        )

    def _prune(self, added: int) -> None:
        self._since_prune += added
        if self._since_prune < min(_PRUNE_EVERY, self._max_rows):
            return
        self._since_prune = 0
        self._writer.execute(
            "DELETE FROM requests WHERE id <= (SELECT max(id) FROM requests) - ?",
            (self._max_rows,),
        )
        self._writer.execute("DELETE FROM minutes WHERE minute < ?", (self._clock() - KEEP_SECONDS,))

    def rows(self, endpoint: str | None, since: float, limit: int) -> list[Row]:
        """The newest ``limit`` rows that started at or after ``since`` (epoch seconds), oldest of them first."""
        where = "WHERE started_at >= ?"
        values: list[str | float] = [since, limit]
        if endpoint is not None:
            where = "WHERE endpoint = ? AND started_at >= ?"
            values.insert(0, endpoint)
        query = f"{_SELECT} {where} ORDER BY started_at DESC, id DESC LIMIT ?"
        with self._reader() as reader, closing(reader.execute(query, values)) as cursor:
            found = cursor.fetchall()
        return [cast(Row, dict(zip(_COLUMNS, fields, strict=True))) for fields in reversed(found)]

    def columns_since(self, after_id: int, limit: int) -> dict[str, Sequence[Any]]:
        """At most ``limit`` rows with a number above ``after_id``, in the order of writing: the values of each field,
        and as ``id`` their numbers. Empty when there are none.

        A cursor for readers that follow the store: nothing is ever written below a number that was handed out.
        """
        query = f"SELECT id, {', '.join(_COLUMNS)} FROM requests WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608
        with self._reader() as reader, closing(reader.execute(query, (after_id, limit))) as cursor:
            return dict(zip(("id", *_COLUMNS), zip(*cursor, strict=True), strict=False))

    def minutes(self, endpoint: str, start: float, end: float, deployment: str | None = None) -> list[Minute]:
        """Roll-ups of the minutes that begin in [start, end) (epoch seconds), in the order of time."""
        query = (
            "SELECT minute, deployment, kind, status, model_status, count, sum_ms, request_bytes, response_bytes, "
            "histogram FROM minutes WHERE endpoint = ? AND minute >= ? AND minute < ?"
        )
        values: list[str | float] = [endpoint, start, end]
        if deployment is not None:
            query += " AND deployment = ?"
            values.append(deployment)
        with self._reader() as reader, closing(reader.execute(f"{query} ORDER BY minute", values)) as cursor:
            return [Minute(*found) for found in cursor.fetchall()]

    def close(self) -> None:
        """Close every connection. Not to be called while another thread still reads."""
        with self._write_lock:
            self._writer.close()
        while self._readers:
            self._readers.pop().close()


def _rolled_up(key: tuple[int, str, str, int, int], members: list[Row]) -> Minute:
    return Minute(
        *key,
        len(members),
        sum(row["total_ms"] for row in members),
        sum(row["request_bytes"] for row in members),
        sum(row["response_bytes"] for row in members),
        histogram.encode(histogram.count(row["total_ms"] for row in members)),
    )
