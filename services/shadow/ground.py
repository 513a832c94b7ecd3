"""Does a run still stand on the ground that it began on: the mirror, the live split, the two deployments? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.journal.entry import CHANGE, Entry, applied
from services.model import Deployment, Endpoint, Split
from services.shadow.model import Run, Setup
from services.shadow.starting import setup_of


@dataclass(frozen=True)
class Ground:
    """``broken`` is why the run cannot go on, "" while it can; ``until`` is when that began, as far as is known.
    ``remarks`` are changes that it survives. ``is_ours`` says that the mirror is still as the run has set it."""

    broken: str = ""
    until: datetime | None = None
    remarks: tuple[str, ...] = ()
    is_ours: bool = False


def look(run: Run, endpoint: Endpoint, deployments: Sequence[Deployment], entries: Iterable[Entry]) -> Ground:
    """Compare what Azure holds now, and what the journal has seen since the mirror was set, with the run's ground.

    ``entries`` are the endpoint's, in any order.
    """
    since = run.set_at or run.started_at
    ours = (run.change_id, run.clearing_id)
    told = [each for each in applied(entries) if each.id not in ours and each.began_at > since]
    for each in sorted(told, key=_at):
        why = breaks(run, each.after)
        if why:
            at = max(since, _at(each))
            return Ground(f"{why} {_by(each, at)}", at)
    why = breaks(run, endpoint.split)
    if why:
        return Ground(f"{why} It was changed without Sluice.", endpoint.modified_at)
    return _of_deployments(run, endpoint, deployments)


def _of_deployments(run: Run, endpoint: Endpoint, deployments: Sequence[Deployment]) -> Ground:
    remarks: list[str] = []
    if endpoint.split.live != run.split.live:
        remarks.append(f"The live traffic is {_shares(endpoint.split)} instead of {_shares(run.split)}.")
    by_name = {each.name: each for each in deployments}
    for began in run.setup:
        found = by_name.get(began.name)
        if found is None:
            return Ground(f"{began.name} was deleted.", None, tuple(remarks))
        now = setup_of(found)
        if (now.model, now.environment) != (began.model, began.environment):
            why = f"{began.name} became another one: {_other(began, now)}."
            return Ground(why, found.modified_at, tuple(remarks), is_ours=True)
        remarks += _alike(began, now)
    return Ground(remarks=tuple(remarks))


def breaks(run: Run, split: Split) -> str:
    """Why ``run`` cannot go on with ``split``, "" when it can."""
    live, candidate = run.pair.live, run.pair.candidate
    if split.live_percent(candidate):
        return f"{candidate} was given live traffic."
    if not split.live_percent(live):
        return f"{live} lost its live traffic."
    if not split.mirror:
        return "The mirror was cleared."
    if split.mirror != run.split.mirror:
        return f"The mirror was changed to {split.mirror_percent} % to {split.mirror_target}."
    return ""


def _at(entry: Entry) -> datetime:
    """The earliest moment at which a change can have been in effect."""
    if entry.kind == CHANGE:
        return entry.sent_at or entry.began_at
    return entry.changed_at or entry.unseen_since or entry.began_at


def _by(entry: Entry, at: datetime) -> str:
    who = entry.who.person or entry.who.principal or entry.last_modified_by
    way = "with Sluice" if entry.kind == CHANGE else "without Sluice"
    return f"It was changed {way} at {at:%H:%M} UTC{f' by {who}' if who else ''}."


def _other(began: Setup, now: Setup) -> str:
    if now.model != began.model:
        return f"its model is {now.model} instead of {began.model}"
    return f"its environment is {now.environment} instead of {began.environment}"


def _alike(began: Setup, now: Setup) -> Iterable[str]:
    if now.instance_type != began.instance_type:
        yield f"{began.name} runs on {now.instance_type} instead of {began.instance_type}."
    if now.instance_count != began.instance_count:
        yield f"{began.name} was scaled from {began.instance_count} to {now.instance_count} instances."
    elif now.modified_at != began.modified_at and now.modified_at is not None:
        yield f"{began.name} was written to at {now.modified_at:%H:%M} UTC; its instances may have started anew."


def _shares(split: Split) -> str:
    return ", ".join(f"{percent} % {name}" for name, percent in split.live.items()) or "none"
