"""The history as the rows of a table. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from services.payloads.exchange import Exchange
from ui import words
from ui.components.table import Cell, Column, Row
from ui.journal.entry_words import when
from ui.test.payloads.payload_rows import size
from ui.test.send.draft import SPLIT

COLUMNS = (
    Column("Sent"),
    Column("Status"),
    Column("Answered by"),
    Column("Total", number=True, csv="Total, ms"),
    Column("Sent to"),
    Column("Payload", wraps=True),
    Column("Request", number=True, csv="Request, bytes", help="The size of the body that was sent."),
    Column("Answer", number=True, csv="Answer, bytes"),
    Column("By"),
)
NARROW = 4
"""The first so many columns are shown beside an open request."""
NO_ANSWER = "no answer"


def row(exchange: Exchange, palette: Mapping[str, str], *, is_narrow: bool = False) -> Row:
    """One request. ``palette`` gives deployments their colours."""
    total = exchange.timing.total_ms if exchange.timing else None
    answered = exchange.deployment if exchange.status is not None else None
    cells = (
        Cell(when(exchange.at), sort=exchange.at.timestamp(), title=exchange.id),
        status_cell(exchange),
        Cell(answered or "not said", muted=not answered, colour=palette.get(answered or "", "")),
        Cell(words.milliseconds(total), sort=total, csv="" if total is None else f"{total:.3f}"),
        Cell(target(exchange)),
        Cell(exchange.payload or "typed", muted=not exchange.payload, title=exchange.payload),
        Cell(size(exchange.request_size), sort=exchange.request_size),
        _answer_size(exchange),
        Cell(exchange.person or "unknown", muted=not exchange.person),
    )
    return Row(exchange.id, cells[:NARROW] if is_narrow else cells)


def status_cell(exchange: Exchange) -> Cell:
    """The status, or that there was no answer; the mark beside it says whether that is good."""
    if exchange.status is None:
        return Cell(NO_ANSWER, sort=0, tone="bad", title=exchange.failure)
    is_good = 200 <= exchange.status < 300
    return Cell(f"{exchange.status}", sort=exchange.status, tone="good" if is_good else "bad")


def target(exchange: Exchange) -> str:
    """Where it was sent to."""
    return exchange.request.deployment or SPLIT


def title(exchange: Exchange) -> str:
    """A request in a few words: ``2026-03-01 14:05:09 UTC, 200``."""
    return f"{when(exchange.at)}, {exchange.status if exchange.status is not None else NO_ANSWER}"


def _answer_size(exchange: Exchange) -> Cell:
    if exchange.status is None:
        return Cell(words.NO_DATA, muted=True)
    return Cell(size(exchange.answer_size), sort=exchange.answer_size)
