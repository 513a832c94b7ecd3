"""Whether an expectation can be judged at all. Pure."""

from __future__ import annotations

import math
from typing import TypeAlias, TypeGuard

from services.expectations import schemas
from services.expectations.expectation import Expectation
from services.expectations.paths import PathRefused, parsed
from services.expectations.schemas import SchemaRefused

Json: TypeAlias = object


def problem(expectation: Expectation) -> str:
    """What is wrong with ``expectation`` itself, a sentence; "" when it can be judged."""
    try:
        if expectation.path:
            parsed(expectation.path)
        return _PROBLEMS[expectation.kind](expectation) if expectation.kind in _PROBLEMS else _unknown(expectation)
    except (PathRefused, SchemaRefused) as error:
        return str(error)


def is_number(value: Json) -> TypeGuard[int | float]:
    """Whether ``value`` is a finite number; true and false are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _unknown(expectation: Expectation) -> str:
    return f"{expectation.kind!r} is no kind of expectation."


def _status(expectation: Expectation) -> str:
    wanted = expectation.value if isinstance(expectation.value, list) else [expectation.value]
    good = wanted and all(is_number(each) and each == int(each) and 100 <= each <= 599 for each in wanted)
    return "" if good else "A status is a number from 100 to 599."


def _time(expectation: Expectation) -> str:
    good = is_number(expectation.value) and expectation.value > 0
    return "" if good else "The time is a number of milliseconds above 0."


def _path(expectation: Expectation) -> str:
    value = expectation.value
    if not expectation.path:
        return "The path is missing. It begins with $."
    if expectation.rule == "within":
        if not is_number(value):
            return "Only a number can lie within a tolerance."
        good = is_number(expectation.tolerance) and expectation.tolerance >= 0
        return "" if good else "The tolerance is a number, 0 or more."
    if expectation.rule == "in":
        return "" if isinstance(value, list) and value else "The set of values is a list with at least one value."
    known = expectation.rule in ("equals", "exists")
    return "" if known else f"{expectation.rule or 'Nothing'!r} is no rule for a path."


def _length(expectation: Expectation) -> str:
    if expectation.rule not in ("equals", "at_least", "at_most"):
        return f"{expectation.rule!r} is no rule for a length."
    value = expectation.value
    good = is_number(value) and value >= 0 and value == int(value)
    return "" if good else "A length is a whole number, 0 or more."


def _schema(expectation: Expectation) -> str:
    schemas.check(expectation.value)
    return ""


def _text(expectation: Expectation) -> str:
    return "" if isinstance(expectation.value, str) else "The expected text is missing."


_PROBLEMS = {"status": _status, "time": _time, "path": _path, "length": _length, "schema": _schema, "text": _text}
