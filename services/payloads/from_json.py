"""Payloads out of JSON: what Sluice exports, one body, an array of bodies, or one body per line (JSON Lines)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from services.payloads.document import Json, body_of, payload_of
from services.payloads.exporting import FORMAT, VERSION
from services.payloads.imported import Imported, Problem, refused
from services.payloads.payload import Payload
from services.payloads.redaction import is_secret
from services.scoring.json_check import check_json

MOST_ROWS = 1000
"""Payloads of one import."""


def from_json(text: str, name: str = "Imported") -> Imported:
    """Payloads of a JSON text. An array is taken as one body per item; anything else that is no export as one body."""
    problem = check_json(text)
    if problem is not None:
        return refused(problem.message, f"line {problem.line}, column {problem.column}")
    document = json.loads(text)
    if isinstance(document, Mapping) and document.get("format") == FORMAT:
        return _exported(document)
    if not isinstance(document, list):
        return Imported((Payload("", name, text.strip().encode()),))
    if not document:
        return refused("The array is empty.")
    bodies = (json.dumps(item, ensure_ascii=False, indent=2).encode(errors="replace") for item in document)
    return _numbered(((f"item {number}", body) for number, body in enumerate(bodies, 1)), len(document), name)


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
            found.append((f"line {number}", line.encode()))
        else:
            problems.append(Problem(f"line {number}, column {problem.column}", problem.message))
    return _numbered(iter(found), len(lines), name, problems)


def _numbered(
    bodies: Iterator[tuple[str, bytes]], count: int, name: str, problems: list[Problem] | None = None
) -> Imported:
    payloads = tuple(Payload("", f"{name} {where.split()[-1]}", body) for where, body in bodies)[:MOST_ROWS]
    found = list(problems or [])
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
    return payload_of(document, body_of(document))


def _variables(document: Mapping[str, Json]) -> dict[str, str]:
    given = document.get("variables")
    if not isinstance(given, Mapping):
        return {}
    return {name: value for name, value in given.items() if isinstance(value, str) and not is_secret(name, value)}
