"""What is wrong with single values, and what ``az ml`` makes of them without a word. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from services.azure.cloud import Json
from services.deploying.model import Level
from services.deploying.schema_fields import Field, Sort

_SWITCHES = {"t", "true", "on", "y", "yes", "1", "f", "false", "off", "n", "no", "0"}
"""What marshmallow takes for true and false."""
_WORD = re.compile(r"(.)([A-Z][a-z]+)")
_CAPITAL = re.compile(r"([a-z0-9])([A-Z])")


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a value. ``what`` goes on after the field's name: "is too small."."""

    level: Level
    code: str
    what: str
    why: str
    fix: str


def problems(value: Json, each: Field) -> Iterator[Wrong]:
    """What is wrong with the value of a field that takes no mapping and no list."""
    if each.sort is Sort.TEXT:
        if not isinstance(value, str):
            yield _type(value, each.sort)
    elif each.sort is Sort.VERSION:
        yield from _version(value)
    elif each.sort is Sort.CHOICE:
        yield from _choice(value, each)
    elif each.sort is Sort.SWITCH:
        if not isinstance(value, bool) and str(value).lower() not in _SWITCHES:
            yield _type(value, each.sort)
    else:
        yield from _number(value, each)


def word_problems(name: Json, value: Json) -> Iterator[Wrong]:
    """What is wrong with a tag or an environment variable: all of them become texts."""
    if not isinstance(name, str):
        why = f"YAML reads the name {name} as {sort_of(name)}."
        yield Wrong(Level.WARNING, "name-not-text", "has a name that is no text.", why, f'Write "{name}" in quotes.')
    if isinstance(value, dict | list):
        why = f"It is {sort_of(value)}."
        yield Wrong(Level.ERROR, "field-type", "takes a text.", why, "Write JSON in single quotes, if that is meant.")
    elif value is None:
        fix = 'Write "" for an empty text, or remove the line.'
        yield Wrong(Level.WARNING, "value-not-text", "has no value.", "It is sent as null, not as an empty text.", fix)
    elif not isinstance(value, str):
        # A whole number can only become one text; true, 1.10 and a date may come back written in another way.
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        why = "Azure keeps texts here, and az ml sends what YAML reads."
        fix = f'Write "{_as_written(value)}" in quotes.'
        what = f"is sent as {sort_of(value)}, not as a text."
        yield Wrong(Level.NOTE if is_whole else Level.WARNING, "value-not-text", what, why, fix)


def share_problems(name: Json, value: Json) -> Iterator[Wrong]:
    """What is wrong with one deployment's percentage."""
    if not isinstance(name, str):
        why = f"YAML reads the name {name} as {sort_of(name)}."
        yield Wrong(Level.ERROR, "name-not-text", "has a name that is no text.", why, f'Write "{name}" in quotes.')
    yield from problems(value, Field(Sort.WHOLE, lowest=0, highest=100))


def sort_of(value: Json) -> str:
    """What a value is, for a person."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, date):
        return "a date"
    if isinstance(value, dict | list):
        return "fields" if isinstance(value, dict) else "a list"
    return "a text" if isinstance(value, str) else "something else"


def _number(value: Json, each: Field) -> Iterator[Wrong]:
    number = _read_number(value)
    if number is None:
        yield _type(value, each.sort)
        return
    if each.sort is Sort.WHOLE and number != int(number):
        if isinstance(value, str):
            yield _type(value, each.sort)
            return
        why = "Only whole numbers count here, and the rest is cut off without a word."
        yield Wrong(Level.WARNING, "value-changed", f"becomes {int(number)}.", why, "Write a whole number.")
    if each.lowest is not None and number < each.lowest:
        why = f"It is {value}, and the least is {each.lowest:,.0f}."
        yield Wrong(Level.ERROR, "value-too-small", "is too small.", why, f"Write {each.lowest:.0f} or more.")
    elif each.highest is not None and number > each.highest:
        why = f"It is {value}, and the most is {each.highest:,.0f}."
        yield Wrong(Level.ERROR, "value-too-large", "is too large.", why, f"Write {each.highest:.0f} or less.")
    elif each.warn_above is not None and number > each.warn_above:
        why = f"It is {value}. Azure's usual limit is {each.warn_above:,.0f}; it can be raised on request."
        yield Wrong(Level.WARNING, "value-large", "is above the usual limit.", why, "Write less, unless it was raised.")


def _read_number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number == number and abs(number) != float("inf") else None


def _choice(value: Json, each: Field) -> Iterator[Wrong]:
    if isinstance(value, str) and (_snake(value) if each.camel else value.lower()) in each.choices:
        return
    words = " or ".join([", ".join(each.choices[:-1]), each.choices[-1]]) if len(each.choices) > 1 else each.choices[0]
    if isinstance(value, bool) and str(value).lower() in each.choices:
        yield Wrong(Level.ERROR, "field-type", "has to be a text.", "YAML reads it as a switch.", f'Write "{value}".')
        return
    said = {True: "enabled", False: "disabled"}[value] if isinstance(value, bool) else str(value).lower()
    near = difflib.get_close_matches(said, each.choices, 1, 0.6)
    fix = f"Write {near[0]}." if near else f"Write {words}."
    yield Wrong(Level.ERROR, "value-not-allowed", f"cannot be “{str(value)[:60]}”.", f"It can be {words}.", fix)


def _snake(text: str) -> str:
    """SystemAssigned as system_assigned, by the rule of azure-ai-ml."""
    return _CAPITAL.sub(r"\1_\2", _WORD.sub(r"\1_\2", text)).lower()


def _version(value: Json) -> Iterator[Wrong]:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        yield _type(value, Sort.VERSION)
    elif isinstance(value, float):
        why = "YAML reads it as a number, and zeros at its end are lost."
        yield Wrong(Level.WARNING, "value-changed", f"becomes “{value}”.", why, "Write it in quotes.")


def _type(value: Json, wanted: Sort) -> Wrong:
    shown = (
        f"“{str(value)[:60]}” is {sort_of(value)}."
        if not isinstance(value, dict | list)
        else f"It is {sort_of(value)}."
    )
    is_plain = isinstance(value, bool | int | float | date)
    fix = f'Write "{value}" in quotes.' if wanted is Sort.TEXT and is_plain else f"Write {wanted.value}."
    percent = re.fullmatch(r"(\d+)\s*%", value.strip()) if isinstance(value, str) else None
    fix = f"Write {percent[1]}." if percent and wanted is Sort.WHOLE else fix
    return Wrong(Level.ERROR, "field-type", f"takes {wanted.value}.", shown, fix)


def _as_written(value: Json) -> str:
    """How most people write what YAML reads as this value."""
    return str(value).lower() if isinstance(value, bool) else str(value)
