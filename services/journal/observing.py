"""Compare what Azure holds with what the journal knows. Every function runs in a transaction of its caller."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.errors import Conflict
from services.journal.entry import OPEN, RESTORED, SUPERSEDED, UNKNOWN, Entry, Known, Who, from_split
from services.journal.events import Events, text_of
from services.model import Endpoint, Split
from services.store import EVENTS

LAG_SECONDS = 300.0
"""For how long an answer of Azure that is older than a known one is taken for a lagging read."""
LOOK_AGAIN_SECONDS = 900.0
LOOK_AGAIN_UNSEEN_SECONDS = 86400.0
"""For how long a change that ended UNKNOWN is looked at again; longer while nobody could see what Azure holds."""
MOVING = frozenset({"Creating", "Updating", "Deleting"})
"""States in which the split that Azure answers is not in effect yet: the operation may still fail."""


def is_news(events: Events, connection: sa.Connection, endpoint: Endpoint, read_at: datetime, now: datetime) -> bool:
    """Whether an endpoint that was asked for at ``read_at`` tells something that the journal does not know."""
    key = endpoint.id.lower()
    if endpoint.state in MOVING:
        return False
    known = events.known(connection, key)
    if known is None:
        return True
    if known.split == endpoint.split or _may_be_ours(events, connection, key, endpoint.split, now):
        return False
    if is_lagging(endpoint.modified_at, known, read_at):
        return False
    # A moment in the future is one from before the clock was set back.
    return not read_at <= known.at <= now


def is_lagging(modified_at: datetime | None, known: Known, read_at: datetime) -> bool:
    """Whether Azure's answer is from before the one that is known: its reads can lag behind its writes.

    Only for a while: clocks inside Azure differ too, and a write must not stay unseen for ever because of that.
    """
    is_older = modified_at is not None and known.modified_at is not None and modified_at < known.modified_at
    return is_older and read_at < known.at + timedelta(seconds=LAG_SECONDS)


def note(events: Events, connection: sa.Connection, endpoint: Endpoint, read_at: datetime) -> Entry:
    """Write down what is news: the first look at an endpoint, or a change made elsewhere."""
    known = events.known(connection, endpoint.id.lower())
    seen = Known(endpoint.split, endpoint.modified_at, read_at)
    author = str((endpoint.raw.get("systemData") or {}).get("lastModifiedBy") or "")
    return _note(events, connection, endpoint.id, endpoint.name, known, seen, author)


def catch_up(
    events: Events, connection: sa.Connection, entry: Entry, followed_at: datetime | None, at: datetime
) -> None:
    """Write down what the read before a write has shown: Azure holds the entry's ``before``, since ``followed_at``.

    Raises Conflict when that read lagged behind what is known, so that the write would overwrite something unseen.
    """
    known = events.known(connection, entry.endpoint_id.lower())
    if known is None or entry.before is None or known.split == entry.before:
        return
    if is_lagging(followed_at, known, at):
        raise Conflict(
            f"The split of {entry.endpoint_name} was not changed.",
            "Azure's answer was older than what it had answered before: its reads lag behind a change.",
            "Look at the split that Azure holds now, then decide again.",
            theirs=known.split,
        )
    seen = Known(entry.before, followed_at, at)
    _note(events, connection, entry.endpoint_id, entry.endpoint_name, known, seen)


def supersede(events: Events, connection: sa.Connection, key: str, after: Split, who: Who | None) -> None:
    """Close the open drifts of an endpoint: a change back to what was before them has restored it, any other not."""
    for drift in events.open_drifts(connection, key):
        body: dict[str, object] = {"outcome": RESTORED if who and after == drift.before else SUPERSEDED}
        if who:
            body["by"] = {"principal": who.principal, "person": who.person}
        events.append(connection, drift.id, "decided", key, body)


def decide(events: Events, connection: sa.Connection, entry: Entry, outcome: str, who: Who) -> None:
    """Write down what was decided about a drift, unless that is done."""
    if events.entry(connection, entry.id).outcome == OPEN:
        body = {"outcome": outcome, "by": {"principal": who.principal, "person": who.person}}
        events.append(connection, entry.id, "decided", entry.endpoint_id.lower(), body)


def is_looked_at(entry: Entry, now: datetime) -> bool:
    """Whether a change that ended UNKNOWN is still to be found out about."""
    seconds = LOOK_AGAIN_SECONDS if entry.held is not None else LOOK_AGAIN_UNSEEN_SECONDS
    ended_at = entry.ended_at or entry.began_at
    return entry.outcome == UNKNOWN and now < ended_at + timedelta(seconds=seconds)


def _may_be_ours(events: Events, connection: sa.Connection, key: str, split: Split, now: datetime) -> bool:
    """Whether the newest change of ours may have made this split, and it is still to be found out."""
    newest = events.newest(connection, key)
    if newest is None:
        return False
    if newest.outcome == "":
        return newest.sent_at is not None
    return newest.after == split and is_looked_at(newest, now) and events.is_newest(connection, newest)


def _note(
    events: Events,
    connection: sa.Connection,
    endpoint_id: str,
    name: str,
    known: Known | None,
    seen: Known,
    last_modified_by: str = "",
) -> Entry:
    entry_id, key = uuid.uuid4().hex, endpoint_id.lower()
    if known is not None:
        supersede(events, connection, key, seen.split, None)
    is_drift = known is not None and not _is_being_set_up(events, connection, key, known.split)
    body: dict[str, object] = {"endpoint_id": endpoint_id, "endpoint_name": name, "after": from_split(seen.split)}
    if known is not None:
        body["unseen_since"] = text_of(known.at)
    if known is not None and is_drift:
        is_dated = seen.modified_at != known.modified_at
        body["before"] = from_split(known.split)
        body["changed_at"] = text_of(seen.modified_at) if is_dated else None
        body["last_modified_by"] = last_modified_by if is_dated else ""
    events.append(connection, entry_id, "drift" if is_drift else "first seen", key, body, seen)
    return events.entry(connection, entry_id)


def _is_being_set_up(events: Events, connection: sa.Connection, key: str, known: Split) -> bool:
    """Whether the endpoint has never been seen with traffic: its first split is nothing that could be restored."""
    return known == Split() and not events.ids(
        connection, EVENTS.c.endpoint_id == key, EVENTS.c.kind != "first seen", limit=1
    )
