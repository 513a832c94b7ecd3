"""The library as the rows of a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from services.payloads.payload import Payload
from ui import words
from ui.components.table import Cell, Column, Filter, Row

COLUMNS = (
    Column("Name", wraps=True),
    Column("Tags", wraps=True),
    Column("Expects", help="What is expected of the answer, if anything.", wraps=True),
    Column("Body", number=True, help="The size of the body, its variables not yet filled in.", csv="Body, bytes"),
    Column("Changed"),
)
NARROW = 3
"""The first so many columns are shown beside an open payload."""


def row(payload: Payload, *, is_narrow: bool = False) -> Row:
    """One payload. Its tags are what filters ask for."""
    changed = payload.changed_at
    cells = (
        Cell(payload.name, sort=payload.name.lower(), title=payload.name),
        Cell(", ".join(payload.tags) or "none", muted=not payload.tags),
        Cell(expects(payload), muted=not is_judged(payload)),
        Cell(size(len(payload.body)), sort=len(payload.body)),
        Cell(words.moment(changed), sort=changed.astimezone(UTC).isoformat() if changed else None),
    )
    return Row(
        payload.id,
        cells[:NARROW] if is_narrow else cells,
        marks=payload.tags,
        also=payload.content_type,
    )


def tag_filters(payloads: Sequence[Payload]) -> tuple[Filter, ...]:
    """One chip for each tag that is in use."""
    return tuple(Filter(each, each) for each in sorted({tag for payload in payloads for tag in payload.tags}))


def is_judged(payload: Payload) -> bool:
    """Whether an answer to ``payload`` can be right or wrong."""
    return bool(payload.expectations or payload.expected_answer)


def expects(payload: Payload) -> str:
    """What is expected in a few words: ``3 expectations``, ``an answer``, ``nothing``."""
    said = [words.count(len(payload.expectations), "expectation")] if payload.expectations else []
    if payload.expected_answer:
        said.append("an answer")
    return " and ".join(said) or "nothing"


def size(count: int) -> str:
    """A number of bytes: ``812 B``, ``14.2 kB``, ``20 MB``."""
    for unit, length in (("MB", 1_000_000), ("kB", 1000)):
        if count >= length:
            value = count / length
            return f"{value:.0f} {unit}" if value >= 99.5 else f"{value:.1f} {unit}"
    return f"{count} B"
