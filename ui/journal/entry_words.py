"""An entry of the journal in words: what became of it, who did it, and when it took effect. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from services.azure.clock import AzureClock
from services.journal.entry import (
    APPLIED,
    CANCELLED,
    CHANGE,
    DRIFT,
    FAILED,
    FIRST_SEEN,
    KEPT,
    OPEN,
    REFUSED,
    RESTORED,
    SUPERSEDED,
    UNKNOWN,
    Entry,
    Who,
)
from services.model import Split
from ui import words

FIRST_TRAFFIC, EMPTY = "first traffic seen", "first seen, without traffic"
KINDS = {CHANGE: "made with Sluice", DRIFT: "made elsewhere", FIRST_SEEN: "first seen"}
OUTCOMES = {
    "": "under way",
    APPLIED: "applied",
    REFUSED: "refused",
    CANCELLED: "cancelled",
    FAILED: "failed",
    UNKNOWN: "not known",
    OPEN: "waits for a decision",
    KEPT: "kept",
    RESTORED: "restored",
    SUPERSEDED: "followed by another change",
}
_TONES = {"": "busy", APPLIED: "good", FAILED: "bad", UNKNOWN: "bad", REFUSED: "bad", OPEN: "busy"}
_MEANINGS = {
    "": "Not ended yet.",
    REFUSED: "Nothing was written.",
    CANCELLED: "Stopped before anything was written.",
    FAILED: "Azure accepted the write, and it failed.",
    UNKNOWN: "It is not known what became of the write.",
}


def split_words(split: Split) -> str:
    """A live split, largest share first: ``blue 70 %, green 30 %``."""
    ordered = sorted(split.live.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {percent} %" for name, percent in ordered) or "no live traffic"


def whole(split: Split | None) -> str:
    """A whole split: ``blue 100 %; mirror 10 % to green``. What is not known is called so."""
    if split is None:
        return "not known"
    mirror = f"{split.mirror_percent} % to {split.mirror_target}" if split.mirror_target else "none"
    return f"{split_words(split)}; mirror {mirror}"


def effective_at(entry: Entry, clock: AzureClock | None = None) -> datetime:
    """When the entry's split began to hold: read back, or Azure's own time of a change made elsewhere, else noticed.

    With ``clock`` it is a time of Azure's, to hold against its metrics; the journal's own are this machine's.
    """
    ours = (entry.ended_at or entry.began_at) if entry.kind == CHANGE else entry.began_at
    if entry.kind != CHANGE and entry.changed_at is not None:
        return entry.changed_at
    return clock.of(ours) if clock else ours


def when(at: datetime) -> str:
    """A moment to the second: ``2026-03-01 14:05:09 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def outcome(entry: Entry) -> str:
    """What became of it, in a word or two. A change made elsewhere says first that it is one."""
    if entry.kind == FIRST_SEEN and entry.unseen_since:
        return FIRST_TRAFFIC
    if entry.kind == FIRST_SEEN:
        return KINDS[FIRST_SEEN] if entry.after.live else EMPTY
    said = OUTCOMES.get(entry.outcome, entry.outcome)
    return f"{KINDS[DRIFT]}, {said}" if entry.kind == DRIFT else said


def tone(entry: Entry) -> str:
    """good, busy, bad or neutral."""
    return "neutral" if entry.kind == FIRST_SEEN else _TONES.get(entry.outcome, "neutral")


def meaning(entry: Entry) -> str:
    """What the outcome means for the split, "" when the word says it all."""
    return _MEANINGS.get(entry.outcome, "") if entry.kind == CHANGE else ""


def by(entry: Entry) -> str:
    """Who did it, as a sentence: the user of this machine and the Azure principal. Never a guess. "" for first seen."""
    if entry.kind == CHANGE:
        return f"By {who(entry.who)}."
    if entry.kind == FIRST_SEEN and entry.unseen_since:
        return f"Not given with Sluice, which saw the endpoint without traffic from {when(entry.unseen_since)} on."
    if entry.kind == FIRST_SEEN:
        return ""
    return f"By {entry.who.principal}." if entry.who.principal else unsaid(entry)


def unsaid(entry: Entry) -> str:
    """What is known of the author of a change made elsewhere while the activity log has not named one."""
    log = "Azure's activity log has not said by whom; it can be some minutes late."
    named = entry.last_modified_by
    return f'{log} Azure\'s "last modified by" was {named} when this was noticed.' if named else log


def who(both: Who) -> str:
    """Person and principal: ``anna on this machine, as ml-operators in Azure``."""
    person = f"{both.person} on this machine" if both.person else ""
    principal = f"{both.principal} in Azure" if both.principal else ""
    return f"{person}, as {principal}" if person and principal else person or principal or "somebody unknown"


def took(entry: Entry) -> str:
    """How long a change took, as a sentence, "" when it has no length."""
    return "" if entry.seconds is None else f"It took {words.elapsed(entry.seconds)}."


def restores(entry: Entry, restored: Entry | None) -> str:
    """Which earlier entry a change went back to, "" when to none."""
    if not entry.restores:
        return ""
    if restored is None:
        return "Restores an earlier split."
    at = when(effective_at(restored))
    if entry.after == restored.after:
        return f"Restores the split of {at}."
    return f"Undoes the change of {at}."
