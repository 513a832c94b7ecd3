"""What an import has found, as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from services.payloads.payload import Payload
from ui import words
from ui.components.table import Cell, Column, Row, table
from ui.test.answer.body_text import text_of
from ui.test.payloads.payload_rows import expects, size

MOST_LETTERS = 90
_COLUMNS = (Column("Name", wraps=True), Column("Body", wraps=True), Column("Size", number=True), Column("Expects"))


def show(found: Sequence[Payload], names: Sequence[str]) -> None:
    """Draw the payloads that would be added. ``names`` are those that the library holds already."""
    taken = {each.casefold() for each in names}
    table(
        f"Found, {words.count(len(found), 'payload')}",
        _COLUMNS,
        [row(f"{number}", each, is_taken=each.name.casefold() in taken) for number, each in enumerate(found)],
        key="import_found_table",
    )


def row(number: str, payload: Payload, *, is_taken: bool) -> Row:
    """One payload that was found. Pure."""
    text = text_of(payload.body)
    start = " ".join(text[: MOST_LETTERS * 3].split()) if text is not None else ""
    if text is not None and len(start) > MOST_LETTERS:
        start = f"{start[:MOST_LETTERS]} …"
    return Row(
        number,
        (
            Cell(payload.name, note="This name is taken: it gets a number." if is_taken else ""),
            Cell(start, code=True) if text is not None else Cell("binary", muted=True),
            Cell(size(len(payload.body)), sort=len(payload.body)),
            Cell(expects(payload), muted=expects(payload) == "nothing"),
        ),
    )


def columns_of(body: bytes) -> tuple[str, ...]:
    """The columns that a body names, as MLflow's ``split`` or as records; () when it names none. Pure."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    inner = document.get("input_data", document.get("data")) if isinstance(document, dict) else document
    named = inner.get("columns") if isinstance(inner, dict) else None
    if named is None and isinstance(inner, list) and inner and isinstance(inner[0], dict):
        named = list(inner[0])
    if not isinstance(named, list):
        return ()
    return tuple(str(each) for each in named)
