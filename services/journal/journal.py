"""Every change of an endpoint's split, ours and other people's: who, when, before, after, why, and how it ended.

The journal is append-only: an entry is the fold of its events, and the file refuses to change or delete one. What is
about to be sent to Azure is written down before it is sent, so that a crash can leave a change open but never lost.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from services.errors import Conflict
from services.journal.entry import (
    APPLIED,
    OPEN,
    RESTORED,
    SUPERSEDED,
    UNKNOWN,
    Entry,
    Failure,
    Known,
    Who,
    begun,
    followed,
    from_split,
    moment,
    to_split,
)
from services.model import Endpoint, Split
from services.store import EVENTS, LEASES, Store

LEASE_SECONDS = 30.0
"""How long a process that has stopped working keeps an endpoint to itself. It renews while it works."""


class Journal:
    """The journal of one cloud (``cloud`` is the host of its Azure Resource Manager). Safe for threads and processes.

    ``now`` is the clock; ``holder`` names this process in the leases. Every method raises StoreFailed when the file
    fails.
    """

    def __init__(
        self,
        store: Store,
        cloud: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        holder: str = "",
    ) -> None:
        self._store = store
        self.cloud = cloud
        self._now = now
        self._holder = holder or uuid.uuid4().hex

    def begin(
        self, entry_id: str, endpoint: Endpoint, after: Split, who: Who, *, reason: str = "", restores: str = ""
    ) -> tuple[Entry, bool]:
        """Write down a change before anything is done, and take the endpoint for this process.

        ``endpoint.split`` is what the person saw. Returns the entry and whether it is new: the same ``entry_id`` never
        begins twice. Raises Conflict while another change of the endpoint is under way.
        """
        with self._store.writing() as connection:
            existing = self._entries(connection, EVENTS.c.entry_id == entry_id)
            if existing:
                return existing[0], False
            key = _key(endpoint.id)
            if not self._lease(connection, key, entry_id):
                raise Conflict(
                    f"The split of {endpoint.name} was not changed.",
                    "Another change of this endpoint is under way.",
                    "Wait until it has ended, then decide again.",
                )
            body = {
                "endpoint_id": endpoint.id,
                "endpoint_name": endpoint.name,
                "before": from_split(endpoint.split),
                "after": from_split(after),
                "principal": who.principal,
                "person": who.person,
                "reason": reason,
                "restores": restores,
            }
            self._append(connection, entry_id, "begun", key, body)
            return self._entries(connection, EVENTS.c.entry_id == entry_id)[0], True

    def sent(self, entry: Entry, request_ids: Sequence[str] = ()) -> None:
        """Write down that the write is about to leave for Azure: from here on it may have happened."""
        with self._store.writing() as connection:
            self._append(connection, entry.id, "sent", _key(entry.endpoint_id), {"request_ids": list(request_ids)})

    def end(
        self,
        entry: Entry,
        outcome: str,
        *,
        held: Known | None = None,
        failure: Failure | None = None,
        request_ids: Sequence[str] = (),
    ) -> Entry:
        """Write down how a change ended, and give the endpoint free. An UNKNOWN one can be ended again later."""
        body: dict[str, Any] = {"outcome": outcome, "request_ids": list(request_ids)}
        if failure:
            body["failure"] = {"what": failure.what, "why": failure.why, "next_step": failure.next_step}
        with self._store.writing() as connection:
            self._append(connection, entry.id, "ended", _key(entry.endpoint_id), body, held)
            if outcome == APPLIED:
                self._supersede(connection, entry)
            connection.execute(LEASES.delete().where(LEASES.c.entry_id == entry.id))
            return self._entries(connection, EVENTS.c.entry_id == entry.id)[0]

    def overwrote(self, entry: Entry, sentence: str) -> None:
        """Add to a change that it may have overwritten a write by somebody else."""
        with self._store.writing() as connection:
            self._append(connection, entry.id, "overwrote", _key(entry.endpoint_id), {"sentence": sentence})

    def observe(self, endpoint: Endpoint, read_at: datetime) -> Entry | None:
        """Compare an endpoint that was asked for at ``read_at`` with what was known of it.

        Returns the new entry: FIRST_SEEN, or DRIFT when somebody else has changed the split. None when nothing is new,
        while a change of ours is under way, or when the read is older than what is known.
        """
        key = _key(endpoint.id)
        with self._store.writing() as connection:
            known = self._known(connection, key)
            if known is None:
                return self._note(connection, endpoint, "first seen", None)
            if known.split == endpoint.split or read_at <= known.at or self._is_leased(connection, key):
                return None
            if _is_older(endpoint.modified_at, known.modified_at):
                # Azure's reads can lag behind its writes: this is an answer from before the one that is known.
                return None
            for open_one in self._open_drifts(connection, key):
                self._append(connection, open_one.id, "decided", key, {"outcome": SUPERSEDED})
            return self._note(connection, endpoint, "drift", known.split)

    def attribute(self, entry: Entry, principal: str, changed_at: datetime | None, request_ids: Sequence[str]) -> None:
        """Add to a drift who made it and when, as Azure's activity log says."""
        body = {
            "principal": principal,
            "changed_at": changed_at.isoformat() if changed_at else None,
            "request_ids": list(request_ids),
        }
        with self._store.writing() as connection:
            self._append(connection, entry.id, "attributed", _key(entry.endpoint_id), body)

    def decide(self, entry: Entry, outcome: str, who: Who) -> None:
        """Write down that a drift was KEPT or RESTORED, and by whom."""
        body = {"outcome": outcome, "by": {"principal": who.principal, "person": who.person}}
        with self._store.writing() as connection:
            if self._entries(connection, EVENTS.c.entry_id == entry.id)[0].outcome == OPEN:
                self._append(connection, entry.id, "decided", _key(entry.endpoint_id), body)

    def entry(self, entry_id: str) -> Entry | None:
        """One entry, None when there is none."""
        with self._store.reading() as connection:
            return next(iter(self._entries(connection, EVENTS.c.entry_id == entry_id)), None)

    def entries(
        self,
        *,
        endpoint_id: str | None = None,
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """The newest entries first, of one endpoint or of all; ``before`` is the sequence of the last one shown."""
        begins = EVENTS.c.kind.in_(("begun", "drift", "first seen"))
        wanted = sa.select(EVENTS.c.entry_id).where(EVENTS.c.cloud == self.cloud, begins)
        if endpoint_id is not None:
            wanted = wanted.where(EVENTS.c.endpoint_id == _key(endpoint_id))
        if since is not None:
            wanted = wanted.where(EVENTS.c.at >= since.astimezone(UTC).isoformat())
        if before is not None:
            wanted = wanted.where(EVENTS.c.sequence < before)
        wanted = wanted.order_by(EVENTS.c.sequence.desc()).limit(limit)
        with self._store.reading() as connection:
            return self._entries(connection, EVENTS.c.entry_id.in_(wanted.scalar_subquery()))

    def unfinished(self) -> list[Entry]:
        """Changes that nobody has ended and no living process works on, and those that ended UNKNOWN as their
        endpoint's newest change: what has to be looked at again. Oldest first."""
        with self._store.reading() as connection:
            of_ours = (EVENTS.c.cloud == self.cloud, EVENTS.c.kind == "begun")
            last_ended = sa.select(sa.func.max(EVENTS.c.sequence)).where(EVENTS.c.kind == "ended")
            ended = sa.select(EVENTS.c.entry_id).where(
                EVENTS.c.sequence.in_(last_ended.group_by(EVENTS.c.entry_id)),
                sa.func.json_extract(EVENTS.c.body, "$.outcome") != UNKNOWN,
            )
            wanted = sa.select(EVENTS.c.entry_id).where(*of_ours, EVENTS.c.entry_id.not_in(ended))
            found = self._entries(connection, EVENTS.c.entry_id.in_(wanted))
            return [
                entry
                for entry in reversed(found)
                if not self._is_leased(connection, _key(entry.endpoint_id))
                and (entry.outcome == "" or self._is_newest(connection, entry))
            ]

    def take(self, entry: Entry) -> bool:
        """Take an unfinished change over for this process. False when another one has it."""
        with self._store.writing() as connection:
            return self._lease(connection, _key(entry.endpoint_id), entry.id)

    def renew(self, entry: Entry) -> bool:
        """Keep the endpoint for this process a little longer. False when it has been lost to another one."""
        with self._store.writing() as connection:
            held = connection.execute(
                LEASES.update()
                .where(LEASES.c.entry_id == entry.id, LEASES.c.holder == self._holder)
                .values(expires_at=self._now().timestamp() + LEASE_SECONDS)
            )
            return held.rowcount == 1

    def known(self, endpoint_id: str) -> Known | None:
        """The split that Azure was last known to hold, None for an endpoint that was never seen."""
        with self._store.reading() as connection:
            return self._known(connection, _key(endpoint_id))

    def open_drift(self, endpoint_id: str) -> Entry | None:
        """The change made elsewhere that nobody has decided on yet."""
        with self._store.reading() as connection:
            return next(iter(self._open_drifts(connection, _key(endpoint_id))), None)

    def endpoints(self) -> list[str]:
        """ARM ids, in lower case, of all endpoints that the journal knows."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(EVENTS.c.endpoint_id).where(EVENTS.c.cloud == self.cloud).distinct())
            return sorted(str(row.endpoint_id) for row in rows)

    def _append(
        self,
        connection: sa.Connection,
        entry_id: str,
        kind: str,
        key: str,
        body: Mapping[str, Any],
        known: Known | None = None,
    ) -> None:
        held = {"split": from_split(known.split), "modified_at": _text(known.modified_at)} if known else None
        connection.execute(
            EVENTS.insert().values(
                entry_id=entry_id,
                kind=kind,
                at=self._now().astimezone(UTC).isoformat(),
                cloud=self.cloud,
                endpoint_id=key,
                known=json.dumps(held) if held else None,
                body=json.dumps(body),
            )
        )

    def _note(self, connection: sa.Connection, endpoint: Endpoint, kind: str, before: Split | None) -> Entry:
        entry_id = uuid.uuid4().hex
        body = {
            "endpoint_id": endpoint.id,
            "endpoint_name": endpoint.name,
            "before": from_split(before) if before is not None else None,
            "after": from_split(endpoint.split),
        }
        known = Known(endpoint.split, endpoint.modified_at, self._now())
        self._append(connection, entry_id, kind, _key(endpoint.id), body, known)
        return self._entries(connection, EVENTS.c.entry_id == entry_id)[0]

    def _entries(self, connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> list[Entry]:
        """The folded entries of the wanted events, the newest first."""
        rows = connection.execute(sa.select(EVENTS).where(wanted, EVENTS.c.cloud == self.cloud).order_by("sequence"))
        folded: dict[str, Entry] = {}
        for row in rows:
            before = folded.get(row.entry_id)
            folded[row.entry_id] = begun(row) if before is None else followed(before, row)
        return sorted(folded.values(), key=lambda entry: -entry.sequence)

    def _known(self, connection: sa.Connection, key: str) -> Known | None:
        row = connection.execute(
            sa.select(EVENTS.c.known, EVENTS.c.at)
            .where(EVENTS.c.cloud == self.cloud, EVENTS.c.endpoint_id == key, EVENTS.c.known.is_not(None))
            .order_by(EVENTS.c.sequence.desc())
            .limit(1)
        ).first()
        if row is None:
            return None
        held = json.loads(row.known)
        return Known(to_split(held["split"]), moment(held["modified_at"]), datetime.fromisoformat(row.at))

    def _open_drifts(self, connection: sa.Connection, key: str) -> list[Entry]:
        decided = sa.select(EVENTS.c.entry_id).where(EVENTS.c.endpoint_id == key, EVENTS.c.kind == "decided")
        drifts = sa.select(EVENTS.c.entry_id).where(
            EVENTS.c.cloud == self.cloud, EVENTS.c.endpoint_id == key, EVENTS.c.kind == "drift"
        )
        return self._entries(connection, EVENTS.c.entry_id.in_(drifts.where(EVENTS.c.entry_id.not_in(decided))))

    def _supersede(self, connection: sa.Connection, entry: Entry) -> None:
        for drift in self._open_drifts(connection, _key(entry.endpoint_id)):
            restored = entry.after == drift.before
            self._append(
                connection,
                drift.id,
                "decided",
                _key(entry.endpoint_id),
                {
                    "outcome": RESTORED if restored else SUPERSEDED,
                    "by": {"principal": entry.who.principal, "person": entry.who.person},
                },
            )

    def _is_newest(self, connection: sa.Connection, entry: Entry) -> bool:
        newest = sa.select(sa.func.max(EVENTS.c.sequence)).where(
            EVENTS.c.cloud == self.cloud, EVENTS.c.endpoint_id == _key(entry.endpoint_id), EVENTS.c.kind == "begun"
        )
        return bool(connection.execute(newest).scalar_one() == entry.sequence)

    def _lease(self, connection: sa.Connection, key: str, entry_id: str) -> bool:
        if self._is_leased(connection, key):
            return False
        connection.execute(LEASES.delete().where(LEASES.c.cloud == self.cloud, LEASES.c.endpoint_id == key))
        connection.execute(
            LEASES.insert().values(
                cloud=self.cloud,
                endpoint_id=key,
                entry_id=entry_id,
                holder=self._holder,
                expires_at=self._now().timestamp() + LEASE_SECONDS,
            )
        )
        return True

    def _is_leased(self, connection: sa.Connection, key: str) -> bool:
        found = connection.execute(
            sa.select(LEASES.c.expires_at).where(LEASES.c.cloud == self.cloud, LEASES.c.endpoint_id == key)
        ).scalar_one_or_none()
        return found is not None and found > self._now().timestamp()


def _key(endpoint_id: str) -> str:
    return endpoint_id.lower()


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def _is_older(at: datetime | None, known: datetime | None) -> bool:
    return at is not None and known is not None and at < known
