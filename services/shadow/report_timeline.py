"""What happened during a shadow test, in the order of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from services.journal.entry import CHANGE, DRIFT, FIRST_SEEN, Entry
from services.model import Split
from services.shadow.model import Run, RunState
from services.shadow.runs import Answers

_AROUND = timedelta(minutes=2)
"""So long before and after a run its own changes of the mirror may lie."""
_KINDS = {
    CHANGE: "The split was changed with Sluice",
    DRIFT: "The split was changed elsewhere",
    FIRST_SEEN: "The split was seen for the first time",
}


def timeline(run: Run, entries: Iterable[Entry], answers: Iterable[Answers]) -> list[dict[str, Any]]:
    """Each event with ``at``, ``what`` (a sentence), ``who`` and, from the journal, ``entry`` and ``request_ids``."""
    who = _who(run.person, run.principal)
    pair = f"{run.percent} % of the live requests are to be copied to {run.pair.candidate}"
    events = [_event(run.started_at, f"The shadow test began: {pair}.", who)]
    if run.set_at is not None:
        events.append(_event(run.set_at, "The mirror was in effect. Minutes count from the next whole one."))
    own = {run.change_id, run.clearing_id} - {""}
    events += [_of_entry(each) for each in entries if each.id in own or _is_within(run, each)]
    events += [_event(each.at, each.sentence) for each in run.remarks]
    for each in answers:
        at = each.content.get("at")
        what = f"Answers were compared: {each.different:,} of {each.compared:,} payloads differ."
        events += [_event(datetime.fromisoformat(at), what)] if at else []
    if run.ended_at is not None and run.state is not RunState.RUNNING:
        words = {RunState.STOPPED: "was stopped", RunState.BROKEN: "broke off"}.get(run.state, "ended")
        events.append(_event(run.ended_at, f"The shadow test {words}. {run.why}".strip()))
    return sorted(events, key=lambda event: event["at"])


def split_words(split: Split | None) -> str:
    """A split in a line: ``blue 100 %, 10 % copied to green``."""
    if split is None:
        return "not known"
    live = ", ".join(f"{name} {percent} %" for name, percent in split.live.items()) or "no live traffic"
    return live + (f", {split.mirror_percent} % copied to {split.mirror_target}" if split.mirror_target else "")


def iso(at: datetime | None) -> str | None:
    """A moment in UTC as ISO 8601 to the second."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds")


def _of_entry(entry: Entry) -> dict[str, Any]:
    what = f"{_KINDS.get(entry.kind, entry.kind)}: from {split_words(entry.before)} to {split_words(entry.after)}."
    what += f" Outcome: {entry.outcome}." if entry.kind == CHANGE and entry.outcome else ""
    what += f" {entry.failure.what} {entry.failure.why}" if entry.failure else ""
    what += f" Reason: {entry.reason}" if entry.reason else ""
    what += "".join(f" {each}" for each in entry.overwrote)
    found = _event(_at(entry), what, _who(entry.who.person, entry.who.principal))
    return {**found, "entry": entry.id, "request_ids": list(entry.request_ids)}


def _is_within(run: Run, entry: Entry) -> bool:
    at = _at(entry)
    return run.started_at - _AROUND <= at and (run.ended_at is None or at <= run.ended_at + _AROUND)


def _at(entry: Entry) -> datetime:
    return (entry.changed_at if entry.kind == DRIFT else None) or entry.began_at


def _event(at: datetime, what: str, who: str = "") -> dict[str, Any]:
    return {"at": iso(at), "what": what, "who": who}


def _who(person: str, principal: str) -> str:
    return f"{person} as {principal}" if person and principal else person or principal
