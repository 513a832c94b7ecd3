"""Everything that was sent from here, with what came of it: searchable, bounded, and without secrets."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.errors import SluiceError
from services.payloads.exchange import Exchange
from services.payloads.record import exchange_of, row_of
from services.scoring.answer import Answer
from services.scoring.request import ScoringRequest
from services.store import EXCHANGES, Store

MOST_EXCHANGES = 2000
"""Of one endpoint; older ones are deleted."""
MOST_BODY_BYTES = 64 * 1024 * 1024
"""Of all bodies of one endpoint; the oldest bodies are forgotten first, their rows stay."""
LONGEST_SEARCH = 200
_SIZE = sa.func.coalesce(sa.func.length(EXCHANGES.c.request_body), 0) + sa.func.coalesce(
    sa.func.length(EXCHANGES.c.answer_body), 0
)
_HAS_BODY = EXCHANGES.c.request_body.is_not(None) | EXCHANGES.c.answer_body.is_not(None)
_NO_BODIES = {"request_body": None, "answer_body": None}
_NEWEST_FIRST = (EXCHANGES.c.at.desc(), EXCHANGES.c.id.desc())


@dataclass(frozen=True)
class Page:
    """A part of the history, newest first, its exchanges without bodies. ``next`` is the ``before`` of the following
    part, None when this is the last. ``total`` counts everything that was found."""

    exchanges: tuple[Exchange, ...]
    next: str | None
    total: int


@dataclass(frozen=True)
class Holdings:
    """What the history of an endpoint holds: to choose from, and to know how much it is. ``None`` among the statuses
    stands for requests without an answer."""

    count: int
    body_bytes: int
    deployments: tuple[str, ...]
    statuses: tuple[int | None, ...]


class History:
    """The history of one cloud (``cloud`` is the host of its Azure Resource Manager). Safe for threads and processes.

    Every method raises StoreFailed when the file fails.
    """

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def record(
        self,
        endpoint_id: str,
        person: str,
        request: ScoringRequest,
        outcome: Answer | SluiceError,
        *,
        at: datetime,
        payload: str = "",
        keep_bodies: bool,
    ) -> Exchange:
        """Write down a request, as it was really sent ``at``, and its outcome.

        Values of headers that look like secrets are dropped. What is too old or too much leaves the history.
        """
        row = row_of(uuid.uuid4().hex, person, request, outcome, at=at, payload=payload, keep_bodies=keep_bodies)
        with self._store.writing() as connection:
            connection.execute(
                sa.insert(EXCHANGES).values({**row, "cloud": self._cloud, "endpoint_id": endpoint_id.lower()})
            )
            self._keep_within_bounds(connection, endpoint_id, has_bodies=keep_bodies)
        has = {"has_request": row["request_body"] is not None, "has_answer": row["answer_body"] is not None}
        return exchange_of(row | has)

    def search(
        self,
        endpoint_id: str,
        text: str = "",
        deployment: str | None = None,
        statuses: Collection[int | None] | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> Page:
        """The newest exchanges that fit, without their bodies.

        ``text`` is looked for, without case, in names, headers, ids, failures and the bodies that are kept.
        ``deployment`` is the one that answered, or that was asked for in vain. ``statuses`` are those to show, None
        among them for requests without an answer; not given, all are. ``before`` is the ``next`` of the page above.
        """
        wanted = [*self._of(endpoint_id), *_conditions(text.strip(), deployment, statuses)]
        columns = (
            *(column for column in EXCHANGES.c if column.name not in _NO_BODIES),
            EXCHANGES.c.request_body.is_not(None).label("has_request"),
            EXCHANGES.c.answer_body.is_not(None).label("has_answer"),
        )
        query = sa.select(*columns).where(*wanted, *_after(before)).order_by(*_NEWEST_FIRST).limit(limit + 1)
        with self._store.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            total = connection.execute(sa.select(sa.func.count()).select_from(EXCHANGES).where(*wanted)).scalar_one()
        last = rows[limit - 1] if len(rows) > limit else None
        following = f"{last['at']}~{last['id']}" if last else None
        return Page(tuple(exchange_of(row) for row in rows[:limit]), following, total)

    def get(self, exchange_id: str, *, of: str | None = None) -> Exchange | None:
        """One exchange with the bodies that are kept, None when it is not there (any more).

        ``of`` is the endpoint that it must be one of.
        """
        query = sa.select(EXCHANGES).where(EXCHANGES.c.cloud == self._cloud, EXCHANGES.c.id == exchange_id)
        if of is not None:
            query = query.where(*self._of(of))
        with self._store.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        has = {"has_request": row["request_body"] is not None, "has_answer": row["answer_body"] is not None}
        return exchange_of(dict(row) | has)

    def holdings(self, endpoint_id: str) -> Holdings:
        """What there is of an endpoint."""
        mine = self._of(endpoint_id)
        counts = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(_SIZE), 0)).where(*mine)
        with self._store.reading() as connection:
            count, size = connection.execute(counts).one()
            names = connection.execute(sa.select(EXCHANGES.c.deployment).where(*mine).distinct()).scalars().all()
            found = connection.execute(sa.select(EXCHANGES.c.status).where(*mine).distinct()).scalars().all()
        statuses = sorted(found, key=lambda status: (status is None, status or 0))
        return Holdings(count, size, tuple(sorted(name for name in names if name)), tuple(statuses))

    def delete(self, exchange_ids: Iterable[str]) -> None:
        """Delete exchanges for good; those that are gone already are passed over."""
        ids = list(exchange_ids)
        with self._store.writing() as connection:
            for start in range(0, len(ids), 500):
                some = EXCHANGES.c.id.in_(ids[start : start + 500])
                connection.execute(sa.delete(EXCHANGES).where(EXCHANGES.c.cloud == self._cloud, some))
        self._store.empty_log()

    def clear(self, endpoint_id: str) -> None:
        """Delete the whole history of an endpoint for good."""
        with self._store.writing() as connection:
            connection.execute(sa.delete(EXCHANGES).where(*self._of(endpoint_id)))
        self._store.empty_log()

    def forget_bodies(self, endpoint_id: str) -> None:
        """Delete the bodies of an endpoint's history for good; what else is known of the requests stays."""
        with self._store.writing() as connection:
            connection.execute(sa.update(EXCHANGES).where(*self._of(endpoint_id), _HAS_BODY).values(_NO_BODIES))
        self._store.empty_log()

    def _of(self, endpoint_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        # Azure compares ids without case.
        return EXCHANGES.c.cloud == self._cloud, EXCHANGES.c.endpoint_id == endpoint_id.lower()

    def _keep_within_bounds(self, connection: sa.Connection, endpoint_id: str, *, has_bodies: bool) -> None:
        mine = self._of(endpoint_id)
        too_old = sa.select(EXCHANGES.c.id).where(*mine).order_by(*_NEWEST_FIRST).offset(MOST_EXCHANGES)
        connection.execute(sa.delete(EXCHANGES).where(EXCHANGES.c.id.in_(too_old)))
        if not has_bodies:
            return
        running = sa.func.sum(_SIZE).over(order_by=_NEWEST_FIRST).label("running")
        sizes = sa.select(EXCHANGES.c.id, running).where(*mine, _HAS_BODY).subquery()
        too_much = sa.select(sizes.c.id).where(sizes.c.running > MOST_BODY_BYTES)
        connection.execute(sa.update(EXCHANGES).where(EXCHANGES.c.id.in_(too_much)).values(_NO_BODIES))


def _conditions(
    text: str, deployment: str | None, statuses: Collection[int | None] | None
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if text:
        text = text[:LONGEST_SEARCH]
        words = sa.func.json_extract(EXCHANGES.c.content, "$.words")
        bodies = (sa.cast(body, sa.Text) for body in (EXCHANGES.c.request_body, EXCHANGES.c.answer_body))
        in_bodies = (body.contains(text, autoescape=True) for body in bodies)
        found.append(sa.or_(words.contains(text.casefold(), autoescape=True), *in_bodies))
    if deployment:
        found.append(EXCHANGES.c.deployment == deployment)
    if statuses is not None:
        given = EXCHANGES.c.status.in_([status for status in statuses if status is not None])
        found.append(given | EXCHANGES.c.status.is_(None) if None in statuses else given)
    return found


def _after(before: str | None) -> list[sa.ColumnElement[bool]]:
    if not before:
        return []
    at, _, exchange_id = before.partition("~")
    return [(EXCHANGES.c.at < at) | ((EXCHANGES.c.at == at) & (EXCHANGES.c.id < exchange_id))]
