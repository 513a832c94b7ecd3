"""What stored pairs of answers add to a run: the same counting as that of a comparison, with less knowledge. Pure.

Where the live deployment answered a payload twice, the three answers are judged as a comparison judges them. Where it
answered once, nobody knows what it brings about by itself: an answer that is the same speaks for PASS, another one
speaks against PASS and never for FAIL, unless it lies in fields in which the live deployment differs from itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from services.replay.asking import Task, compared
from services.replay.differences import Difference
from services.replay.outcome import Outcome, between, outcome_of_text, shifts
from services.replay.record import Example, Item, Record, Triple
from services.replay.replaying import MOST_EXAMPLE_CHARACTERS, MOST_EXAMPLES
from services.replay.report import Shift, median, report
from services.scoring.request import ScoringRequest
from services.shadow import answers
from services.shadow.answers import MOST_FIELDS, Counted
from services.shadow.stored_pairs import Stored, Unit

LABEL = "2xx"
"""Stands for the status: collectors store no status, and an error's body differs from an answer's."""
_ORDER = (0, 1, 2)


@dataclass(frozen=True)
class Lone:
    """A payload that the live deployment answered once. ``unreadable`` says that one of the two answers cannot be
    compared; ``moved`` is by how much each number moved."""

    item: int
    differences: tuple[Difference, ...]
    moved: Mapping[str, float]
    unreadable: bool = False


@dataclass(frozen=True)
class Seen:
    """Stored pairs, compared. ``marks`` are those of all payloads, in their order."""

    record: Record
    lone: tuple[Lone, ...]
    marks: tuple[str, ...]

    @property
    def items(self) -> list[int]:
        """The places of the payloads that were compared."""
        return sorted([each.item for each in self.record.triples] + [each.item for each in self.lone])


def compare(units: Sequence[Unit], run_id: str, empty: Record) -> Seen:
    """Compare the answers of ``units``. ``empty`` is the record to be filled."""
    triples: list[Triple] = []
    examples: list[Example] = []
    lone: list[Lone] = []
    marks, names, room = [], [], MOST_EXAMPLE_CHARACTERS
    for number, unit in enumerate(units):
        name = f"stored at {unit.first.at:%Y-%m-%d %H:%M:%S} UTC, {number + 1}"
        item = _item(unit, name)
        names.append(name)
        marks.append(answers.mark(run_id, item))
        first, candidate = _outcome(unit.first), _outcome(unit.candidate)
        second = _outcome(unit.second) if unit.second else None
        if first is None or candidate is None:
            lone.append(Lone(number, (), {}, unreadable=True))
        elif second is None:
            lone.append(_alone(number, first, candidate, empty.tolerance))
        else:
            task = Task(number, item, _ORDER)
            triple, example = compared(task, first, second, candidate, empty.tolerance)
            triples.append(triple)
            size = 0 if example is None else len(example.request) + len(example.live) + len(example.candidate)
            if example is not None and len(examples) < MOST_EXAMPLES and size <= room:
                examples.append(example)
                room -= size
    record = replace(empty, names=tuple(names), triples=tuple(triples), examples=tuple(examples))
    return Seen(record, tuple(lone), tuple(marks))


def mark_of(unit: Unit, run_id: str) -> str:
    """What the payload of ``unit`` is known by within a run: the same as that of a comparison's."""
    return answers.mark(run_id, _item(unit, ""))


def drifting(seen: Seen) -> frozenset[str]:
    """The fields in which a decimal number differs."""
    return answers.drifting(seen.record) | answers.drifting_in(each for one in seen.lone for each in one.differences)


def without(seen: Seen, already: frozenset[str]) -> Seen:
    """The same without the payloads that a run has counted."""
    triples = tuple(each for each in seen.record.triples if seen.marks[each.item] not in already)
    lone = tuple(each for each in seen.lone if seen.marks[each.item] not in already)
    return Seen(replace(seen.record, triples=triples), lone, seen.marks)


def counted(seen: Seen, left_out: Iterable[str]) -> tuple[Counted, Counter[str]]:
    """What ``seen`` adds to a run, and in which fields the payloads differ that the live deployment answered once."""
    muted = frozenset(left_out)
    found = answers.counted(seen.record, seen.marks, frozenset(), muted)
    noise = {each.field for each in report(seen.record, muted).fields if each.differs_by_itself and not each.is_named}
    fields: Counter[str] = Counter()
    differing = 0
    for one in seen.lone:
        own = {each.field for each in one.differences} - muted - noise
        fields.update(own)
        differing += bool(own) or one.unreadable
    both = replace(found, compared=found.compared + len(seen.lone), undecided=found.undecided + differing)
    return both, fields


def numbers(seen: Seen, left_out: Iterable[str]) -> list[dict[str, Any]]:
    """By how much numbers moved, over all pairs. ``by_itself`` is None where the live one never answered twice."""
    muted = frozenset(left_out)
    moved: dict[str, list[float]] = {}
    again: dict[str, list[float]] = {}
    for triple in seen.record.triples:
        for field, (other, second) in triple.shifts.items():
            moved.setdefault(field, []).append(other)
            again.setdefault(field, []).append(abs(second))
    for one in seen.lone:
        for field, other in one.moved.items():
            moved.setdefault(field, []).append(other)
    found = []
    for field, values in moved.items():
        changed = [each for each in values if each]
        if changed and field not in muted:
            by_itself = median(again[field]).value if field in again else None
            told = Shift(
                field, len(values), len(changed), median(values), median(changed).value, max(changed, key=abs), 0.0
            )
            found.append({**asdict(told), "by_itself": by_itself})
    return sorted(found, key=lambda each: (-each["changed"], each["field"]))[:MOST_FIELDS]


def _item(unit: Unit, name: str) -> Item:
    return Item(name, ScoringRequest(unit.first.payload.encode()))


def _outcome(stored: Stored) -> Outcome | None:
    return None if stored.answer is None else outcome_of_text(LABEL, stored.answer)


def _alone(number: int, first: Outcome, candidate: Outcome, tolerance: float) -> Lone:
    found = between(first, candidate, tolerance)
    moved = {field: by for field, (by, _) in shifts(first, first, candidate).items()}
    return Lone(number, found, moved)
