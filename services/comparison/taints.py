"""What makes two deployments differ although neither is better: named next to the numbers that it taints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.comparison.judge import ERRORS, LATENCY
from services.model import Split

REQUESTS, RESOURCES, EVERYTHING = "Requests", "Resources", ""
"""What a taint may be about beside ERRORS and LATENCY; the last is every number."""
COLD = timedelta(minutes=5)
"""How long after its start an instance is taken to be cold: caches are empty, and code is loaded at its first use."""
UNEQUAL = 1.5
"""Loads per instance whose ratio is below this are alike."""
_MOST_NAMED = 3


@dataclass(frozen=True)
class Taint:
    """``about`` is ERRORS, LATENCY, REQUESTS, RESOURCES or EVERYTHING; ``sentence`` says what is the matter."""

    about: str
    sentence: str

    def concerns(self, number: str) -> bool:
        """Whether it taints ``number``: the name of a criterion, such as "Latency P95", or one of the words above."""
        return number.startswith(self.about)


@dataclass(frozen=True)
class Restart:
    """An instance that began at ``at``, or ended when ``is_end``. ``instance`` is its id, "" when it is not known."""

    at: datetime
    instance: str = ""
    is_end: bool = False


@dataclass(frozen=True)
class Side:
    """One deployment in the window. ``instances`` is the mean number of those that were ready, None when not known."""

    name: str
    requests: int
    instances: float | None
    instance_type: str
    restarts: tuple[Restart, ...] = ()


@dataclass(frozen=True)
class Change:
    """The endpoint's split was changed at ``at``."""

    at: datetime
    before: Split
    after: Split


@dataclass(frozen=True)
class Circumstances:
    """Under which two deployments were compared from ``since`` to ``until``.

    ``rows`` is the source of the latencies, "" without one, and ``rows_since`` its first minute. ``changes`` are those
    of the endpoint's split, whoever made them.
    """

    since: datetime
    until: datetime
    live: Side
    candidate: Side
    rows: str = ""
    rows_since: datetime | None = None
    changes: tuple[Change, ...] = ()


def taints(seen: Circumstances) -> tuple[Taint, ...]:
    """What taints which number, in the order of weight."""
    return (
        *_of_changes(seen),
        *_of_restarts(seen),
        *_of_rows(seen),
        *_of_hardware(seen.live, seen.candidate),
        *_of_load(seen),
    )


def cold_minutes(restarts: Iterable[Restart], since: datetime, until: datetime) -> tuple[datetime, ...]:
    """The minutes of [since, until) that begin before an instance has been there for COLD, in order."""
    begun = [each.at for each in restarts if not each.is_end]
    at, found = since.replace(second=0, microsecond=0), []
    while at < until:
        if any(begin - timedelta(minutes=1) < at < begin + COLD for begin in begun):
            found.append(at)
        at += timedelta(minutes=1)
    return tuple(found)


def _of_changes(seen: Circumstances) -> Iterable[Taint]:
    names = seen.live.name, seen.candidate.name
    for each in seen.changes:
        if not seen.since < each.at < seen.until:
            continue
        if each.before.mirror != each.after.mirror:
            told = f"The mirror was changed at {_clock(each.at)} from {_mirror(each.before)} to {_mirror(each.after)}."
            yield Taint(EVERYTHING, f"{told} Numbers of before and after are of unlike loads.")
        shares = [(name, each.before.live_percent(name), each.after.live_percent(name)) for name in names]
        moved = [f"{name} from {before} to {after} %" for name, before, after in shares if before != after]
        if moved:
            told = f"The live traffic of {' and '.join(moved)} was changed at {_clock(each.at)}."
            yield Taint(EVERYTHING, f"{told} Numbers of before and after are of unlike loads.")


def _of_restarts(seen: Circumstances) -> Iterable[Taint]:
    for side in (seen.live, seen.candidate):
        within = [each for each in side.restarts if seen.since - COLD < each.at < seen.until]
        begun = [each for each in within if not each.is_end]
        ended = [each for each in within if each.is_end and each.at >= seen.since]
        if begun:
            minutes = len(cold_minutes(begun, seen.since, seen.until))
            told = f"{_instances(side.name, len(begun))} started at {_times(begun)}: "
            told += f"{minutes} {_plural('minute', minutes)} of the window {'is' if minutes == 1 else 'are'} cold."
            yield Taint(LATENCY, f"{told} The first requests of an instance take longer.")
            yield Taint(ERRORS, f"{told} Requests may fail while an instance gets ready.")
        if ended:
            told = f"{_instances(side.name, len(ended))} ended at {_times(ended)}."
            yield Taint(ERRORS, f"{told} Requests that it worked on may have failed with it.")


def _of_rows(seen: Circumstances) -> Iterable[Taint]:
    if seen.rows and seen.rows_since is not None and seen.rows_since - seen.since >= timedelta(minutes=1):
        minutes = (seen.rows_since - seen.since) // timedelta(minutes=1)
        yield Taint(
            LATENCY,
            f"The {_lower(seen.rows)} begins at {_clock(seen.rows_since)}: the {minutes} "
            f"{_plural('minute', minutes)} before {'has' if minutes == 1 else 'have'} no latencies of single requests.",
        )


def _of_hardware(live: Side, candidate: Side) -> Iterable[Taint]:
    if live.instance_type and candidate.instance_type and live.instance_type != candidate.instance_type:
        told = f"{live.name} runs on {live.instance_type}, {candidate.name} on {candidate.instance_type}."
        yield Taint(LATENCY, f"{told} A difference may be that of the machines.")
        yield Taint(RESOURCES, f"{told} Percentages of unlike machines cannot be compared.")


def _of_load(seen: Circumstances) -> Iterable[Taint]:
    live, candidate = seen.live, seen.candidate
    if not live.instances or not candidate.instances:
        return
    minutes = max(1.0, (seen.until - seen.since) / timedelta(minutes=1))
    ours, theirs = (side.requests / minutes / (side.instances or 1) for side in (live, candidate))
    if min(ours, theirs) <= 0 or max(ours, theirs) / min(ours, theirs) < UNEQUAL:
        return
    told = (
        f"An instance of {live.name} had {_number(ours)} requests a minute, one of {candidate.name} {_number(theirs)}."
    )
    quiet = candidate.name if theirs < ours else live.name
    if round(live.instances) != round(candidate.instances):
        told += f" {_count(live)}, {_count(candidate)}."
    yield Taint(LATENCY, f"{told} {quiet} may be slower than it looks when it gets as much.")
    yield Taint(RESOURCES, f"{told} What an instance uses while idle weighs more on each request of {quiet}.")


def _count(side: Side) -> str:
    number = round(side.instances or 0)
    return f"{side.name} has {number} {_plural('instance', number)}"


def _instances(name: str, number: int) -> str:
    return f"An instance of {name}" if number == 1 else f"{number} instances of {name}"


def _times(restarts: Sequence[Restart]) -> str:
    times = list(dict.fromkeys(_clock(each.at) for each in sorted(restarts, key=lambda each: each.at)))
    more = f" and {len(times) - _MOST_NAMED} more" if len(times) > _MOST_NAMED else ""
    return ", ".join(times[:_MOST_NAMED]) + more


def _mirror(split: Split) -> str:
    return f"{split.mirror_percent} % to {split.mirror_target}" if split.mirror_target else "none"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %b %H:%M} UTC"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}"


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
