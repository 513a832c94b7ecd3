"""Who made a change that was made elsewhere, as far as the activity log tells. Pure."""

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
    if drift.changed_at is not None:
        matching = [write for write in candidates if _spans(write, drift.changed_at)]
        if matching:
            return _of(matching)
    if not candidates or now < drift.began_at + LATEST + CLOCKS:
        return None
    return _of(candidates)


def _spans(write: Write, at: datetime) -> bool:
    return write.at - _INSTANT <= at <= write.ended_at + _INSTANT


def _of(writes: Sequence[Write]) -> Attribution:
    last = max(writes, key=lambda write: write.ended_at)
    callers = list(dict.fromkeys(write.caller for write in writes))
    return Attribution(
        principal=" or ".join(callers),
        changed_at=last.at,
        request_ids=tuple(dict.fromkeys(write.correlation_id for write in writes if write.correlation_id)),
    )
