"""Every change of an endpoint's split, ours and other people's: who, when, before, after, why, and how it ended.

The journal is append-only: an entry is the fold of its events, and the file refuses to change or delete one. What is
about to be sent to Azure is written down before it is sent, so that a crash can leave a change open but never lost.
What belongs together is decided in one transaction: which process may write, and whether it still may.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.errors import Conflict
from services.journal import leases, observing
from services.journal.entry import (
    APPLIED,
    BEGINNINGS,
    FAILED,
    REFUSED,
    UNKNOWN,
    Entry,
    Failure,
    Known,
    Who,
    from_split,
)
from services.journal.events import Events, text_of
from services.model import Endpoint, Split, WorkspaceRef
from services.store import EVENTS, Store


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
        self._events = Events(cloud, now)

    def begin(
        self,
        entry_id: str,
        endpoint: Endpoint,
        after: Split,
        who: Who,
        *,
        reason: str = "",
        restores: str = "",
        holding: str = "",
    ) -> tuple[Entry, bool]:
        """Write down a change before anything is done, and take the endpoint for this process.

        ``endpoint.split`` is what the person saw. Returns the entry and whether it is new: the same ``entry_id`` never
        begins twice. ``holding`` is the lease of :meth:`hold` that this change takes the place of. Raises Conflict
        while another change of the endpoint is under way, or was interrupted after it may have been sent and has not
        been looked at yet.
        """
        with self._store.writing() as connection:
            existing = self._events.find(connection, entry_id)
            if existing:
                return existing, False
            key = _key(endpoint.id)
            if holding:
                leases.end(connection, holding)
            self._make_way(connection, endpoint.name, key)
            leases.take(connection, self.cloud, key, entry_id, self._holder, self._now())
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
            self._events.append(connection, entry_id, "begun", key, body)
            return self._events.entry(connection, entry_id), True

    def hold(self, endpoint_id: str, lease: str) -> None:
        """Keep an endpoint for this process, which is about to write its document for another reason than its split.

        ``lease`` names what does it. No split is changed meanwhile with Sluice. Raises Conflict as :meth:`begin` does.
        """
        with self._store.writing() as connection:
            key = _key(endpoint_id)
            self._make_way(connection, endpoint_id.rpartition("/")[2], key)
            leases.take(connection, self.cloud, key, lease, self._holder, self._now())

    def keep(self, lease: str) -> bool:
        """Keep an endpoint for this process a little longer. False when it has been lost to another one."""
        with self._store.writing() as connection:
            return leases.renew(connection, lease, self._holder, self._now())

    def release(self, lease: str) -> None:
        """Give an endpoint of :meth:`hold` free. One that is not held is free already."""
        with self._store.writing() as connection:
            leases.end(connection, lease)

    def sent(self, entry: Entry, followed_at: datetime | None = None, request_ids: Sequence[str] = ()) -> None:
        """Write down that the write is about to leave for Azure: from here on it may have happened.

        Azure has just been seen to hold the entry's ``before``; ``followed_at`` is its time of the write that brought
        it. When that is news, somebody else's change is written down too. Raises Conflict, and the write must not
        leave, when another process has taken the change over meanwhile, or when what was seen is older than what is
        known.
        """
        with self._store.writing() as connection:
            current = self._events.entry(connection, entry.id)
            if current.outcome or not leases.renew(connection, entry.id, self._holder, self._now()):
                raise Conflict(
                    f"The split of {entry.endpoint_name} was not changed.",
                    "This process stood still for so long that another one has taken the change over.",
                    "Look at the split that Azure holds now, then decide again.",
                )
            observing.catch_up(self._events, connection, entry, followed_at, self._now())
            body = {"request_ids": list(request_ids), "followed_at": text_of(followed_at)}
            self._events.append(connection, entry.id, "sent", _key(entry.endpoint_id), body)

    def end(
        self,
        entry: Entry,
        outcome: str,
        *,
        held: Known | None = None,
        failure: Failure | None = None,
        request_ids: Sequence[str] = (),
    ) -> Entry:
        """Write down how a change ended, and give the endpoint free.

        The first certain end stays; UNKNOWN, and a REFUSED that a later look contradicts, can be ended again. ``held``
        becomes what is known of the endpoint once the change has been carried out, or is known to have failed; a split
        that is neither its before nor its after is somebody else's, and for :meth:`observe` to find.
        """
        body: dict[str, Any] = {"outcome": outcome, "request_ids": list(request_ids)}
        if failure:
            body["failure"] = {"what": failure.what, "why": failure.why, "next_step": failure.next_step}
        if held:
            body["held"] = from_split(held.split)
        key = _key(entry.endpoint_id)
        with self._store.writing() as connection:
            current = self._events.entry(connection, entry.id)
            if _is_news(current, outcome, held):
                is_last = self._events.is_newest(connection, entry)
                is_ours = held is not None and held.split in (entry.before, entry.after)
                is_known = is_ours and is_last and outcome in (APPLIED, FAILED)
                self._events.append(connection, entry.id, "ended", key, body, held if is_known else None)
                if outcome == APPLIED and is_last:
                    observing.supersede(self._events, connection, key, entry.after, entry.who)
            leases.end(connection, entry.id)
            return self._events.entry(connection, entry.id)

    def overwrote(self, entry: Entry, sentence: str) -> None:
        """Add to a change that it may have overwritten a write by somebody else. The same sentence is added once."""
        with self._store.writing() as connection:
            if sentence not in self._events.entry(connection, entry.id).overwrote:
                self._events.append(connection, entry.id, "overwrote", _key(entry.endpoint_id), {"sentence": sentence})

    def observe(self, endpoint: Endpoint, read_at: datetime) -> Entry | None:
        """Compare an endpoint that was asked for at ``read_at`` with what was known of it.

        Returns the new entry: FIRST_SEEN, or DRIFT when somebody else has changed the split. None when nothing is new,
        while an operation runs on the endpoint or a change of ours may be the reason, or when the read is older than
        what is known.
        """
        return next(iter(self.observe_all([endpoint], read_at)), None)

    def observe_all(self, endpoints: Sequence[Endpoint], read_at: datetime) -> list[Entry]:
        """:meth:`observe` for what one list has answered. Costs no write while nothing is new."""
        with self._store.reading() as connection:
            now = self._now()
            news = [found for found in endpoints if observing.is_news(self._events, connection, found, read_at, now)]
        if not news:
            return []
        with self._store.writing() as connection:
            # Again: another process may have written it down in between.
            return [
                observing.note(self._events, connection, found, read_at)
                for found in news
                if observing.is_news(self._events, connection, found, read_at, self._now())
            ]

    def attribute(self, entry: Entry, principal: str, changed_at: datetime | None, request_ids: Sequence[str]) -> None:
        """Add to a drift who made it and when, as Azure's activity log says. The first answer stays."""
        body = {
            "principal": principal,
            "changed_at": changed_at.isoformat() if changed_at else None,
            "request_ids": list(request_ids),
        }
        with self._store.writing() as connection:
            if self._events.is_without(connection, entry.id, "attributed"):
                self._events.append(connection, entry.id, "attributed", _key(entry.endpoint_id), body)

    def decide(self, entry: Entry, outcome: str, who: Who) -> None:
        """Write down that a drift was KEPT or RESTORED, and by whom."""
        with self._store.writing() as connection:
            observing.decide(self._events, connection, entry, outcome, who)

    def entry(self, entry_id: str) -> Entry | None:
        """One entry, None when there is none."""
        with self._store.reading() as connection:
            return self._events.find(connection, entry_id)

    def entries(
        self,
        *,
        endpoint_id: str | None = None,
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """The newest entries first, of one endpoint or of all; ``before`` is the sequence of the last one shown."""
        wanted: list[sa.ColumnElement[bool]] = [EVENTS.c.kind.in_(BEGINNINGS)]
        if endpoint_id is not None:
            wanted.append(EVENTS.c.endpoint_id == _key(endpoint_id))
        if since is not None:
            wanted.append(EVENTS.c.at >= text_of(since))
        if before is not None:
            wanted.append(EVENTS.c.sequence < before)
        with self._store.reading() as connection:
            return self._events.entries(connection, self._events.ids(connection, *wanted, limit=limit))

    def newest(self, endpoint_id: str) -> Entry | None:
        """The newest change of an endpoint made with Sluice, None when there is none."""
        with self._store.reading() as connection:
            return self._events.newest(connection, _key(endpoint_id))

    def unfinished(self) -> list[Entry]:
        """Changes that nobody has ended and no living process works on, and those that ended UNKNOWN a short while ago
        and that nothing has followed: what has to be looked at again. Oldest first."""
        now = self._now()
        with self._store.reading() as connection:
            unknown = self._events.ids(
                connection,
                EVENTS.c.kind == "ended",
                EVENTS.c.at >= text_of(now - timedelta(seconds=observing.LOOK_AGAIN_UNSEEN_SECONDS)),
                sa.func.json_extract(EVENTS.c.body, "$.outcome") == UNKNOWN,
            )
            interrupted = leases.interrupted(connection, self.cloud, now)
            found = self._events.entries(connection, [*unknown, *interrupted])
            return [entry for entry in reversed(found) if self._is_unfinished(connection, entry)]

    def take(self, entry: Entry) -> bool:
        """Take an unfinished change over for this process. False when another one has it, or has just ended it."""
        with self._store.writing() as connection:
            current = self._events.entry(connection, entry.id)
            key = _key(entry.endpoint_id)
            return self._is_unfinished(connection, current) and leases.take(
                connection, self.cloud, key, entry.id, self._holder, self._now()
            )

    def renew(self, entry: Entry) -> bool:
        """Keep the endpoint for this process a little longer. False when it has been lost to another one."""
        return self.keep(entry.id)

    def let_go(self, entry: Entry) -> None:
        """Stop working on a change without an end, so that it can be taken over at once."""
        with self._store.writing() as connection:
            current = self._events.entry(connection, entry.id)
            if current.outcome:
                leases.end(connection, entry.id)
            else:
                leases.renew(connection, entry.id, self._holder, self._now(), 0.0)

    def known(self, endpoint_id: str) -> Known | None:
        """The split that Azure was last known to hold, None for an endpoint that was never seen."""
        with self._store.reading() as connection:
            return self._events.known(connection, _key(endpoint_id))

    def open_drift(self, endpoint_id: str) -> Entry | None:
        """The change made elsewhere that nobody has decided on yet."""
        with self._store.reading() as connection:
            return next(iter(self._events.open_drifts(connection, _key(endpoint_id))), None)

    def endpoints(self) -> list[str]:
        """ARM ids, in lower case, of all endpoints that the journal knows."""
        with self._store.reading() as connection:
            return self._events.endpoints(connection)

    def workspaces(self) -> list[WorkspaceRef]:
        """The workspaces of all endpoints that the journal knows, their names in lower case."""
        return sorted({WorkspaceRef.of(found) for found in self.endpoints()}, key=lambda found: found.address)

    def unattributed(self, since: datetime) -> list[Entry]:
        """Changes made elsewhere, noticed since then, that :meth:`attribute` has told nothing about."""
        with self._store.reading() as connection:
            return self._events.unattributed(connection, since)

    def unchecked(self, since: datetime) -> list[Entry]:
        """Changes that have ended and may have been written, begun since then, that :meth:`checked` was not told."""
        with self._store.reading() as connection:
            found = self._events.unchecked(connection, since)
            return [entry for entry in found if entry.sent_at is not None and entry.outcome]

    def checked(self, entry: Entry) -> None:
        """Write down that the activity log has told everything about what a change has overwritten."""
        with self._store.writing() as connection:
            if self._events.is_without(connection, entry.id, "checked"):
                self._events.append(connection, entry.id, "checked", _key(entry.endpoint_id), {})

    def request_ids(self, endpoint_id: str, since: datetime) -> set[str]:
        """The request ids of all changes of an endpoint that were written down since then."""
        with self._store.reading() as connection:
            return self._events.request_ids(connection, _key(endpoint_id), since)

    def _make_way(self, connection: sa.Connection, name: str, key: str) -> None:
        """Raise Conflict unless a new change may begin; end an interrupted one that has not been sent."""
        what = f"The split of {name} was not changed."
        if leases.is_held(connection, self.cloud, key, self._now()):
            why = "Another change of this endpoint is under way."
            raise Conflict(what, why, "Wait until it has ended, then decide again.")
        last = leases.last_of(connection, self.cloud, key)
        found = self._events.find(connection, last) if last else None
        if found is None or found.outcome:
            return
        if found.sent_at:
            why = "An earlier change of this endpoint was interrupted, and what became of it is being looked at."
            raise Conflict(what, why, "Wait until that is known, then decide again.")
        body = {
            "outcome": REFUSED,
            "failure": {
                "what": what,
                "why": "Sluice was stopped before it had written anything.",
                "next_step": "Plan it again if it is still wanted.",
            },
        }
        self._events.append(connection, last, "ended", key, body)

    def _is_unfinished(self, connection: sa.Connection, entry: Entry) -> bool:
        if leases.is_held(connection, self.cloud, _key(entry.endpoint_id), self._now()):
            return False
        return entry.outcome == "" or (
            observing.is_looked_at(entry, self._now()) and self._events.is_newest(connection, entry)
        )


def _is_news(current: Entry, outcome: str, held: Known | None) -> bool:
    if current.outcome == outcome:
        return outcome == UNKNOWN and current.held is None and held is not None
    return current.outcome in ("", UNKNOWN) or (current.outcome == REFUSED and outcome in (APPLIED, FAILED))


def _key(endpoint_id: str) -> str:
    return endpoint_id.lower()
