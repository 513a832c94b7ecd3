"""Answers of live deployment and candidate that data collectors have stored, joined: Azure does not join them. Pure.

A copy is the live request's own when it bears its id; whether Azure's copies do is not documented. Without common ids,
a copy belongs to the live request with the same payload (the same JSON) within SAME_SECONDS. Where two live requests
may be meant, none is: who answered what plays no part in that choice, so that chance favours neither deployment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.azure.collected import Event

SAME_SECONDS = 5.0
"""Between a live request and its copy, which are sent at the same moment; collectors write whole seconds."""
BY_ID, BY_PAYLOAD = "request id", "payload"
NO_ANSWER, OUTSIDE, NO_ID = "without a stored answer", "too large or no JSON", "without an id of their own"
UNPAIRED_LIVE, UNPAIRED_COPY = "live requests without a copy", "copies without a live request"
AMBIGUOUS, UNREADABLE = "with more than one possible partner", "both answers too large or no JSON"


@dataclass(frozen=True)
class Stored:
    """A request with the answer that a deployment gave. ``payload`` is canonical JSON; ``answer`` is None when it is
    too large for a line, or no JSON.
    """

    correlation: str
    at: datetime
    payload: str
    answer: str | None


@dataclass(frozen=True)
class Kept:
    """What a deployment's collector has stored. ``left_out`` counts requests by why they cannot be used."""

    stored: tuple[Stored, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """One payload: an answer of the live deployment and the candidate's to the copy; ``second`` is the live one's
    answer to another request with that payload, None where there was none."""

    first: Stored
    candidate: Stored
    second: Stored | None


@dataclass(frozen=True)
class Pairing:
    """Every payload once, the oldest first. ``pairs`` were found, ``by`` request id or payload. ``left_out`` counts
    requests of both by why they are in no unit."""

    units: tuple[Unit, ...]
    pairs: int
    by: str
    left_out: Mapping[str, int]


def joined(requests: Iterable[Event], responses: Iterable[Event]) -> Kept:
    """Requests with their answers, by the id that a collector gives both. Sampling may have kept one of the two."""
    asked = list(requests)
    answers: dict[str, list[Event]] = defaultdict(list)
    for each in responses:
        answers[each.correlation].append(each)
    times = Counter(each.correlation for each in asked)
    found, left_out = [], Counter[str]()
    for each in asked:
        answered = answers.get(each.correlation, [])
        if not each.correlation or times[each.correlation] > 1 or len(answered) > 1:
            left_out[NO_ID] += 1
        elif each.text is None:
            left_out[OUTSIDE] += 1
        elif not answered:
            left_out[NO_ANSWER] += 1
        else:
            found.append(Stored(each.correlation, each.at, each.text, answered[0].text))
    return Kept(tuple(sorted(found, key=lambda each: each.at)), left_out)


def paired(live: Kept, candidate: Kept) -> Pairing:
    """Every payload that both answered, once, with a second answer of the live deployment where it got one twice."""
    by_id = {each.correlation: each for each in live.stored}
    left_out: Counter[str] = Counter()
    if any(each.correlation in by_id for each in candidate.stored):
        by, pairs = BY_ID, _by_id(by_id, candidate.stored, left_out)
    else:
        by, pairs = BY_PAYLOAD, _by_payload(live.stored, candidate.stored, left_out)
    left_out[UNPAIRED_LIVE] = len(live.stored) - len(pairs)
    repeats: dict[str, list[Stored]] = defaultdict(list)
    for each in live.stored:
        repeats[each.payload].append(each)
    units: dict[str, Unit] = {}
    for first, other in sorted(pairs, key=lambda pair: pair[0].at):
        if first.payload not in units:
            units[first.payload] = Unit(first, other, _nearest(repeats[first.payload], first))
    readable = [unit for unit in units.values() if unit.first.answer is not None or unit.candidate.answer is not None]
    left_out[UNREADABLE] = len(units) - len(readable)
    return Pairing(tuple(readable), len(pairs), by, +left_out)


def _by_id(live: Mapping[str, Stored], copies: Sequence[Stored], left_out: Counter[str]) -> list[tuple[Stored, Stored]]:
    pairs = []
    for each in copies:
        mate = live.get(each.correlation)
        if mate is None:
            left_out[UNPAIRED_COPY] += 1
        elif mate.payload != each.payload:
            left_out[AMBIGUOUS] += 1
        else:
            pairs.append((mate, each))
    return pairs


def _by_payload(
    live: Sequence[Stored], copies: Sequence[Stored], left_out: Counter[str]
) -> list[tuple[Stored, Stored]]:
    """Pairs in which each is the only one that may be the other's."""
    near = timedelta(seconds=SAME_SECONDS)
    lives, others = _times(live), _times(copies)
    pairs = []
    for each in copies:
        mates = _within(lives.get(each.payload, []), each.at, near)
        rivals = _within(others[each.payload], each.at, 2 * near)
        if not mates:
            left_out[UNPAIRED_COPY] += 1
        elif len(mates) > 1 or len(rivals) > 1:
            left_out[AMBIGUOUS] += 1
        else:
            pairs.append((mates[0], each))
    return pairs


def _times(found: Sequence[Stored]) -> dict[str, list[Stored]]:
    by_payload: dict[str, list[Stored]] = defaultdict(list)
    for each in found:
        by_payload[each.payload].append(each)
    return by_payload


def _within(ordered: Sequence[Stored], at: datetime, near: timedelta) -> Sequence[Stored]:
    begin = bisect_left(ordered, at - near, key=lambda each: each.at)
    end = begin
    while end < len(ordered) and ordered[end].at <= at + near:
        end += 1
    return ordered[begin:end]


def _nearest(repeats: Sequence[Stored], first: Stored) -> Stored | None:
    """The other request with the same payload that is the nearest in time."""
    others = (each for each in repeats if each.correlation != first.correlation)
    return min(others, key=lambda each: abs(each.at - first.at), default=None)
