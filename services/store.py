"""What Sluice keeps on disk: one SQLite file, its tables, and the steps that bring an older file up to date.

Tables are written in SQLAlchemy Core, so that another database can follow. Every write is a transaction that locks the
file from its beginning: two processes of Sluice never decide on the same rows at once. It is synced before it returns.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

from services.errors import StoreFailed
from services.store_steps import STEPS

BUSY_SECONDS = 20.0
"""How long a write waits for another process's write. A transaction here takes milliseconds."""

METADATA = sa.MetaData()

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("entry_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("cloud", sa.Text, nullable=False),
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("known", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
)
"""The journal, one row per thing that happened. ``known`` is set when the event says which split Azure held."""

LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("cloud", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("entry_id", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)
"""Which process is changing which endpoint, until when."""

TESTS = sa.Table(
    "tests",
    METADATA,
    sa.Column("cloud", sa.Text, primary_key=True),
    sa.Column("deployment_id", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("total_ms", sa.Float, nullable=False),
    sa.Column("model_ms", sa.Float),
)
"""The newest test request to each deployment."""

PAYLOADS = sa.Table(
    "payloads",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("cloud", sa.Text, nullable=False),
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)
"""The library of each endpoint: what can be sent again, by name. ``content`` is JSON: everything but the body."""

VARIABLES = sa.Table(
    "variables",
    METADATA,
    sa.Column("cloud", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""What stands for ``{{name}}`` in the payloads of an endpoint."""

EXCHANGES = sa.Table(
    "exchanges",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("cloud", sa.Text, nullable=False),
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("deployment", sa.Text),
    sa.Column("total_ms", sa.Float),
    sa.Column("request_body", sa.LargeBinary),
    sa.Column("answer_body", sa.LargeBinary),
    sa.Column("content", sa.Text, nullable=False),
)
"""Every test request with its answer. Bodies are NULL when the person keeps none. ``content`` is JSON, no secrets."""

RESULTS = sa.Table(
    "results",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("cloud", sa.Text, nullable=False),
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)
"""Finished runs of one ``kind``: load, comparison, expectations. ``content`` is JSON."""

CHOICES = sa.Table(
    "choices",
    METADATA,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""What a person has chosen for good, such as whether bodies are kept."""

LIMITS = sa.Table(
    "limits",
    METADATA,
    sa.Column("cloud", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
)
"""What the metrics of each endpoint should stay below."""

VISIBILITY = sa.Table(
    "visibility",
    METADATA,
    sa.Column("cloud", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)
"""Whether a source shows an endpoint's mirrored requests, as it was last found out. ``content`` is JSON."""

QUERIES = sa.Table(
    "queries",
    METADATA,
    sa.Column("cloud", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("kql", sa.Text, nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
)
"""Queries of Log Analytics that people have saved, by endpoint."""

SHADOW_RUNS = sa.Table(
    "shadow_runs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("cloud", sa.Text, nullable=False),
    sa.Column("endpoint_id", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("frozen", sa.Text),
)
"""Shadow tests. One of an endpoint runs at a time. ``content`` and the ``frozen`` verdict are JSON."""

SHADOW_MINUTES = sa.Table(
    "shadow_minutes",
    METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, primary_key=True),
    sa.Column("live_requests", sa.Integer, nullable=False),
    sa.Column("live_errors", sa.Integer, nullable=False),
    sa.Column("candidate_requests", sa.Integer, nullable=False),
    sa.Column("candidate_errors", sa.Integer, nullable=False),
    sa.Column("live_rows", sa.Integer, nullable=False),
    sa.Column("latencies", sa.LargeBinary, nullable=False),
    sa.Column("used", sa.Text),
)
"""What a run is judged by. ``latencies`` are compressed, ``live_rows`` of the live deployment and then the other's.
``used`` is JSON: what the instances of both used, NULL when that is not known."""

SHADOW_ANSWERS = sa.Table(
    "shadow_answers",
    METADATA,
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("compared", sa.Integer, nullable=False),
    sa.Column("different", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)
"""Answers that were compared inside a run, one row per comparison. ``content`` is JSON."""

SHADOW_CRITERIA = sa.Table(
    "shadow_criteria",
    METADATA,
    sa.Column("cloud", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
"""What a candidate must not be worse by, as it was chosen last for an endpoint. ``content`` is JSON."""

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("cloud", sa.Text, nullable=False),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("began_at", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text),
)
"""What Sluice does to the resources of endpoints, and which process does it until when. ``content`` is JSON, and so is
``evidence``: the logs of a failure, which are large."""

PRICES = sa.Table(
    "prices",
    METADATA,
    sa.Column("cloud", sa.Text, primary_key=True),
    sa.Column("instance_type", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("per_hour", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
)
"""What an instance costs in an hour, by instance type and region, "" for every other one. Kept by people."""

_MIGRATIONS = STEPS


class Store:
    """The file at ``path``, made with its folder when it is not there. Safe for threads and for several processes.

    Raises StoreFailed when it cannot be opened, or was written by a newer Sluice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
        sa.event.listen(self._engine, "connect", _prepare)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Before SQLite makes it: its log files get the same mode.
            path.touch(mode=0o600)
            self._file = _file(path)
            with self.writing() as connection:
                _migrate(connection, path)
        except (OSError, StoreFailed) as error:
            self.close()
            raise error if isinstance(error, StoreFailed) else _failed(path, error) from error

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes; it is undone when the block raises. Raises StoreFailed."""
        with self._connected() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that reads one consistent state. Raises StoreFailed."""
        with self._connected() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                _roll_back(connection)

    def empty_log(self) -> None:
        """Take what was deleted out of SQLite's log file too, unless somebody reads it just now. Raises StoreFailed."""
        with self._connected() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=500")
            try:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        if _file(self.path) != self._file:
            raise StoreFailed(
                "What Sluice keeps on disk cannot be used.",
                f"{self.path} was removed or replaced while Sluice runs.",
                "Put it back, or start Sluice again to begin a new one.",
            )
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise _failed(self.path, error.orig or error) from error
        except sa.exc.TimeoutError as error:
            raise _failed(self.path, error) from error


def _file(path: Path) -> tuple[int, int] | None:
    """Which file it is; SQLite would go on writing into one that nobody can find any more."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _roll_back(connection: sa.Connection) -> None:
    # SQLite has ended the transaction by itself when the disk is full or fails.
    if connection.connection.in_transaction:
        connection.exec_driver_sql("ROLLBACK")


def _prepare(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")
    # What is deleted is overwritten.
    connection.execute("PRAGMA secure_delete=ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead. Two processes that switch a new file at once are refused without waiting."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            # SQLite answers at once here, whatever its time limit is.
            time.sleep(0.02)


def _migrate(connection: sa.Connection, path: Path) -> None:
    version: Any = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version > len(_MIGRATIONS):
        raise StoreFailed(
            "What Sluice keeps on disk cannot be used.",
            f"{path} was written by a newer version of Sluice.",
            "Use that version, or name another folder in SLUICE_DATA_DIR.",
        )
    for step in _MIGRATIONS[version:]:
        for statement in step:
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA user_version = {len(_MIGRATIONS)}")


def _failed(path: Path, error: BaseException) -> StoreFailed:
    return StoreFailed(
        "What Sluice keeps on disk cannot be used.",
        f"{path}: {error}.",
        "Check that the folder can be written and that the disk is not full, or name another one in SLUICE_DATA_DIR.",
    )
