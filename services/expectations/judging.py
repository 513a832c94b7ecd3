"""Whether an answer is what was expected. Pure: no network, no clock, and a limit on the work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from services.expectations import schemas
from services.expectations.budget import Budget, TooMuch
from services.expectations.checking import is_number, problem
from services.expectations.expectation import Expectation
from services.expectations.paths import PathRefused, find, is_single
from services.expectations.schemas import SchemaRefused
from services.expectations.words import describe, shown, shown_all
from services.replay.differences import differences
from services.scoring.answer import Answer

Json: TypeAlias = Any


@dataclass(frozen=True)
class Verdict:
    """What came of one expectation.

    ``found`` is what stood there, short enough for a table; it may hold values of the answer. ``words`` is a sentence
    that says what was expected, and why it did not come when ``passed`` is False.
    """

    expectation: Expectation
    passed: bool
    found: str
    words: str


def judge(expectations: Sequence[Expectation], answer: Answer) -> tuple[Verdict, ...]:
    """One verdict for each of ``expectations``, in their order. Never raises: what cannot be judged did not pass."""
    body = _Body(answer)
    return tuple(_judged(each, answer, body) for each in expectations)


def unanswered(expectations: Sequence[Expectation], why: str) -> tuple[Verdict, ...]:
    """The verdicts when no answer came. ``why`` is a sentence."""
    return tuple(Verdict(each, False, "no answer", f"{describe(each)}: no answer. {why}") for each in expectations)


def expected_answer(text: str) -> Expectation:
    """What ``text``, an answer that somebody found right, lets expect: the same JSON, or the same text."""
    try:
        return Expectation("path", json.loads(text), "$", "equals")
    except (ValueError, RecursionError):
        return Expectation("text", text)


class _Failed(Exception):
    """Not as expected. ``found`` and the reason, which ends a sentence."""

    def __init__(self, found: str, why: str = "") -> None:
        super().__init__(found, why)
        self.found = found
        self.why = why or f"found {found}"


class _Body:
    """The answer's body, read when it is needed first."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._read: tuple[Json] | None = None
        self._why = ""

    def text(self) -> str:
        if self._answer.is_cut:
            raise _Failed("a part of the answer", "the answer is longer than what is kept of it")
        return self._answer.text

    def document(self) -> Json:
        if self._read is None and not self._why:
            try:
                self._read = (json.loads(self.text()),)
            except RecursionError:
                self._why = "the answer is nested too deeply"
            except json.JSONDecodeError as error:
                self._why = f"the answer is not JSON from line {error.lineno}, column {error.colno} on"
            except ValueError:
                self._why = "the answer holds a number with more digits than can be read"
        if self._read is None:
            raise _Failed("no JSON", self._why)
        return self._read[0]


def _judged(expectation: Expectation, answer: Answer, body: _Body) -> Verdict:
    words = describe(expectation)
    wrong = problem(expectation)
    if wrong:
        return Verdict(expectation, False, "not judged", f"{words}: this cannot be judged. {wrong}")
    try:
        found = _RULES[expectation.kind](expectation, answer, body)
    except _Failed as failed:
        return Verdict(expectation, False, failed.found, f"{words}: {failed.why}.")
    except (PathRefused, SchemaRefused) as error:
        return Verdict(expectation, False, "not judged", f"{words}: this cannot be judged. {error}")
    except TooMuch:
        why = "this cannot be judged. It would take too long on an answer of this size."
        return Verdict(expectation, False, "not judged", f"{words}: {why}")
    return Verdict(expectation, True, found, f"{words}.")


def _status(expectation: Expectation, answer: Answer, _body: _Body) -> str:
    wanted = expectation.value if isinstance(expectation.value, list) else [expectation.value]
    if answer.status not in wanted:
        raise _Failed(str(answer.status))
    return str(answer.status)


def _time(expectation: Expectation, answer: Answer, _body: _Body) -> str:
    found = f"{answer.total_ms:,.1f} ms"
    if answer.total_ms > expectation.value:
        raise _Failed(found, f"it took {found}")
    return found


def _text(expectation: Expectation, _answer: Answer, body: _Body) -> str:
    text = body.text()
    if text.strip() != expectation.value.strip():
        raise _Failed(shown(text))
    return shown(text)


def _path(expectation: Expectation, _answer: Answer, body: _Body) -> str:
    budget = Budget()
    values = find(expectation.path, body.document(), budget)
    if not values:
        raise _Failed("nothing", "nothing is there")
    if expectation.rule != "exists":
        for place, value in enumerate(values):
            if not _keeps_to(expectation, value, budget):
                raise _Failed(shown(value), _difference(expectation, value, place, len(values)))
    return shown_all(values)


def _keeps_to(expectation: Expectation, value: Json, budget: Budget) -> bool:
    if expectation.rule == "within":
        return is_number(value) and is_within(value, expectation.value, expectation.tolerance)
    wanted = expectation.value if expectation.rule == "in" else [expectation.value]
    return any(_is_same(each, value, budget) for each in wanted)


def _is_same(wanted: Json, value: Json, budget: Budget) -> bool:
    budget.weigh(wanted)
    budget.weigh(value)
    return not differences(wanted, value, limit=1)


def is_within(value: float, wanted: float, tolerance: float) -> bool:
    """Whether two finite numbers differ by ``tolerance`` at most, as they are written: 0.4 is within 0.1 of 0.3."""
    return abs(_exact(value) - _exact(wanted)) <= _exact(tolerance)


def _exact(number: float) -> Fraction:
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def _difference(expectation: Expectation, value: Json, place: int, count: int) -> str:
    where = f"value {place + 1:,} of {count:,} is" if count > 1 else "found"
    if expectation.rule == "equals" and isinstance(value, dict | list):
        first = differences(expectation.value, value, limit=1)[0]
        if first.path != "$":
            inside = {"missing": "is missing", "added": "was not expected"}
            what = inside.get(first.kind, f"is {shown(first.right)} and not {shown(first.left)}")
            return f"{f'value {place + 1:,} of {count:,} differs: ' if count > 1 else ''}{first.path} {what}"
    return f"{where} {shown(value)}"


def _length(expectation: Expectation, _answer: Answer, body: _Body) -> str:
    length = _length_of(expectation.path, body)
    passed = {
        "equals": length == expectation.value,
        "at_least": length >= expectation.value,
        "at_most": length <= expectation.value,
    }
    if not passed[expectation.rule]:
        raise _Failed(f"{length:,}")
    return f"{length:,}"


def _length_of(path: str, body: _Body) -> int:
    if path:
        values = find(path, body.document(), Budget())
        if not is_single(path):
            return len(values)
        if not values:
            raise _Failed("nothing", "nothing is there")
        value = values[0]
    else:
        try:
            value = body.document()
        except _Failed:
            return len(body.text())
    if not isinstance(value, str | list | dict):
        raise _Failed(shown(value), f"{shown(value)} has no length")
    return len(value)


def _schema(expectation: Expectation, _answer: Answer, body: _Body) -> str:
    document = body.document()
    values = find(expectation.path, document, Budget()) if expectation.path else [document]
    if not values:
        raise _Failed("nothing", "nothing is there")
    budget = Budget()
    for value in values:
        wrong = schemas.first_problem(expectation.value, value, budget)
        if wrong:
            raise _Failed(wrong, wrong)
    return "keeps to it"


_RULES = {"status": _status, "time": _time, "path": _path, "length": _length, "schema": _schema, "text": _text}
