"""A dense table of text, numbers and shares: real HTML, so that keyboards and screen readers can use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_table",
    css=(_HERE / "table.css").read_text(encoding="utf-8"),
    js=(_HERE / "table.js").read_text(encoding="utf-8"),
)
SEARCH_FROM_ROWS = 9
"""A table gets a search field from this many rows on: fewer are read faster than a search is typed."""


@dataclass(frozen=True)
class Column:
    """One column. ``number`` right-aligns it and sorts it largest first; ``help`` is shown on hover."""

    label: str
    number: bool = False
    help: str = ""


@dataclass(frozen=True)
class Share:
    """One part of a stacked bar."""

    name: str
    percent: int
    colour: str


@dataclass(frozen=True)
class Cell:
    """One cell. ``sort`` orders the column (None: not known, always last); ``tone`` is good, busy, bad or neutral."""

    text: str
    sort: float | str | None = None
    tone: str = ""
    colour: str = ""
    shares: tuple[Share, ...] = ()
    note: str = ""
    title: str = ""
    code: bool = False
    muted: bool = False
    strong: bool = False

    def to_json(self) -> dict[str, Any]:
        """The cell for the browser, without what is empty. The text itself orders a cell that names no order."""
        given = {name: value for name, value in asdict(self).items() if value not in ("", (), False)}
        if self.sort is None and not self.muted:
            given["sort"] = self.text
        return given


@dataclass(frozen=True)
class Row:
    """One row; ``id`` comes back when the row is opened."""

    id: str
    cells: tuple[Cell, ...]


def table(
    label: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    key: str,
    current: str | None = None,
    sortable: bool = True,
    compact: bool = False,
    on_open: Callable[[], None] | None = None,
) -> None:
    """Draw the table, as wide as the page or, ``compact``, as narrow as its cells.

    ``on_open`` makes rows open on click or Enter; read the row's id with :func:`read_opened`.
    """
    callbacks: dict[str, Any] = {"on_open_change": on_open} if on_open else {}
    _mount(
        key=key,
        data={
            "label": label,
            "columns": [asdict(column) for column in columns],
            "rows": [{"id": row.id, "cells": [cell.to_json() for cell in row.cells]} for row in rows],
            "current": current,
            "opens": on_open is not None,
            "compact": compact,
            "sortable": sortable and len(rows) > 1,
            "search": len(rows) >= SEARCH_FROM_ROWS,
        },
        **callbacks,
    )


def read_opened(key: str) -> str | None:
    """The id of the row that was just opened in the table ``key``, inside its ``on_open``."""
    value: Any = st.session_state.get(key)
    opened = value.get("open") if hasattr(value, "get") else None
    return str(opened) if opened else None
