"""JSON Schema on an answer: nothing is fetched from the network, and the work has a limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias

from jsonschema import SchemaError, ValidationError, validators
from jsonschema.exceptions import UnknownType, best_match
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from services.expectations.budget import CURRENT, Budget
from services.expectations.patterns import PatternRefused, compiled

Json: TypeAlias = Any
LARGEST = 64 * 1024
"""Characters of a schema as JSON."""
_RULE_STEPS = 3
"""What one rule on one value costs, beside a place that a path looks at."""
_INSIDE = 4
"""Members of a rule or of a value that a rule looks through in the time of one step."""
_MOST_ERRORS = 100
"""The one to be named is chosen from the first so many."""
_LONGEST_UNIQUE = 2000
"""Items that ``uniqueItems`` compares: each with each when they are objects."""


class SchemaRefused(ValueError):
    """A schema that cannot be used. The text is a sentence."""


def check(schema: Json) -> None:
    """Raise SchemaRefused when ``schema`` cannot be used."""
    if not isinstance(schema, dict | bool):
        raise SchemaRefused("The schema is neither an object nor true or false.")
    try:
        text = json.dumps(schema)
    except RecursionError:
        raise SchemaRefused("The schema is nested too deeply.") from None
    if len(text) > LARGEST:
        raise SchemaRefused(f"The schema is larger than {LARGEST // 1024} KB.")
    _check(text)


@lru_cache(maxsize=64)
def _check(text: str) -> None:
    schema = json.loads(text)
    try:
        # Formats are not looked at: regular expressions are read by RE2, not by Python.
        kind: Any = _kind(schema)
        kind.check_schema(schema, format_checker=None)
    except SchemaError as error:
        raise SchemaRefused(f"The schema is not right at {error.json_path}: {_short(error.message)}.") from None
    except RecursionError:
        raise SchemaRefused("The schema is nested too deeply.") from None
    _check_patterns(schema)


def first_problem(schema: Json, value: Json, budget: Budget) -> str:
    """Where ``value`` breaks ``schema`` and how, "" when it keeps to it. Raises SchemaRefused, TooMuch."""
    check(schema)
    before = CURRENT.set(budget)
    try:
        errors = _bounded(_kind(schema))(schema, registry=Registry()).iter_errors(value)
        found = best_match(islice(errors, _MOST_ERRORS))
    except Unresolvable as error:
        why = f"The schema refers to {error.ref}, which is not inside it. Nothing is fetched from the network."
        raise SchemaRefused(why) from None
    except RecursionError:
        raise SchemaRefused(
            "The schema or the answer is nested too deeply, or refers to itself without an end."
        ) from None
    except (UnknownType, TypeError, AttributeError, ValueError, ArithmeticError):
        # The library looks for neither, and fails.
        why = "it refers to something that is no schema, or to compute with a number failed"
        raise SchemaRefused(f"The schema cannot be held against this answer: {why}.") from None
    finally:
        CURRENT.reset(before)
    return "" if found is None else f"at {found.json_path}: {_short(found.message)}"


def _kind(schema: Json) -> type[Validator]:
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        raise SchemaRefused("The schema is not right at $['$schema']: it is no text.")
    found: type[Validator] = validators.validator_for(schema, default=validators.Draft202012Validator)
    return found


_Rule: TypeAlias = Callable[[Any, Json, Json, Json], Iterator[ValidationError] | None]


def _bounded(kind: Any) -> Any:  # noqa: ANN401 - jsonschema's classes are made at run time
    rules = {name: _counted(rule) for name, rule in kind.VALIDATORS.items()}
    extend: Callable[..., Any] = validators.extend
    return extend(kind, {**rules, "pattern": _pattern, "uniqueItems": _counted(_unique(kind))})


def _counted(rule: _Rule) -> _Rule:
    def judged(validator: Any, value: Json, instance: Json, schema: Json) -> Iterator[ValidationError]:  # noqa: ANN401
        budget = CURRENT.get()
        budget.spend(_RULE_STEPS + (_size(value) + _size(instance)) // _INSIDE)
        for error in rule(validator, value, instance, schema) or ():
            # The library has written the value into the words, unless the error comes from a rule further inside.
            budget.weigh(None if isinstance(error.validator, str) else instance)
            yield error

    return judged


def _size(value: Json) -> int:
    return len(value) if isinstance(value, dict | list) else 0


def _pattern(validator: Any, value: str, instance: Json, _schema: Json) -> Iterator[ValidationError]:  # noqa: ANN401
    if validator.is_type(instance, "string") and not compiled(value).search(instance, CURRENT.get()):
        yield ValidationError(f"{_short(repr(instance))} does not fit {value}")


def _unique(kind: Any) -> _Rule:  # noqa: ANN401
    def judged(validator: Any, value: Json, instance: Json, schema: Json) -> Iterator[ValidationError] | None:  # noqa: ANN401
        if value and isinstance(instance, list) and len(instance) > _LONGEST_UNIQUE:
            raise SchemaRefused(f"uniqueItems is not looked at in lists of more than {_LONGEST_UNIQUE:,} items.")
        found: Iterator[ValidationError] | None = kind.VALIDATORS["uniqueItems"](validator, value, instance, schema)
        return found

    return judged


def _check_patterns(schema: Json) -> None:
    """Refuse regular expressions that are not known here, wherever in the schema they stand."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            if "patternProperties" in each and isinstance(each["patternProperties"], Mapping):
                # The library would match its names by expressions that may take for ever.
                raise SchemaRefused("The schema uses patternProperties, which is not known here. Name the properties.")
            _check_pattern(each.get("pattern"))
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _check_pattern(pattern: Json) -> None:
    if not isinstance(pattern, str):
        return
    try:
        compiled(pattern)
    except PatternRefused as error:
        raise SchemaRefused(_short(f"The pattern {pattern} cannot be used: {error}") + ".") from None


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
