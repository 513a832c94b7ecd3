"""Finished runs, kept on disk: load, comparisons, expectations. A later run is read beside an earlier one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from services.errors import RuleBroken
from services.store import RESULTS, Store

MOST_KEPT = 100
"""Of one kind and endpoint. The oldest go first."""
LARGEST_BYTES = 8 * 1024 * 1024
"""Of one result, as JSON."""
_NEWEST_FIRST = (RESULTS.c.at.desc(), RESULTS.c.id)
"""Times are written in UTC with six decimals, so that they sort as text."""


@dataclass(frozen=True)
class Result:
    """One finished run. ``content`` is what its kind says about it, as JSON can hold it."""

    id: str
    at: datetime
    kind: str
    content: Mapping[str, Any]


class Results:
    """The finished runs of one cloud. Thread-safe. ``cloud`` is its ARM host.

    At most MOST_KEPT of a kind are kept for each endpoint, none larger than LARGEST_BYTES.
    """

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def save(self, endpoint_id: str, kind: str, content: Mapping[str, Any], *, at: datetime) -> str:
        """Keep a finished run; its id. ``at`` is when it ended, with its time zone.

        Raises RuleBroken when ``content`` is too large, StoreFailed.
        """
        # Escaped to ASCII: a lone surrogate in an answer could not be stored as UTF-8.
        text = json.dumps(dict(content))
        if len(text) > LARGEST_BYTES:
            raise RuleBroken(
                "The result was not kept.",
                f"It is larger than the {LARGEST_BYTES // 1024 // 1024} MB that are kept of one run.",
                "Download it, or run it again with fewer requests.",
            )
        made = uuid.uuid4().hex
        row = {
            "id": made,
            "cloud": self._cloud,
            "endpoint_id": endpoint_id.lower(),
            "kind": kind,
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "content": text,
        }
        with self._store.writing() as connection:
            connection.execute(sa.insert(RESULTS).values(row))
            old = sa.select(RESULTS.c.id).where(*self._of(endpoint_id, kind)).order_by(*_NEWEST_FIRST)
            connection.execute(sa.delete(RESULTS).where(RESULTS.c.id.in_(old.limit(-1).offset(MOST_KEPT))))
        return made

    def all(
        self, endpoint_id: str, kind: str, limit: int = MOST_KEPT, *, since: datetime | None = None
    ) -> tuple[Result, ...]:
        """The runs of ``kind``, newest first; those that ended after ``since`` if it is given. Raises StoreFailed."""
        chosen = sa.select(RESULTS).where(*self._of(endpoint_id, kind)).order_by(*_NEWEST_FIRST).limit(limit)
        if since is not None:
            chosen = chosen.where(RESULTS.c.at > since.astimezone(UTC).isoformat(timespec="microseconds"))
        with self._store.reading() as connection:
            rows = connection.execute(chosen).all()
        return tuple(_result(row) for row in rows)

    def get(self, result_id: str) -> Result | None:
        """One run, None when it is not kept any more. Raises StoreFailed."""
        with self._store.reading() as connection:
            row = connection.execute(sa.select(RESULTS).where(*self._is(result_id))).one_or_none()
        return None if row is None else _result(row)

    def delete(self, result_id: str) -> None:
        """Forget one run. One that is not there is fine. Raises StoreFailed."""
        with self._store.writing() as connection:
            connection.execute(sa.delete(RESULTS).where(*self._is(result_id)))

    def _of(self, endpoint_id: str, kind: str) -> tuple[sa.ColumnElement[bool], ...]:
        # Azure compares ids without case.
        return RESULTS.c.cloud == self._cloud, RESULTS.c.endpoint_id == endpoint_id.lower(), RESULTS.c.kind == kind

    def _is(self, result_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return RESULTS.c.cloud == self._cloud, RESULTS.c.id == result_id


def _result(row: sa.Row[Any]) -> Result:
    return Result(row.id, datetime.fromisoformat(row.at), row.kind, json.loads(row.content))
