"""Shadow tests and their minutes, kept on disk: a restart loses nothing, and a log that rolls away does no harm."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from services.comparison.criteria import Criteria
from services.errors import Conflict, NotFound
from services.journal import leases
from services.shadow.kept import from_minute, from_run, text_of, to_minute, to_run
from services.shadow.model import Minute, Remark, Run, RunState
from services.store import SHADOW_ANSWERS, SHADOW_CRITERIA, SHADOW_MINUTES, SHADOW_RUNS, Store

MOST_KEPT = 30
"""Runs of an endpoint. The oldest go first, with their minutes."""
MOST_REMARKS = 50
_SECONDS_LET_GO = 0.0
_SELDOM, _ODD = timedelta(hours=6), "In the hour before"
_NUMBER = re.compile(r"\d[\d,.:]*")


@dataclass(frozen=True)
class Answers:
    """One comparison of answers inside a run: how many were compared, how many differ, and what more was said."""

    compared: int
    different: int
    content: Mapping[str, Any]


class Runs:
    """The shadow tests of one cloud. Safe for threads and processes. ``cloud`` is its ARM host.

    At most MOST_KEPT are kept for each endpoint. Every method raises StoreFailed when the file fails.
    """

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def begin(self, run: Run) -> Run:
        """Keep a new run. The same id never begins twice: what became of it is returned.

        Raises Conflict while another one of the endpoint runs.
        """
        with self._store.writing() as connection:
            found = self._find(connection, run.id)
            if found is not None:
                return found
            of_endpoint = self._of(run.endpoint_id)
            chosen = sa.select(SHADOW_RUNS.c.id).where(*of_endpoint, SHADOW_RUNS.c.state == RunState.RUNNING.value)
            if connection.execute(chosen).first() is not None:
                raise Conflict(
                    "The shadow test was not started.",
                    "Another one of this endpoint is running, and the two would share one mirror.",
                    "Wait until it ends, or stop it.",
                )
            row = {"id": run.id, "cloud": self._cloud, "endpoint_id": run.endpoint_id.lower()}
            connection.execute(
                sa.insert(SHADOW_RUNS).values(
                    **row,
                    started_at=text_of(run.started_at),
                    state=run.state.value,
                    content=json.dumps(from_run(run)),
                )
            )
            newest = sa.select(SHADOW_RUNS.c.id).where(*of_endpoint).order_by(SHADOW_RUNS.c.started_at.desc())
            for old in connection.execute(newest.offset(MOST_KEPT).limit(-1)).scalars().all():
                _delete(connection, old)
        return run

    def all(self, endpoint_id: str) -> tuple[Run, ...]:
        """The runs of an endpoint, newest first."""
        return self._chosen(*self._of(endpoint_id))

    def get(self, run_id: str) -> Run | None:
        """One run, None when there is none."""
        with self._store.reading() as connection:
            return self._find(connection, run_id)

    def running(self) -> tuple[Run, ...]:
        """All that run, of every endpoint."""
        return self._chosen(SHADOW_RUNS.c.cloud == self._cloud, SHADOW_RUNS.c.state == RunState.RUNNING.value)

    def open(self) -> tuple[Run, ...]:
        """All that run, and those that have ended but whose verdict is not frozen yet."""
        is_open = sa.or_(SHADOW_RUNS.c.state == RunState.RUNNING.value, SHADOW_RUNS.c.frozen.is_(None))
        return self._chosen(SHADOW_RUNS.c.cloud == self._cloud, is_open)

    def add_minutes(
        self,
        run_id: str,
        minutes: Sequence[Minute],
        *,
        counts: str = "",
        rows: str = "",
        notes: Sequence[str] = (),
        odd: Sequence[str] = (),
    ) -> int:
        """Keep settled minutes, in order. Only those after the newest kept one are: a minute is judged once.

        ``counts``, ``rows``, ``notes`` and ``odd`` are those of the reading. A run has one source of latencies: those
        of another one are not kept, for sources do not measure the same. What is odd becomes a remark, which stays.
        Returns how many were new. Nothing is added once the verdict is frozen. Raises NotFound.
        """
        with self._store.writing() as connection:
            run = self._found(connection, run_id)
            newest = self._newest(connection, run_id)
            new = [each for each in minutes if run.verdict is None and (newest is None or each.at > newest)]
            is_other = bool(rows and run.rows and rows != run.rows)
            if is_other:
                new = [_without_rows(each) for each in new]
            if new:
                connection.execute(sa.insert(SHADOW_MINUTES), [from_minute(run, each) for each in new])
            told = replace(run, counts=counts or run.counts, rows=run.rows or rows, notes=tuple(notes))
            for sentence in _changes(run, counts, rows) if new else ():
                told = _seldom(told, Remark(new[0].at, f"Since {new[0].at:%d %b %H:%M} UTC: {sentence}"))
            for sentence in odd if new else ():
                until = new[-1].at + timedelta(minutes=1)
                told = _seldom(told, Remark(new[0].at, f"{_ODD} {until:%d %b %H:%M} UTC: {sentence}"))
            self._write(connection, run, told)
        return len(new)

    def minutes(self, run_id: str, after: datetime | None = None) -> tuple[Minute, ...]:
        """The kept minutes in order, those later than ``after`` if it is given."""
        chosen = sa.select(SHADOW_MINUTES).where(SHADOW_MINUTES.c.run_id == run_id).order_by(SHADOW_MINUTES.c.at)
        if after is not None:
            chosen = chosen.where(SHADOW_MINUTES.c.at > text_of(after))
        with self._store.reading() as connection:
            return tuple(to_minute(row) for row in connection.execute(chosen))

    def newest(self, run_id: str) -> datetime | None:
        """When the newest kept minute begins, None without any."""
        with self._store.reading() as connection:
            return self._newest(connection, run_id)

    def add_answers(self, run_id: str, compared: int, different: int, content: Mapping[str, Any]) -> None:
        """Keep a comparison of answers with a run. Raises NotFound, and Conflict once the verdict is frozen."""
        with self._store.writing() as connection:
            if self._found(connection, run_id).verdict is not None:
                raise Conflict(
                    "The answers were not added to the shadow test.",
                    "Its verdict is frozen: what comes later would not be what was asked at the start.",
                    "Begin a new shadow test with answers among its criteria.",
                )
            row = {"run_id": run_id, "compared": compared, "different": different}
            connection.execute(sa.insert(SHADOW_ANSWERS).values(**row, content=json.dumps(dict(content))))

    def answers(self, run_id: str) -> tuple[Answers, ...]:
        """The comparisons of answers that are kept with a run, in order."""
        chosen = sa.select(SHADOW_ANSWERS).where(SHADOW_ANSWERS.c.run_id == run_id).order_by(SHADOW_ANSWERS.c.sequence)
        with self._store.reading() as connection:
            rows = connection.execute(chosen).all()
        return tuple(Answers(row.compared, row.different, json.loads(row.content)) for row in rows)

    def ask_to_stop(self, run_id: str) -> Run:
        """Write down that somebody wants a run to end now. One that has ended stays as it is. Raises NotFound."""
        return self.tell(run_id, lambda run: replace(run, is_ending=True))

    def tell(self, run_id: str, change: Callable[[Run], Run], *, is_over_too: bool = False) -> Run:
        """Change what is known of a run while it runs, or with ``is_over_too`` until its verdict is frozen.

        Returns what is kept now. Raises NotFound.
        """
        with self._store.writing() as connection:
            run = self._found(connection, run_id)
            if run.verdict is not None or (run.state is not RunState.RUNNING and not is_over_too):
                return run
            told = change(run)
            self._write(connection, run, told)
        return told

    def remark(self, run_id: str, sentence: str, at: datetime) -> Run:
        """Add what happened to the ground of a run, once."""
        return self.tell(run_id, lambda run: _remarked(run, Remark(at, sentence)))

    def end(self, run_id: str, state: RunState, why: str, at: datetime) -> Run:
        """End a running run: ENDED, STOPPED or BROKEN. The first end stays. Raises NotFound."""
        return self.tell(run_id, lambda run: replace(run, state=state, why=why, ended_at=at, trouble=""))

    def freeze(self, run_id: str, view: Mapping[str, Any]) -> None:
        """Keep the last word of a run that has ended; ``view`` has its ``verdict``. The first one stays."""
        is_open = (SHADOW_RUNS.c.id == run_id, SHADOW_RUNS.c.frozen.is_(None))
        has_ended = SHADOW_RUNS.c.state != RunState.RUNNING.value
        with self._store.writing() as connection:
            connection.execute(sa.update(SHADOW_RUNS).where(*is_open, has_ended).values(frozen=json.dumps(view)))

    def frozen(self, run_id: str) -> Mapping[str, Any] | None:
        """What :meth:`freeze` was given, None before."""
        with self._store.reading() as connection:
            text = connection.execute(sa.select(SHADOW_RUNS.c.frozen).where(SHADOW_RUNS.c.id == run_id)).scalar()
        return json.loads(text) if text else None

    def forget(self, run_id: str) -> None:
        """Delete a run with all its minutes. One that is not there is fine."""
        with self._store.writing() as connection:
            _delete(connection, run_id)

    def take(self, run_id: str, holder: str, now: datetime) -> bool:
        """Take a run for one process, or keep it. False while another living process has it."""
        place = f"{self._cloud} shadow"
        with self._store.writing() as connection:
            return leases.renew(connection, f"shadow {run_id}", holder, now) or leases.take(
                connection, place, run_id, f"shadow {run_id}", holder, now
            )

    def let_go(self, run_id: str, holder: str, now: datetime) -> None:
        """Let another process take a run at once."""
        with self._store.writing() as connection:
            leases.renew(connection, f"shadow {run_id}", holder, now, _SECONDS_LET_GO)

    def criteria(self, endpoint_id: str) -> Criteria:
        """The criteria that were saved for an endpoint, the defaults without any."""
        chosen = sa.select(SHADOW_CRITERIA.c.content).where(*self._criteria_of(endpoint_id))
        with self._store.reading() as connection:
            text = connection.execute(chosen).scalar()
        return Criteria.read(json.loads(text)) if text else Criteria()

    def save_criteria(self, endpoint_id: str, criteria: Criteria) -> None:
        """Keep criteria for the next run of an endpoint. Raises RuleBroken for those that cannot be judged."""
        row = {"cloud": self._cloud, "endpoint_id": endpoint_id.lower()}
        text = json.dumps(criteria.check().document())
        with self._store.writing() as connection:
            connection.execute(sa.delete(SHADOW_CRITERIA).where(*self._criteria_of(endpoint_id)))
            connection.execute(sa.insert(SHADOW_CRITERIA).values(**row, content=text))

    def _chosen(self, *wanted: sa.ColumnElement[bool]) -> tuple[Run, ...]:
        chosen = sa.select(SHADOW_RUNS).where(*wanted).order_by(SHADOW_RUNS.c.started_at.desc(), SHADOW_RUNS.c.id)
        with self._store.reading() as connection:
            return tuple(to_run(row) for row in connection.execute(chosen))

    def _find(self, connection: sa.Connection, run_id: str) -> Run | None:
        is_it = (SHADOW_RUNS.c.cloud == self._cloud, SHADOW_RUNS.c.id == run_id)
        row = connection.execute(sa.select(SHADOW_RUNS).where(*is_it)).one_or_none()
        return None if row is None else to_run(row)

    def _found(self, connection: sa.Connection, run_id: str) -> Run:
        run = self._find(connection, run_id)
        if run is None:
            why = "It is not kept any more: an endpoint keeps its newest ones."
            raise NotFound("The shadow test was not found.", why, "Choose another one.")
        return run

    def _newest(self, connection: sa.Connection, run_id: str) -> datetime | None:
        chosen = sa.select(sa.func.max(SHADOW_MINUTES.c.at)).where(SHADOW_MINUTES.c.run_id == run_id)
        text = connection.execute(chosen).scalar()
        return datetime.fromisoformat(text) if text else None

    def _write(self, connection: sa.Connection, before: Run, after: Run) -> None:
        if after == before:
            return
        values = {"state": after.state.value, "content": json.dumps(from_run(after))}
        connection.execute(sa.update(SHADOW_RUNS).where(SHADOW_RUNS.c.id == after.id).values(values))

    def _of(self, endpoint_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        # Azure compares ids without case.
        return SHADOW_RUNS.c.cloud == self._cloud, SHADOW_RUNS.c.endpoint_id == endpoint_id.lower()

    def _criteria_of(self, endpoint_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return SHADOW_CRITERIA.c.cloud == self._cloud, SHADOW_CRITERIA.c.endpoint_id == endpoint_id.lower()


def _changes(run: Run, counts: str, rows: str) -> Iterator[str]:
    """What a reading was taken from when that is not what the run was read from so far."""
    if counts and run.counts and counts != run.counts:
        yield f"the requests are counted from another source: {counts} after {run.counts}."
    if rows and run.rows and rows != run.rows:
        yield f"{run.rows} has no latencies of both. Those of {rows} are measured otherwise and do not count."


def _without_rows(minute: Minute) -> Minute:
    none = np.empty(0)
    live, candidate = replace(minute.live, latencies_ms=none), replace(minute.candidate, latencies_ms=none)
    return replace(minute, live=live, candidate=candidate)


def _seldom(run: Run, remark: Remark) -> Run:
    """A run with a remark, unless one with the same words is a little older or there is room for others only."""
    words = _NUMBER.sub("", remark.sentence)
    is_told = any(words == _NUMBER.sub("", each.sentence) and remark.at < each.at + _SELDOM for each in run.remarks)
    return run if is_told or len(run.remarks) >= MOST_REMARKS // 2 else _remarked(run, remark)


def _remarked(run: Run, remark: Remark) -> Run:
    if remark.sentence in {each.sentence for each in run.remarks} or len(run.remarks) >= MOST_REMARKS:
        return run
    return replace(run, remarks=(*run.remarks, remark))


def _delete(connection: sa.Connection, run_id: str) -> None:
    for table in (SHADOW_MINUTES, SHADOW_ANSWERS):
        connection.execute(sa.delete(table).where(table.c.run_id == run_id))
    connection.execute(sa.delete(SHADOW_RUNS).where(SHADOW_RUNS.c.id == run_id))
    leases.end(connection, f"shadow {run_id}")
