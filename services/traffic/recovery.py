"""Changes that nobody has ended: left by a killed process, or ended without knowing what became of them."""

from __future__ import annotations

from datetime import timedelta

from services.errors import ServiceFailed, SluiceError
from services.journal.entry import APPLIED, REFUSED, Entry
from services.model import Split
from services.traffic.settling import AGREES, FELL_BACK, UNTOUCHED, fell_back, judge, look, untouched
from services.traffic.work import Ending, Work


def take_up(work: Work) -> Ending:
    """The end of an interrupted change. Nothing is ever written from here."""
    name = work.entry.endpoint_name
    if work.entry.sent_at is None:
        why = "Sluice was stopped before it had written anything."
        step = "Plan it again if it is still wanted."
        return Ending(REFUSED, ServiceFailed(f"The split of {name} was not changed.", why, step))
    doubt = ServiceFailed(
        f"The new split of {name} may have been sent to Azure, but what became of it is not known.",
        "Sluice was stopped while it wrote.",
        "Look at the split that Azure holds now, then decide again.",
    )
    return look(work, work.entry.followed_at, doubt)


def look_again(work: Work) -> Ending | None:
    """What one more look says about a change that ended UNKNOWN; None when it is no wiser."""
    entry: Entry = work.entry
    try:
        seen = work.read()
    except SluiceError:
        return None
    verdict = judge(seen.endpoint, entry.before or Split(), entry.after, entry.followed_at)
    if verdict == AGREES:
        return Ending(APPLIED, None, seen.known)
    if verdict == FELL_BACK:
        return fell_back(work, seen)
    is_late = entry.sent_at is not None and work.now() > entry.sent_at + timedelta(seconds=work.limits.lag)
    is_dated = entry.followed_at is not None and seen.endpoint.modified_at is not None
    return untouched(work, seen) if verdict == UNTOUCHED and is_late and is_dated else None
