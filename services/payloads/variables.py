"""Variables in payloads: ``{{city}}`` stands for a value of the endpoint, ``{{$uuid}}`` for one made when it is sent.

Made anew at every place and every sending: ``{{$uuid}}`` a random UUID, ``{{$now}}`` the moment in UTC (ISO 8601),
``{{$random}}`` a whole number from 0 to 999999. Values are put in as they stand and not looked through again, so that a
value may hold braces itself. Inside a JSON string they are escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import AnyStr
from uuid import UUID

from services.errors import RuleBroken
from services.scoring.request import ScoringRequest

NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}", re.ASCII)
"""How a variable may be called."""
MADE = ("$uuid", "$now", "$random")
"""What is made when a request is sent."""
_PLACE = re.compile(r"\{\{[ \t]*(\$?[A-Za-z_][\w.-]{0,63})[ \t]*\}\}", re.ASCII)
_STRING_OR_PLACE = re.compile(rf'"(?:[^"\\]|\\.)*+"|{_PLACE.pattern}', re.ASCII | re.DOTALL)
_LARGEST_RANDOM = 999_999


def fill(
    text: AnyStr, values: Mapping[str, str], *, now: datetime, rng: Random, is_json: bool = False, where: str = ""
) -> AnyStr:
    """``text`` with every variable replaced. Bytes that are no UTF-8 come back as they are.

    ``is_json`` escapes a value where it stands inside a JSON string. Raises RuleBroken for a variable that has no
    value; it names the variable, and its line unless ``where`` says in words where the text stands.
    """
    if isinstance(text, str):
        return _fill(text, values, now, rng, is_json, where)
    if b"{{" not in text:
        return text
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return text
    return _fill(decoded, values, now, rng, is_json, where).encode()


def filled(request: ScoringRequest, values: Mapping[str, str], *, now: datetime, rng: Random) -> ScoringRequest:
    """What is really sent: the body and the values of the headers, with their variables put in. Raises RuleBroken."""
    is_json = "json" in request.content_type.lower()
    headers = tuple(
        (name, fill(value, values, now=now, rng=rng, where=f"The header {name}")) for name, value in request.headers
    )
    return replace(request, body=fill(request.body, values, now=now, rng=rng, is_json=is_json), headers=headers)


def names_in(text: str | bytes) -> tuple[str, ...]:
    """The variables that occur in ``text``, each once, in the order in which they come."""
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            return ()
    return tuple(dict.fromkeys(found[1] for found in _PLACE.finditer(text)))


def _fill(text: str, values: Mapping[str, str], now: datetime, rng: Random, is_json: bool, where: str) -> str:
    if "{{" not in text:
        return text

    def value_at(found: re.Match[str], start: int) -> str:
        def place() -> str:
            return where or f"Line {text.count(chr(10), 0, start + found.start()) + 1}"

        return _value(found[1], values, now, rng, place)

    if not is_json:
        return _PLACE.sub(lambda found: value_at(found, 0), text)

    def json_part(part: re.Match[str]) -> str:
        if part[0].startswith("{"):
            return value_at(part, 0)
        return _PLACE.sub(lambda found: _escaped(value_at(found, part.start())), part[0])

    return _STRING_OR_PLACE.sub(json_part, text)


def _escaped(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _value(name: str, values: Mapping[str, str], now: datetime, rng: Random, place: Callable[[], str]) -> str:
    if name in values:
        return values[name]
    if name == "$uuid":
        return str(UUID(int=rng.getrandbits(128), version=4))
    if name == "$now":
        return now.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if name == "$random":
        return str(rng.randint(0, _LARGEST_RANDOM))
    known = ", ".join(f"{{{{{made}}}}}" for made in MADE)
    step = f"Use one of {known}." if name.startswith("$") else "Give it a value under Payloads, Variables."
    raise RuleBroken("The request was not sent.", f"{place()} uses {{{{{name}}}}}, which has no value.", step)
