"""Put one request to the live deployment twice and to the candidate once, in a random order."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from random import Random

from services.replay.differences import Difference
from services.replay.noise import Role, standing_alone
from services.replay.outcome import Outcome, between, fields_of, shifts
from services.replay.record import Example, Item, Triple
from services.scoring.request import ScoringRequest

Ask = Callable[[ScoringRequest], Outcome]
"""Sends a request to the deployment that it names."""
MOST_SHIFTS = 50
"""Numeric fields of which the shift is kept."""
MOST_SHOWN = 50
"""Differences kept of one example."""
MOST_TEXT = 20_000
"""Characters kept of what was sent and answered in an example."""
_LONGEST_SIDE = 1000
"""Characters kept of one side of a difference: a whole list may be missing."""
_ROLES: tuple[Role, ...] = ("first", "second", "candidate")
_ORDERS = tuple(permutations(range(3)))


@dataclass(frozen=True)
class Task:
    """One request to be asked three times. ``order`` holds the places of the three roles in time."""

    number: int
    item: Item
    order: tuple[int, ...]


def tasks(items: Sequence[tuple[int, Item]], rng: Random) -> list[Task]:
    """``items`` in random order. The six orders of the three askings come equally often, so that the first one and
    the candidate take turns, and no place in the order belongs to one of them.
    """
    shuffled = rng.sample(list(items), len(items))
    made = []
    block: list[tuple[int, ...]] = []
    for number, item in shuffled:
        block = block or rng.sample(_ORDERS, len(_ORDERS))
        made.append(Task(number, item, block.pop()))
    return made


def ask_three(
    task: Task, live: Ask, candidate: Ask, tolerance: float, is_stopped: Callable[[], bool]
) -> tuple[Triple, Example | None] | None:
    """Ask and compare; the example is there when the candidate stood alone. None when stopped in between."""
    outcomes: dict[int, Outcome] = {}
    for role in task.order:
        if is_stopped():
            return None
        outcomes[role] = (candidate if _ROLES[role] == "candidate" else live)(task.item.request)
    if is_stopped():
        return None
    return compared(task, outcomes[0], outcomes[1], outcomes[2], tolerance)


def compared(
    task: Task, first: Outcome, second: Outcome, candidate: Outcome, tolerance: float
) -> tuple[Triple, Example | None]:
    """What three answers to one request say; the example is there when the candidate stood alone."""
    found = between(first, candidate, tolerance)
    alone, unsettled = standing_alone(
        fields_of(between(first, second, tolerance)),
        fields_of(found),
        fields_of(between(second, candidate, tolerance)),
    )
    asked = (first, second, candidate)
    triple = Triple(
        item=task.number,
        labels=(first.label, second.label, candidate.label),
        total_ms=(first.total_ms, second.total_ms, candidate.total_ms),
        model_ms=(first.model_ms, second.model_ms, candidate.model_ms),
        alone=alone,
        unsettled=unsettled,
        shifts=_kept(shifts(*asked)) if all(each.is_good for each in asked) else {},
        is_candidate_first=task.order.index(2) < task.order.index(0),
        is_bad=not all(each.is_good for each in asked),
    )
    on_its_own = tuple(field for field, who in alone.items() if who == "candidate")
    if not on_its_own:
        return triple, None
    return triple, _example(task, on_its_own, found, first, candidate)


def _kept(found: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return dict(list(found.items())[:MOST_SHIFTS])


def _example(
    task: Task, fields: tuple[str, ...], found: tuple[Difference, ...], live: Outcome, candidate: Outcome
) -> Example:
    own = [each for each in found if each.field in fields]
    return Example(
        item=task.number,
        name=task.item.name,
        fields=fields,
        differences=tuple(_short(each) for each in own[:MOST_SHOWN]),
        request=task.item.request.body[: MOST_TEXT * 4].decode(errors="replace")[:MOST_TEXT],
        live=live.text[:MOST_TEXT],
        candidate=candidate.text[:MOST_TEXT],
    )


def _as_text(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "nested too deep to be shown"
    except ValueError:
        return "a number too long to be shown"


def _short(found: Difference) -> Difference:
    """A difference whose sides can be kept and shown: short, and nothing that JSON or UTF-8 cannot hold."""

    def side(value: object) -> object:
        if value is None or (isinstance(value, int) and abs(value) < 2**63):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        text = value if isinstance(value, str) else _as_text(value)
        shown = text if len(text) <= _LONGEST_SIDE else f"{text[:_LONGEST_SIDE]}…"
        return shown.encode(errors="backslashreplace").decode()

    return Difference(found.path, found.kind, side(found.left), side(found.right))
