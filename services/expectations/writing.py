"""Expectations as a person writes them, one choice and a few fields each, and back. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from services.expectations.expectation import Expectation, Kind

Json: TypeAlias = Any


@dataclass(frozen=True)
class Choice:
    """One sort of expectation: its ``words`` in a list, and which fields it has beside them."""

    words: str
    kind: Kind
    rule: str = ""
    has_path: bool = False
    value: str = ""
    """The label of its value, "" without one."""
    example: str = ""
    has_tolerance: bool = False
    is_long: bool = False


CHOICES = (
    Choice("Status is", "status", value="Statuses", example="200"),
    Choice("Answers within", "time", value="Milliseconds", example="500"),
    Choice("Field equals", "path", "equals", True, "Value, JSON", 'cat, 3, true, "3"'),
    Choice("Field is a number near", "path", "within", True, "Number", "0.5", has_tolerance=True),
    Choice("Field is one of", "path", "in", True, "Values", "cat, dog"),
    Choice("Field is there", "path", "exists", True),
    Choice("Length is", "length", "equals", True, "Length", "3"),
    Choice("Length is at least", "length", "at_least", True, "Length", "1"),
    Choice("Length is at most", "length", "at_most", True, "Length", "100"),
    Choice("Keeps to JSON Schema", "schema", "", True, "Schema", '{"type": "array"}', is_long=True),
    Choice("Text is", "text", value="Text", example="ok", is_long=True),
)


@dataclass(frozen=True)
class Written:
    """What stands in the fields."""

    path: str = ""
    value: str = ""
    tolerance: str = ""


def choice_of(expectation: Expectation) -> Choice:
    """The choice that an expectation is. One that no choice knows is shown as the first of its kind."""
    same = [each for each in CHOICES if each.kind == expectation.kind]
    return next((each for each in same if each.rule == expectation.rule), same[0])


def written(expectation: Expectation) -> Written:
    """The fields of an expectation: :func:`read` gives it back."""
    tolerance = f"{expectation.tolerance:g}" if expectation.rule == "within" else ""
    return Written(expectation.path, _text_of(expectation), tolerance)


def read(choice: Choice, fields: Written) -> Expectation:
    """What is expected by the fields. What cannot be read stays as it was typed: ``checking.problem`` names it."""
    return Expectation(
        choice.kind,
        _value(choice, fields.value) if choice.value else None,
        fields.path.strip() if choice.has_path else "",
        choice.rule,
        _tolerance(fields.tolerance) if choice.has_tolerance else 0.0,
    )


def _text_of(expectation: Expectation) -> str:
    value = expectation.value
    if expectation.kind == "text":
        return str(value)
    if expectation.rule == "exists":
        return ""
    if isinstance(value, list) and (expectation.kind == "status" or expectation.rule == "in"):
        return ", ".join(json.dumps(each, ensure_ascii=False) for each in value)
    return json.dumps(value, ensure_ascii=False, indent=2 if expectation.kind == "schema" else None)


def _value(choice: Choice, text: str) -> Json:
    if choice.kind == "text":
        return text
    if choice.kind == "status":
        found = _listed(text)
        return found[0] if len(found) == 1 else found
    return _listed(text) if choice.rule == "in" else _json_or_text(text)


def _listed(text: str) -> list[Json]:
    try:
        return list(json.loads(f"[{text}]"))
    except (ValueError, RecursionError):
        return [_json_or_text(each) for each in text.split(",") if each.strip()]


def _json_or_text(text: str) -> Json:
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text.strip()


def _tolerance(text: str) -> float:
    try:
        return float(text or "0")
    except ValueError:
        # Below 0 is what no tolerance can be.
        return -1.0
