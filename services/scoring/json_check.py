"""Where a text stops being JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True)
class JsonProblem:
    """Where a text stops being JSON. Line and column count from 1."""

    line: int
    column: int
    message: str


def check_json(text: str) -> JsonProblem | None:
    """None when ``text`` is JSON, else the first problem. NaN and Infinity are no JSON, though Python reads them."""
    try:
        # Numbers stay text: Python refuses to read integers of more than 4300 digits, and nobody needs their values.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        if not text.strip():
            return JsonProblem(1, 1, "The body is empty.")
        return JsonProblem(error.lineno, error.colno, error.msg + ".")
    except _NotJson as error:
        before = text[: _position_of(str(error), text)]
        line = before.count("\n") + 1
        return JsonProblem(line, len(before) - (before.rfind("\n") + 1) + 1, f"{error} is not a JSON value.")
    except RecursionError:
        return JsonProblem(1, 1, "The body is nested too deeply.")
    return None


def says_json(content_type: str) -> bool:
    """Whether a body of this type has to be one JSON value; lines of JSON (application/x-ndjson) are more than one."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


class _NotJson(ValueError):
    pass


def _refuse_constant(name: str) -> NoReturn:
    raise _NotJson(name)


def _position_of(constant: str, text: str) -> int:
    """Where ``constant`` stands outside of strings."""
    found = (m.start() for m in re.finditer(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', text) if m[0] == constant)
    return next(found, 0)
