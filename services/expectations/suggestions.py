"""What could be expected, from an answer that somebody found right. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, TypeAlias

from services.expectations.expectation import Expectation
from services.replay.differences import child
from services.scoring.answer import Answer

Json: TypeAlias = Any
MOST_FIELDS = 10
"""How many fields are suggested, the outer ones first."""
RELATIVE_TOLERANCE = 1e-6
"""Of numbers with a fraction: another machine may round them otherwise."""
_LONGEST_TEXT = 200


def suggest(answer: Answer) -> tuple[Expectation, ...]:
    """The status, twice the time it took (rounded up to two digits), and the fields of the answer."""
    time = Expectation("time", _rounded_up(2 * answer.total_ms))
    return (Expectation("status", answer.status), time, *(() if answer.is_cut else suggest_fields(answer.text)))


def suggest_fields(text: str) -> tuple[Expectation, ...]:
    """The fields of an answer given as JSON text: its outer values and the lengths of its lists; () when it is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    found = []
    for expectation in _inside(document):
        found.append(expectation)
        if len(found) == MOST_FIELDS:
            break
    return tuple(found)


def _inside(document: Json) -> Iterator[Expectation]:
    # Breadth first: the outer fields say more than the inner ones.
    waiting: list[tuple[str, Json]] = [("$", document)]
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting.extend((child(path, name), each) for name, each in list(value.items())[:MOST_FIELDS])
        elif isinstance(value, list):
            yield Expectation("length", len(value), path, "equals")
            waiting.extend((f"{path}[{place}]", each) for place, each in enumerate(value[:2]))
        elif isinstance(value, float):
            if math.isfinite(value):
                yield Expectation("path", value, path, "within", float(f"{abs(value) * RELATIVE_TOLERANCE:.1g}"))
        elif not isinstance(value, str) or len(value) <= _LONGEST_TEXT:
            yield Expectation("path", value, path, "equals")


def _rounded_up(milliseconds: float) -> int:
    whole = max(1, math.ceil(milliseconds))
    unit = int(10 ** max(0, len(str(whole)) - 2))
    return math.ceil(whole / unit) * unit
