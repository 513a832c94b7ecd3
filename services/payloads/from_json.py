"""Payloads out of JSON: what Sluice exports, one body, an array of bodies, or one body per line (JSON Lines)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from services.payloads.document import Json, body_of, payload_of
from services.payloads.exporting import FORMAT, VERSION
from services.payloads.imported import Imported, Problem, refused
from services.payloads.payload import Payload
from services.payloads.redaction import is_secret
from services.scoring.json_check import check_json
from services.scoring.request import LONGEST_TIMEOUT_SECONDS, SHORTEST_TIMEOUT_SECONDS

MOST_ROWS = 1000
"""Payloads of one import."""
_LONGEST_INTEGER = 4300
_SPACE = re.compile(r"[ \t\r\n]*")


def from_json(text: str, name: str = "Imported") -> Imported:
    """Payloads of a JSON text. An array of objects or arrays is taken as one body per item, as it
    is written; anything else that is no export as one body."""
    problem = check_json(text)
    if problem is not None:
        return refused(problem.message, f"line {problem.line}, column {problem.column}")
    # Only the form of a body matters here, and numbers that stay text are read several times as fast.
    document = json.loads(text, parse_int=str, parse_float=str)
    if isinstance(document, Mapping) and document.get("format") == FORMAT:
        return _exported(json.loads(text, parse_int=_whole_number))
    is_many = isinstance(document, list) and all(isinstance(item, list | Mapping) for item in document)
    if not (is_many and document):
        return Imported((Payload("", name, text.strip().encode(errors="replace")),))
    bodies = list(islice(_items(text), MOST_ROWS))
    found = _numbered([(f"item {number}", body) for number, body in enumerate(bodies, 1)], len(document), name, [])
    note = f"The array was taken as {len(document)} bodies. Each is sent by itself."
    return replace(found, notes=(note,))


def from_jsonl(text: str, name: str = "Imported") -> Imported:
    """One payload per line that is not empty; lines that are no JSON are named."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        return refused("There is no line in it.")
    found: list[tuple[str, bytes]] = []
    problems = []
    for number, line in lines[:MOST_ROWS]:
        problem = check_json(line)
        if problem is None:
            found.append((f"line {number}", line.encode(errors="replace")))
        else:
            problems.append(Problem(f"line {number}, column {problem.column}", problem.message))
    return _numbered(found, len(lines), name, problems)


def _items(text: str) -> Iterator[bytes]:
    """The items of an array that is known to be JSON, each as it is written."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    place = text.index("[") + 1
    while True:
        place = _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing, too
        _, end = decoder.raw_decode(text, place)
        yield text[place:end].encode(errors="replace")
        place = _SPACE.match(text, end).end() + 1  # type: ignore[union-attr]  # as above
        if text[place - 1] == "]":
            return


def _whole_number(digits: str) -> int | float:
    # Python refuses to read longer ones.
    return int(digits) if len(digits) < _LONGEST_INTEGER else float(digits)


def _numbered(bodies: Sequence[tuple[str, bytes]], count: int, name: str, problems: Sequence[Problem]) -> Imported:
    payloads = tuple(Payload("", f"{name} {where.split()[-1]}", body) for where, body in bodies)
    found = list(problems)
    if count > MOST_ROWS:
        found.append(Problem("", f"Only the first {MOST_ROWS} of {count} were read."))
    return Imported(payloads, tuple(found))


def _exported(document: Mapping[str, Json]) -> Imported:
    if document.get("version") != VERSION:
        return refused("The file was written by a newer version of Sluice.")
    listed = document.get("payloads")
    if not isinstance(listed, list):
        return refused("The file has no list of payloads.")
    payloads, problems = [], []
    for number, each in enumerate(listed[:MOST_ROWS], 1):
        try:
            payloads.append(_payload(each))
        except ValueError as error:
            problems.append(Problem(f"payload {number}", str(error)))
    if len(listed) > MOST_ROWS:
        problems.append(Problem("", f"Only the first {MOST_ROWS} of {len(listed)} were read."))
    return Imported(tuple(payloads), tuple(problems), variables=_variables(document))


def _payload(document: Json) -> Payload:
    if not isinstance(document, Mapping):
        raise ValueError("It is no JSON object.")
    payload = payload_of(document, body_of(document))
    shortest, longest = SHORTEST_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS
    if not shortest <= payload.timeout_seconds <= longest:
        raise ValueError(f"timeout_seconds must be between {shortest:g} and {longest:g}.")
    return payload


def _variables(document: Mapping[str, Json]) -> dict[str, str]:
    given = document.get("variables")
    if not isinstance(given, Mapping):
        return {}
    return {name: value for name, value in given.items() if isinstance(value, str) and not is_secret(name, value)}
