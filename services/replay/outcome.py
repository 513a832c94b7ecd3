"""What one deployment answered to one request, as far as answers are compared."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from services.errors import SluiceError
from services.replay.differences import Difference, Json, child, differences, type_of
from services.scoring.answer import Answer

STATUS = "status"
BODY = "body"
"""Stand for a field where the answers differ as a whole: by their status, or in text that is no JSON."""
LARGEST_COMPARED = 5 * 1024 * 1024
"""Bytes of an answer that are parsed. A longer one is compared as a whole."""
MOST_HELD = 20_000
"""Characters that are held of an answer that is compared as a whole."""
MOST_NUMBERS = 20_000
"""Numbers of an answer that are looked at for a shift."""
_MOST_PLACES = 10_000


class _NoJson:
    """Stands for a body that is no JSON; null is JSON."""


NO_JSON: Final = _NoJson()


@dataclass(frozen=True)
class Outcome:
    """An answer, or why there is none. Times are in milliseconds, None when there was no answer or none was said.

    ``label`` is the status, or the kind of failure such as Timeout. ``document`` is the parsed body of a good answer.
    """

    label: str
    is_good: bool
    text: str = ""
    document: Json = NO_JSON
    total_ms: float | None = None
    model_ms: float | None = None


def outcome_of(answer: Answer | SluiceError) -> Outcome:
    """An answer of any status, or a failure, ready to be compared."""
    if isinstance(answer, SluiceError):
        return Outcome(type(answer).__name__, is_good=False, text=str(answer))
    text, is_large = answer.text, len(answer.body) > LARGEST_COMPARED
    document = NO_JSON if answer.is_cut or is_large else _parsed(text)
    if document is NO_JSON and (is_large or "\ufffd" in text):
        # Bytes that are no text all become the same character, and several large answers are held at a time.
        told = f"{len(answer.body):,} bytes, SHA-256 {hashlib.sha256(answer.body).hexdigest()}"
        text = f"{told}\n{text[:MOST_HELD]}"
    return Outcome(str(answer.status), answer.is_good, text, document, answer.total_ms, answer.model_ms)


def outcome_of_text(label: str, text: str) -> Outcome:
    """A good answer of which only the body is known."""
    return Outcome(label, is_good=True, text=text, document=_parsed(text))


def between(left: Outcome, right: Outcome, tolerance: float) -> tuple[Difference, ...]:
    """Where two outcomes differ. Two errors of one kind do not: their texts hold ids and times.

    ``tolerance`` is that of :func:`~services.replay.differences.differences`.
    """
    if left.label != right.label:
        return (Difference(STATUS, "value", left.label, right.label),)
    if not left.is_good or left.text == right.text:
        return ()
    if left.document is NO_JSON or right.document is NO_JSON:
        return (Difference(BODY, "value", left.text, right.text),)
    return differences(left.document, right.document, tolerance=tolerance, limit=_MOST_PLACES)


def fields_of(found: tuple[Difference, ...]) -> frozenset[str]:
    """The fields that differ."""
    return frozenset(each.field for each in found)


def shifts(first: Outcome, second: Outcome, candidate: Outcome) -> dict[str, tuple[float, float]]:
    """For each numeric field of three good answers: by how much the candidate's is larger than the first one's, and
    by how much the second one's is. The mean over the rows of an answer.
    """
    sums: dict[str, list[float]] = {}
    for seen, (field, one, again, other) in enumerate(_numbers(first.document, second.document, candidate.document)):
        if seen >= MOST_NUMBERS:
            break
        total = sums.setdefault(field, [0.0, 0.0, 0.0])
        total[0] += other - one
        total[1] += again - one
        total[2] += 1
    means = {field: (total[0] / total[2], total[1] / total[2]) for field, total in sums.items()}
    return {field: pair for field, pair in means.items() if all(map(math.isfinite, pair))}


def _numbers(first: Json, second: Json, third: Json) -> Iterator[tuple[str, float, float, float]]:
    waiting = [("$", first, second, third)]
    while waiting:
        path, *values = waiting.pop()
        types = {type_of(value) for value in values}
        if types == {"array"}:
            rows = zip(*values, strict=False)
            waiting.extend((f"{path}[*]", *row) for row in rows)
        elif types == {"object"} and all(isinstance(value, Mapping) for value in values):
            one, again, other = values
            names = [name for name in one if name in again and name in other]
            waiting.extend((child(path, name), one[name], again[name], other[name]) for name in names)
        elif types == {"number"}:
            try:
                one, again, other = (float(value) for value in values)
            except OverflowError:
                continue
            if all(abs(value) < float("inf") for value in (one, again, other)):
                yield path, one, again, other


def _parsed(text: str) -> Json:
    """The body as JSON. A scoring script that encodes its answer itself is encoded twice: both are undone."""
    document = _json(text)
    if isinstance(document, str) and document[:1] in ("{", "["):
        inner = _json(document)
        return document if inner is NO_JSON else inner
    return document


def _json(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NO_JSON
