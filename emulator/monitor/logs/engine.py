"""Runs KQL on rows in memory: DuckDB below, duckdb-kql as the translator.

Nothing is loaded before the first query: most local Azures are never asked one. Every query runs on a connection of its
own, which sees the tables through views of its own; the tables are closed to it. See `guard` for what is checked.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from emulator.monitor.logs import errors
from emulator.monitor.logs.guard import NotAllowed, check
from emulator.monitor.logs.rendering import Column, column, rows_text, statement
from emulator.monitor.logs.tables import RESOURCES, STORE, TABLES, creation, view
from emulator.monitor.logs.translation import TOO_COMPLEX, NotTranslated, Translated, Translator

if TYPE_CHECKING:
    import duckdb

MAX_ROWS = 500_000
MAX_BYTES = 64_000_000
"""The most that one query returns (Log Analytics limits). Azure counts compressed bytes, this one plain."""

MEMORY_LIMIT = "1GB"
MAX_KEPT = 1_000_000
"""Rows of one table that are held, the newest: as many as the telemetry keeps."""

_CHUNK = 2_000
_NOTICE_SECONDS = 0.2
_COMPRESS_AFTER = 100_000
_MISSING = re.compile(r'Referenced column "(.*?)" ')


class Limits(NamedTuple):
    """The most that one query returns."""

    rows: int = MAX_ROWS
    bytes: int = MAX_BYTES


class Result(NamedTuple):
    """The rows of a query. `text` is their JSON without brackets; `error` says why they are not all, if so."""

    columns: list[Column]
    text: bytes
    rows: int
    error: errors.Body | None
    seconds: float


class Engine:
    """The tables and the queries on them. Safe for threads."""

    def __init__(
        self, limits: Limits | None = None, memory_limit: str = MEMORY_LIMIT, translator: Translator | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._memory_limit = memory_limit
        self._translator = translator or Translator()
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._closed: frozenset[str] = frozenset()
        self._running: set[duckdb.DuckDBPyConnection] = set()
        self._uncompressed = 0

    def add(self, table: str, columns: Mapping[str, Sequence[object]]) -> None:
        """Add rows to a table, or to `resources`: the values of each kept column; `moment` in epoch seconds.

        What is kept as INTEGER is rounded, and cut at 32 bits.
        """
        import numpy as np

        def array(values: Sequence[object], kind: str) -> Any:  # noqa: ANN401 - of any of the kinds
            if kind != "INTEGER":
                return np.array(values, dtype=_NUMPY[kind])
            return np.clip(np.rint(np.array(values, dtype="float64")), -_LARGEST_INT, _LARGEST_INT).astype("int32")

        kinds = dict(RESOURCES if table == "resources" else TABLES[table].kept)
        arrays = {name: array(columns[name], kind) for name, kind in kinds.items()}
        made = ", ".join(_MADE.get(name, name) for name in kinds)
        with self._lock:
            database = self._open()
            database.register("incoming", arrays)
            try:
                database.execute(f"INSERT INTO {STORE}.{table} SELECT {made} FROM incoming")  # noqa: S608
            finally:
                database.unregister("incoming")
            if table != "resources":
                self._tidy(database, table, len(columns["id"]))

    def _tidy(self, database: duckdb.DuckDBPyConnection, table: str, added: int) -> None:
        import duckdb

        self._uncompressed += added
        if self._uncompressed < _COMPRESS_AFTER:
            return
        self._uncompressed = 0
        newest = f"SELECT max(id) FROM {STORE}.{table}"  # noqa: S608
        database.execute(f"DELETE FROM {STORE}.{table} WHERE id <= ({newest}) - {MAX_KEPT}")  # noqa: S608
        # Not while a query reads; the next time will do.
        with contextlib.suppress(duckdb.TransactionException):
            database.execute(f"CHECKPOINT {STORE}")

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            import duckdb

            database = duckdb.connect()
            database.execute(f"SET threads = 1; SET memory_limit = '{self._memory_limit}'")
            # Without it, what does not fit into the memory goes to the folder of whoever started the server.
            database.execute("SET temp_directory = ''")
            database.execute(f"ATTACH ':memory:' AS {STORE} (COMPRESS)")
            for command in creation():
                database.execute(command)
            # A KQL name in brackets would open the file of that name. The first cannot be undone while it is open.
            # The configuration is not locked: the time zone is set on every connection.
            database.execute("SET enable_external_access = false; SET python_enable_replacements = false")
            known = database.execute(
                "SELECT view_name FROM duckdb_views() UNION SELECT table_name FROM duckdb_tables()"
            )
            self._closed = frozenset(str(row[0]).lower() for row in known.fetchall())
            self._connection = database
        return self._connection

    def close(self) -> None:
        """End the queries that run, and forget everything."""
        with self._lock:
            for running in list(self._running):
                running.interrupt()
            self._translator.close()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def run(self, text: str, conditions: Mapping[str, str], now: float, seconds: float) -> Result:
        """The rows that a query finds. `conditions` says for each table, in SQL, which of its rows it may see.

        `now` is the query's now() in epoch seconds; it may take `seconds`. Raises LogsError.
        """
        import duckdb

        begun = time.perf_counter()
        with self._cursor(seconds) as (cursor, is_late):
            try:
                for name, condition in conditions.items():
                    cursor.execute(view(TABLES[name], condition))
                sql, parameters = self._translate(cursor, text, now)
                if is_late():
                    raise errors.timed_out()
                described = cursor.execute(f"DESCRIBE {sql}", parameters).fetchall()
                columns = [column(str(each[0]), str(each[1])) for each in described]
                cursor.execute(statement(sql, columns), parameters)
                body, count, error = self._fetch(cursor, columns)
            except duckdb.InterruptException as stopped:
                raise errors.timed_out() from stopped
            except duckdb.OutOfMemoryException:
                columns, body, count, error = [], b"", 0, errors.out_of_memory()
            except duckdb.Error as failed:
                raise _semantic(text, str(failed)) from failed
        return Result(columns, body, count, error, time.perf_counter() - begun)

    @contextlib.contextmanager
    def _cursor(self, seconds: float) -> Iterator[tuple[duckdb.DuckDBPyConnection, Any]]:
        """A connection of its own that is interrupted when the time is over, and whether it is."""
        with self._lock:
            cursor = self._open().cursor()
            self._running.add(cursor)
        done, late = threading.Event(), threading.Event()

        def watch() -> None:
            wait = seconds
            # An interrupt that comes between two statements is lost: say it again.
            while not done.wait(wait):
                late.set()
                cursor.interrupt()
                wait = _NOTICE_SECONDS

        watcher = threading.Thread(target=watch, name="logs-timer", daemon=True)
        watcher.start()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
            yield cursor, late.is_set
        finally:
            done.set()
            watcher.join()
            with self._lock:
                self._running.discard(cursor)
            cursor.close()

    def _translate(self, cursor: duckdb.DuckDBPyConnection, text: str, now: float) -> Translated:
        columns = {name: table.columns for name, table in TABLES.items()}
        try:
            translated = self._translator.translate(text, columns, now)
            parsed = cursor.execute("SELECT json_serialize_sql(?)", [translated.sql]).fetchone()
            tree = json.loads(parsed[0]) if parsed else {"error": True}
            if tree.get("error"):
                raise errors.semantic_error(TOO_COMPLEX, "SEM0001")
            check(tree, TABLES, self._closed)
        except NotTranslated as wrong:
            if wrong.line is None or wrong.column is None:
                raise errors.semantic_error(wrong.message, "SEM0001") from wrong
            raise _at(text, wrong.line, wrong.column) from wrong
        except NotAllowed as wrong:
            raise _unresolved(text, wrong.name, "table or column" if wrong.is_table else "function") from wrong
        except RecursionError as wrong:
            raise errors.semantic_error(TOO_COMPLEX, "SEM0001") from wrong
        return translated

    def _fetch(
        self, cursor: duckdb.DuckDBPyConnection, columns: Sequence[Column]
    ) -> tuple[bytes, int, errors.Body | None]:
        parts: list[bytes] = []
        count = size = 0
        error: errors.Body | None = None
        while not error and (rows := cursor.fetchmany(_CHUNK)):
            if count + len(rows) > self._limits.rows:
                rows = rows[: self._limits.rows - count]
                error = errors.too_much(self._limits.rows, "records")
            part = rows_text(rows, columns)
            if size + len(part) > self._limits.bytes:
                rows = rows[: _fitting(rows, columns, self._limits.bytes - size)]
                part = rows_text(rows, columns)
                error = errors.too_much(self._limits.bytes, "bytes")
            if rows:
                parts.append(part)
            count, size = count + len(rows), size + len(part) + 1
        return b",".join(parts), count, error


# Numpy's own kinds: the engine reads such columns without a step through Python.
_LARGEST_INT = 2**31 - 1
_NUMPY = {"BIGINT": "int64", "DOUBLE": "float64", "BOOLEAN": "bool", "VARCHAR": "object"}
_MADE = {"moment": "make_timestamp(CAST(round(moment * 1000000) AS BIGINT))"}


def _fitting(rows: Sequence[tuple[Any, ...]], columns: Sequence[Column], room: int) -> int:
    """How many of the rows, from the first on, fit into so many bytes."""
    for number, row in enumerate(rows):
        room -= len(rows_text([row], columns)) + 1
        if room < 0:
            return number
    return len(rows)


def _at(text: str, line: int, position: int) -> errors.LogsError:
    lines = text.splitlines() or [""]
    here = lines[min(line, len(lines)) - 1][position:]
    found = re.match(r"\w+|\S", here)
    token = found[0] if found else "<EOF>"
    return errors.syntax_error(
        f"Query could not be parsed at '{token}' on line [{line},{position}]", line, position, token
    )


def _semantic(text: str, message: str) -> errors.LogsError:
    found = _MISSING.search(message)
    if found:
        return _unresolved(text, found[1], "scalar")
    return errors.semantic_error(f"The local Azure cannot run this query: {message.splitlines()[0]}", "SEM0001")


def _unresolved(text: str, name: str, kind: str) -> errors.LogsError:
    """The sentence of the service, with the operator in front of the name and the place where it stands."""
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    before = text[: found.start()] if found else ""
    operators = re.findall(r"\|\s*([\w-]+)", before)
    operator = f"'{operators[-1]}' operator: " if operators else ""
    if kind == "function":
        return errors.semantic_error(f"{operator}Unknown function: '{name}'.", "SEM0260")
    line, position = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1)
    sentence = f"{operator}Failed to resolve {kind} expression named '{name}'"
    return errors.semantic_error(sentence, "SEM0100", line if found else None, position if found else None)
