"""One entry of the journal: its values, and how it grows out of its events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.model import Split, WorkspaceRef

CHANGE, DRIFT, FIRST_SEEN = "change", "drift", "first seen"
APPLIED, REFUSED, CANCELLED, FAILED, UNKNOWN = "applied", "refused", "cancelled", "failed", "unknown"
"""How a change ended: read back; nothing was written; stopped by the person before the write; Azure accepted it and
failed; or it is not known what became of it."""
BEGINNINGS = {"begun": CHANGE, "drift": DRIFT, "first seen": FIRST_SEEN}
"""Kind of the event that an entry begins with → kind of the entry."""
OPEN, KEPT, RESTORED, SUPERSEDED = "open", "kept", "restored", "superseded"
"""What became of a change made elsewhere: nobody has decided, kept, undone, or followed by another change."""


@dataclass(frozen=True)
class Who:
    """The Azure principal that Azure sees, and the person: the user of this machine, never a guess."""

    principal: str = ""
    person: str = ""


@dataclass(frozen=True)
class Failure:
    """A SluiceError as it was shown."""

    what: str
    why: str
    next_step: str


@dataclass(frozen=True)
class Known:
    """The split that Azure was last known to hold. ``modified_at`` is Azure's own time of its last write."""

    split: Split
    modified_at: datetime | None
    at: datetime


@dataclass(frozen=True)
class Entry:
    """One entry of the journal.

    ``kind`` is CHANGE (made with Sluice), DRIFT (made elsewhere and noticed) or FIRST_SEEN. ``before`` is None for the
    last. ``outcome`` is "" while a change runs, else one of APPLIED…UNKNOWN; for a drift OPEN, KEPT, RESTORED or
    SUPERSEDED. ``began_at`` is when a change was asked for, or when a drift was noticed; ``changed_at`` is Azure's time
    of a drift, None while not known, and ``unseen_since`` the last thing that the journal knows before it; a FIRST_SEEN
    has it when the endpoint was seen before, without traffic. ``last_modified_by`` is who wrote to the endpoint last as
    Azure told when a drift was noticed: most likely its author, but not for certain, so that it is not in ``who``.
    ``sent_at`` is set once a write may have left for Azure; ``followed_at`` is Azure's time of the last write before
    that. ``held`` is what Azure held when a change ended, None when that could not be read. ``overwrote`` has one
    sentence for each write by others that this change may have overwritten unseen.
    """

    id: str
    kind: str
    cloud: str
    endpoint_id: str
    endpoint_name: str
    before: Split | None
    after: Split
    who: Who
    reason: str
    restores: str
    began_at: datetime
    changed_at: datetime | None = None
    last_modified_by: str = ""
    unseen_since: datetime | None = None
    sent_at: datetime | None = None
    followed_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    held: Split | None = None
    failure: Failure | None = None
    request_ids: tuple[str, ...] = ()
    overwrote: tuple[str, ...] = ()
    sequence: int = field(default=0, compare=False)

    @property
    def workspace(self) -> WorkspaceRef:
        """The workspace of the endpoint."""
        return WorkspaceRef.of(self.endpoint_id)

    @property
    def is_open(self) -> bool:
        """Whether it is still running, or waits for a decision."""
        return self.outcome in ("", OPEN)

    @property
    def seconds(self) -> float | None:
        """How long it took, None while it runs or for a drift."""
        if self.kind != CHANGE or self.ended_at is None:
            return None
        return (self.ended_at - self.began_at).total_seconds()


def by_azure(entry: Entry, azure_time: Callable[[datetime], datetime]) -> Entry:
    """``entry`` with the journal's own times, which are this machine's, as times of Azure's clock. Pure."""

    def told(at: datetime | None) -> datetime | None:
        return None if at is None else azure_time(at)

    return replace(
        entry,
        began_at=azure_time(entry.began_at),
        unseen_since=told(entry.unseen_since),
        sent_at=told(entry.sent_at),
        ended_at=told(entry.ended_at),
    )


def applied(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that really changed what Azure holds: applied changes and drifts. For lines on charts. Pure."""
    return [entry for entry in entries if entry.kind == DRIFT or entry.outcome == APPLIED]


def begun(row: sa.Row[Any]) -> Entry:
    """The entry that its first event begins, which is one of BEGINNINGS."""
    body = json.loads(row.body)
    kind = BEGINNINGS[row.kind]
    before = body.get("before")
    return Entry(
        id=row.entry_id,
        kind=kind,
        cloud=row.cloud,
        endpoint_id=body["endpoint_id"],
        endpoint_name=body["endpoint_name"],
        before=to_split(before) if before is not None else None,
        after=to_split(body["after"]),
        who=Who(body.get("principal", ""), body.get("person", "")),
        reason=body.get("reason", ""),
        restores=body.get("restores", ""),
        began_at=datetime.fromisoformat(row.at),
        changed_at=moment(body.get("changed_at")),
        last_modified_by=body.get("last_modified_by", ""),
        unseen_since=moment(body.get("unseen_since")),
        outcome={DRIFT: OPEN, FIRST_SEEN: KEPT}.get(kind, ""),
        sequence=row.sequence,
    )


def followed(entry: Entry, row: sa.Row[Any]) -> Entry:
    """The entry after one more event. One of a kind that only a newer Sluice knows leaves it as it is."""
    body, at = json.loads(row.body), datetime.fromisoformat(row.at)
    ids = tuple(dict.fromkeys([*entry.request_ids, *body.get("request_ids", ())]))
    if row.kind == "sent":
        return replace(entry, sent_at=at, followed_at=moment(body.get("followed_at")), request_ids=ids)
    if row.kind == "overwrote":
        return replace(entry, overwrote=(*entry.overwrote, body["sentence"]))
    if row.kind == "attributed":
        who = replace(entry.who, principal=body["principal"])
        return replace(entry, who=who, changed_at=moment(body["changed_at"]) or entry.changed_at, request_ids=ids)
    if row.kind == "decided":
        return replace(entry, outcome=body["outcome"], ended_at=at)
    if row.kind != "ended":
        return entry
    failure = Failure(**body["failure"]) if "failure" in body else None
    held = to_split(body["held"]) if "held" in body else None
    return replace(entry, outcome=body["outcome"], ended_at=at, held=held, failure=failure, request_ids=ids)


def from_split(split: Split) -> dict[str, dict[str, int]]:
    """A split as JSON."""
    return {"live": dict(split.live), "mirror": dict(split.mirror)}


def to_split(document: Mapping[str, Mapping[str, int]]) -> Split:
    """The split of :func:`from_split`."""
    return Split(document["live"], document["mirror"])


def moment(text: str | None) -> datetime | None:
    """The moment of an ISO 8601 text, None for None."""
    return datetime.fromisoformat(text) if text else None
