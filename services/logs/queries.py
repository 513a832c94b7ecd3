"""Free queries: run in the background with a stop, and kept by name for each endpoint."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from services.azure.connection import Connection
from services.azure.log_analytics import Rows, ask
from services.errors import RuleBroken, ServiceFailed, SluiceError
from services.logs.kql_text import LONGEST, bounded
from services.model import Endpoint
from services.store import QUERIES, Store

MOST_ROWS = 10_000
"""That one query brings. Log Analytics itself stops at 500,000 rows or 64 MB (Azure Monitor, workspace limits)."""
MOST_RUNS = 16
"""Runs that are kept at the same time, with their answers."""
MOST_KEPT = 100
"""Queries of one endpoint."""
LONGEST_NAME = 80
_WHAT = "The query could not be run."
_log = logging.getLogger("sluice.logs")


@dataclass(frozen=True)
class Answer:
    """What a query answered after ``seconds``. ``is_cut`` says that there are more than MOST_ROWS rows."""

    found: Rows
    is_cut: bool
    seconds: float


class Run:
    """One query on its way in a thread of its own. Azure cannot be told to stop: a stopped one is not waited for.

    ``over`` is set when ``answer`` or ``error`` is there, or when it was stopped. ``id`` names it in an address;
    ``endpoint_id`` is the ARM id of the endpoint whose rows it asks for, and ``span`` how far back, None for all.
    """

    def __init__(
        self,
        kql: str,
        ask_for_it: Callable[[], Rows],
        clock: Callable[[], float] = time.monotonic,
        *,
        endpoint_id: str = "",
        span: timedelta | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex
        self.endpoint_id = endpoint_id.lower()
        self.kql = kql
        self.span = span
        self.answer: Answer | None = None
        self.error: SluiceError | None = None
        self.over = threading.Event()
        self.is_stopped = False
        self._ask = ask_for_it
        self._clock = clock
        self._began_at = clock()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="query", daemon=True).start()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._began_at

    def stop(self) -> None:
        """Wait no longer. What Azure answers later is thrown away."""
        with self._lock:
            if not self.over.is_set():
                self.is_stopped = True
                self.over.set()

    def _run(self) -> None:
        answer, error = None, None
        try:
            answer = cut(self._ask(), self.seconds)
        except SluiceError as failed:
            # It is kept for a session: the words alone.
            failed.__cause__ = failed.__context__ = None
            error = failed.with_traceback(None)
        except Exception as failed:
            # Without an end to this run, the page would wait for it for ever.
            _log.exception("A query failed")
            why = f"The answer of Log Analytics was not what Sluice expects ({type(failed).__name__})."
            error = ServiceFailed(_WHAT, why, "Run it again; if it stays, report it with the server's log.")
        with self._lock:
            if not self.is_stopped:
                self.answer, self.error = answer, error
                self.over.set()


class Runs:
    """The runs of everybody in this process, so that a page that is loaded again finds its own. Thread-safe."""

    def __init__(self, most: int = MOST_RUNS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}

    def keep(self, begin_it: Callable[[], Run]) -> Run:
        """Begin a run and keep it; of those that are over the oldest goes. Raises RuleBroken when all are under way,
        and what ``begin_it`` raises."""
        with self._lock:
            while len(self._runs) >= self._most:
                oldest = next((each for each in self._runs.values() if each.over.is_set()), None)
                if oldest is None:
                    why = f"{self._most} queries are running, and no more do so at the same time."
                    raise RuleBroken(_WHAT, why, "Wait for one of them, or stop one.")
                del self._runs[oldest.id]
            run = begin_it()
            self._runs[run.id] = run
            return run

    def find(self, run_id: str) -> Run | None:
        """The run of this id, None when it is not kept any more."""
        with self._lock:
            return self._runs.get(run_id)

    def of(self, endpoint_id: str) -> tuple[Run, ...]:
        """The runs of an endpoint that are kept, the newest first."""
        with self._lock:
            return tuple(each for each in reversed(self._runs.values()) if each.endpoint_id == endpoint_id.lower())


def begin(conn: Connection, endpoint: Endpoint, kql: str, span: timedelta | None) -> Run:
    """Run ``kql`` on the rows of ``endpoint``: those of the last ``span`` by Azure's clock, all of them without one.

    Raises RuleBroken for a text that is empty or longer than LONGEST.
    """
    if not kql.strip():
        raise RuleBroken(_WHAT, "It is empty.", "Write one, or begin with a template.")
    if len(kql) > LONGEST:
        raise RuleBroken(
            _WHAT, f"It has {len(kql):,} characters, {LONGEST:,} at most are taken.", "Shorten it, then run it again."
        )
    # One row more than is kept tells that there are more.
    text = bounded(kql, MOST_ROWS + 1)
    return Run(kql, lambda: ask(conn, _WHAT, endpoint.id, text, span), endpoint_id=endpoint.id, span=span)


def cut(found: Rows, seconds: float) -> Answer:
    """At most MOST_ROWS of what was found. Pure."""
    kept = Rows(found.columns, found.rows[:MOST_ROWS], found.partial)
    return Answer(kept, len(found.rows) > MOST_ROWS, seconds)


@dataclass(frozen=True)
class Saved:
    """A query by name."""

    name: str
    kql: str
    changed_at: datetime


class Queries:
    """The saved queries of one cloud. Thread-safe. ``cloud`` is its ARM host."""

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def all(self, endpoint_id: str) -> tuple[Saved, ...]:
        """The queries of an endpoint, by name. Raises StoreFailed."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(QUERIES).where(*self._of(endpoint_id))).all()
        found = (Saved(row.name, row.kql, datetime.fromisoformat(row.changed_at)) for row in rows)
        return tuple(sorted(found, key=lambda each: each.name.lower()))

    def save(self, endpoint_id: str, name: str, kql: str, *, at: datetime) -> Saved:
        """Keep a query under ``name``, in place of the one of this name. Raises RuleBroken, StoreFailed."""
        what, name = "The query was not saved.", " ".join(name.split())
        if not name or len(name) > LONGEST_NAME:
            raise RuleBroken(what, f"Its name has to have 1 to {LONGEST_NAME} characters.", "Choose another name.")
        if not kql.strip() or len(kql) > LONGEST:
            raise RuleBroken(what, f"A query has 1 to {LONGEST:,} characters.", "Change it, then save it again.")
        saved = Saved(name, kql, at.astimezone(UTC))
        values = {"kql": kql, "changed_at": saved.changed_at.isoformat()}
        key = {"cloud": self._cloud, "endpoint_id": endpoint_id.lower(), "name": name}
        with self._store.writing() as connection:
            changed = connection.execute(
                sa.update(QUERIES).where(*self._of(endpoint_id), QUERIES.c.name == name).values(values)
            )
            if not changed.rowcount:
                held = sa.select(sa.func.count()).select_from(QUERIES).where(*self._of(endpoint_id))
                if connection.execute(held).scalar_one() >= MOST_KEPT:
                    raise RuleBroken(what, f"{MOST_KEPT} queries of this endpoint are kept.", "Delete one of them.")
                connection.execute(sa.insert(QUERIES).values({**key, **values}))
        return saved

    def delete(self, endpoint_id: str, name: str) -> None:
        """Forget a query. One that is not there is fine. Raises StoreFailed."""
        with self._store.writing() as connection:
            connection.execute(sa.delete(QUERIES).where(*self._of(endpoint_id), QUERIES.c.name == name))

    def _of(self, endpoint_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return QUERIES.c.cloud == self._cloud, QUERIES.c.endpoint_id == endpoint_id.lower()
