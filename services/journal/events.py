"""The events of the journal in the file, and what they add up to. Everything runs in a transaction of its caller."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from services.journal.entry import BEGINNINGS, Entry, Known, begun, followed, from_split, moment, to_split
from services.store import EVENTS

_AT_ONCE = 500
"""Ids in one statement; older builds of SQLite take 999 variables."""


class Events:
    """The events of one cloud."""

    def __init__(self, cloud: str, now: Callable[[], datetime]) -> None:
        self._cloud = cloud
        self._now = now

    def append(
        self,
        connection: sa.Connection,
        entry_id: str,
        kind: str,
        key: str,
        body: Mapping[str, Any],
        known: Known | None = None,
    ) -> None:
        """Add an event to an entry of the endpoint ``key`` (its id in lower case)."""
        held = None
        if known:
            held = {
                "split": from_split(known.split),
                "modified_at": text_of(known.modified_at),
                "at": text_of(known.at),
            }
        connection.execute(
            EVENTS.insert().values(
                entry_id=entry_id,
                kind=kind,
                at=text_of(self._now()),
                cloud=self._cloud,
                endpoint_id=key,
                known=json.dumps(held) if held else None,
                body=json.dumps(body),
            )
        )

    def entry(self, connection: sa.Connection, entry_id: str) -> Entry:
        """An entry that is there."""
        return self.entries(connection, [entry_id])[0]

    def find(self, connection: sa.Connection, entry_id: str) -> Entry | None:
        """An entry, None when it is not there."""
        return next(iter(self.entries(connection, [entry_id])), None)

    def entries(self, connection: sa.Connection, entry_ids: Iterable[str]) -> list[Entry]:
        """The folded entries, the newest first. What a newer Sluice began is left out."""
        wanted = list(dict.fromkeys(entry_ids))
        folded: dict[str, Entry] = {}
        for first in range(0, len(wanted), _AT_ONCE):
            some = EVENTS.c.entry_id.in_(wanted[first : first + _AT_ONCE])
            for row in connection.execute(sa.select(EVENTS).where(some).order_by(EVENTS.c.sequence)):
                # Not in the query: SQLite would choose the index by cloud and read all of it.
                if row.cloud == self._cloud:
                    _fold(folded, row)
        return sorted(folded.values(), key=lambda entry: -entry.sequence)

    def ids(
        self, connection: sa.Connection, *conditions: sa.ColumnElement[bool], limit: int | None = None
    ) -> list[str]:
        """The entries that have an event which meets the conditions, the newest such event first."""
        wanted = sa.select(EVENTS.c.entry_id).where(EVENTS.c.cloud == self._cloud, *conditions)
        rows = connection.execute(wanted.order_by(EVENTS.c.sequence.desc()).limit(limit))
        return [str(row.entry_id) for row in rows]

    def known(self, connection: sa.Connection, key: str) -> Known | None:
        """The split that Azure was last known to hold."""
        row = connection.execute(
            sa.select(EVENTS.c.known, EVENTS.c.at)
            .where(EVENTS.c.cloud == self._cloud, EVENTS.c.endpoint_id == key, EVENTS.c.known.is_not(None))
            .order_by(EVENTS.c.sequence.desc())
            .limit(1)
        ).first()
        if row is None:
            return None
        held = json.loads(row.known)
        at = datetime.fromisoformat(held.get("at") or row.at)
        return Known(to_split(held["split"]), moment(held["modified_at"]), at)

    def open_drifts(self, connection: sa.Connection, key: str) -> list[Entry]:
        """Changes made elsewhere that nobody has decided on."""
        found = self._without(connection, "decided", EVENTS.c.kind == "drift", EVENTS.c.endpoint_id == key)
        return self.entries(connection, found)

    def unattributed(self, connection: sa.Connection, since: datetime) -> list[Entry]:
        """Changes made elsewhere, noticed since then, that the activity log has not been found to explain."""
        lately = EVENTS.c.at >= text_of(since)
        return self.entries(connection, self._without(connection, "attributed", EVENTS.c.kind == "drift", lately))

    def unchecked(self, connection: sa.Connection, since: datetime) -> list[Entry]:
        """Changes of ours, begun since then, of which the activity log has not told all."""
        lately = EVENTS.c.at >= text_of(since)
        return self.entries(connection, self._without(connection, "checked", EVENTS.c.kind == "begun", lately))

    def _without(self, connection: sa.Connection, kind: str, *conditions: sa.ColumnElement[bool]) -> list[str]:
        """Ids of the entries whose first event meets the conditions and that have no event of a kind."""
        later = EVENTS.alias()
        follows = sa.select(later.c.sequence).where(later.c.entry_id == EVENTS.c.entry_id, later.c.kind == kind)
        return self.ids(connection, *conditions, ~follows.exists())

    def newest(self, connection: sa.Connection, key: str) -> Entry | None:
        """The newest change of ours."""
        of_ours = (EVENTS.c.endpoint_id == key, EVENTS.c.kind == "begun")
        return next(iter(self.entries(connection, self.ids(connection, *of_ours, limit=1))), None)

    def is_newest(self, connection: sa.Connection, entry: Entry) -> bool:
        """Whether no other change, ours or somebody else's, has followed since this one was sent.

        One that was noticed before it was sent lies before it, though its entry is younger.
        """
        own = sa.select(sa.func.max(EVENTS.c.sequence)).where(
            EVENTS.c.entry_id == entry.id, EVENTS.c.kind.in_(("begun", "sent"))
        )
        last = sa.select(sa.func.max(EVENTS.c.sequence)).where(
            EVENTS.c.cloud == self._cloud,
            EVENTS.c.endpoint_id == entry.endpoint_id.lower(),
            EVENTS.c.kind.in_(("begun", "drift")),
        )
        return bool(connection.execute(last).scalar_one() <= connection.execute(own).scalar_one())

    def is_without(self, connection: sa.Connection, entry_id: str, kind: str) -> bool:
        """Whether an entry has no event of a kind."""
        found = sa.select(EVENTS.c.sequence).where(EVENTS.c.entry_id == entry_id, EVENTS.c.kind == kind).limit(1)
        return connection.execute(found).first() is None

    def request_ids(self, connection: sa.Connection, key: str, since: datetime) -> set[str]:
        """The request ids of an endpoint in events since then."""
        rows = connection.execute(
            sa.select(EVENTS.c.body).where(
                EVENTS.c.cloud == self._cloud,
                EVENTS.c.kind.in_(("sent", "ended", "attributed")),
                EVENTS.c.at >= text_of(since),
                EVENTS.c.endpoint_id == key,
            )
        )
        return {str(found) for row in rows for found in json.loads(row.body).get("request_ids", ())}

    def endpoints(self, connection: sa.Connection) -> list[str]:
        """The keys of all endpoints."""
        rows = connection.execute(sa.select(EVENTS.c.endpoint_id).where(EVENTS.c.cloud == self._cloud).distinct())
        return sorted(str(row.endpoint_id) for row in rows)


def _fold(folded: dict[str, Entry], row: sa.Row[Any]) -> None:
    before = folded.get(row.entry_id)
    if before is not None:
        folded[row.entry_id] = followed(before, row)
    elif row.kind in BEGINNINGS:
        folded[row.entry_id] = begun(row)


def text_of(at: datetime | None) -> str | None:
    """A moment as it is kept: ISO 8601 in UTC."""
    return at.astimezone(UTC).isoformat() if at else None
