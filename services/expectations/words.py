"""Expectations and what was found, as a person reads them."""

from __future__ import annotations

import json
from typing import TypeAlias

from services.expectations.expectation import Expectation

Json: TypeAlias = object
_LONGEST = 120
"""Characters of a value that is shown."""
_MOST = 10
"""Values that are shown of a set."""
_LENGTHS = {"equals": "is", "at_least": "is at least", "at_most": "is at most"}


def describe(expectation: Expectation) -> str:
    """What is expected, in a few words without a full stop: ``$.label is one of "cat", "dog"``."""
    value, path = expectation.value, "" if expectation.path == "$" else expectation.path
    if expectation.kind == "status":
        wanted = value if isinstance(value, list) else [value]
        return "Status is " + " or ".join(shown(each) for each in wanted[:_MOST]) + _more(wanted, _MOST)
    if expectation.kind == "time":
        return f"Answer within {shown(value)} ms"
    if expectation.kind == "text":
        return f"The answer is {shown(value)}"
    if expectation.kind == "length":
        what = f"Length of {path}" if path else "Length of the answer"
        return f"{what} {_LENGTHS.get(expectation.rule, expectation.rule)} {shown(value)}"
    if expectation.kind == "schema":
        return f"{path or 'The answer'} keeps to {_schema(value)}"
    return f"{path or 'The answer'} {_rule(expectation)}"


def shown(value: Json) -> str:
    """A value as JSON on one line, cut when it is long."""
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False, default=str).iterencode(value):
        text += piece[: _LONGEST + 1]
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST - 1]}…"
            break
    # Half of a surrogate pair is no character: neither a terminal nor a file takes it.
    return text.encode(errors="backslashreplace").decode()


def shown_all(values: list[Json]) -> str:
    """Several values beside each other, the first few of them."""
    if not values:
        return "nothing"
    return ", ".join(shown(each) for each in values[:3]) + _more(values, 3)


def _more(values: list[Json], shown_ones: int) -> str:
    return f" and {len(values) - shown_ones:,} more" if len(values) > shown_ones else ""


def _rule(expectation: Expectation) -> str:
    value = expectation.value
    if expectation.rule == "equals":
        return f"is {shown(value)}"
    if expectation.rule == "within":
        return f"is {shown(value)} ± {shown(expectation.tolerance)}"
    if expectation.rule == "in":
        values = value if isinstance(value, list) else []
        return f"is one of {', '.join(shown(each) for each in values[:_MOST]) or 'nothing'}{_more(values, _MOST)}"
    return "is there" if expectation.rule == "exists" else expectation.rule


def _schema(value: Json) -> str:
    title = value.get("title") if isinstance(value, dict) else None
    return f"the schema “{title[:_LONGEST]}”" if isinstance(title, str) and title else "the schema"
