"""What the activity log tells of changes: who made one elsewhere, and what one of ours has overwritten. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.azure.activity import Write
from services.journal.entry import Entry

CLOCKS = timedelta(minutes=5)
"""How far Azure's clock and this machine's may be apart. Kerberos allows the same."""
LATEST = timedelta(minutes=20)
"""How late the activity log may show an event (Azure Monitor: 3 to 20 minutes)."""
_INSTANT = timedelta(seconds=5)
"""How far apart Azure may date one write in the endpoint and in the log."""


@dataclass(frozen=True)
class Attribution:
    """Who wrote, and Azure's time of it. ``principal`` names all who may have, when the log leaves it open."""

    principal: str
    changed_at: datetime | None
    request_ids: tuple[str, ...]


def attribution(drift: Entry, writes: Sequence[Write], ours: Collection[str], now: datetime) -> Attribution | None:
    """Who made ``drift``, None while the log may not tell all of it yet. Never a guess.

    ``writes`` are those of the endpoint since ``drift.unseen_since``; ``ours`` are the correlation ids that the journal
    knows already. The write whose time Azure has put into the endpoint is the one. Without such a time, or when the log
    has none of that time, every write in question is named, and not before the log must be complete.
    """
    candidates = [
        write
        for write in writes
        if write.status == "Succeeded" and write.method != "PATCH" and write.caller and write.correlation_id not in ours
    ]
    for slack in (timedelta(0), _INSTANT):
        matching = [write for write in candidates if _spans(write, drift.changed_at, slack)]
        if matching:
            return _of(matching)
    if not candidates or now < drift.began_at + LATEST + CLOCKS:
        return None
    return _of(candidates)


def overwritten(change: Entry, writes: Sequence[Write], ours: Collection[str]) -> tuple[str, ...]:
    """One sentence for each write by somebody else between the read and the write of a change of ours.

    Azure takes a write without any condition, so nobody can keep this from happening; it can only be told. Both ends
    are known by Azure's own clock: ``change.followed_at`` is its time of the write that was read last, and the log has
    ours. Empty while the log does not show ours.
    """
    own = [write for write in writes if write.correlation_id in change.request_ids]
    if not own or change.followed_at is None:
        return ()
    left_at, read_at = min(write.at for write in own), change.followed_at
    return tuple(
        f"{write.caller or 'Somebody'} wrote to the endpoint at {write.at:%H:%M:%S} UTC, after Sluice had read it and "
        f"before its own write: what that changed may be overwritten (correlation id {write.correlation_id})."
        for write in writes
        if write.status == "Succeeded" and read_at < write.at < left_at and write.correlation_id not in ours
    )


def is_complete(change: Entry, now: datetime) -> bool:
    """Whether the log must have everything of a change by now."""
    return change.sent_at is None or now >= (change.ended_at or change.sent_at) + LATEST + CLOCKS


def _spans(write: Write, at: datetime | None, slack: timedelta) -> bool:
    return at is not None and write.at - slack <= at <= write.ended_at + slack


def _of(writes: Sequence[Write]) -> Attribution:
    last = max(writes, key=lambda write: write.ended_at)
    callers = list(dict.fromkeys(write.caller for write in writes))
    return Attribution(
        principal=" or ".join(callers),
        changed_at=last.at,
        request_ids=tuple(dict.fromkeys(write.correlation_id for write in writes if write.correlation_id)),
    )
