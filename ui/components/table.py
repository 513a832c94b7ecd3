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
SCROLL_FROM_ROWS = 25
"""From this many rows on a table scrolls by itself, below a header that stays in sight."""


@dataclass(frozen=True)
class Column:
    """One column. ``number`` right-aligns it and sorts it largest first; ``help`` is shown on hover.

    ``wraps`` lets its texts go on in a second line where the table would be wider than the page.

    ``id`` names the column in a :class:`View`, and ``csv`` in a download, with the unit of its numbers; both default to
    the label.
    """

    label: str
    number: bool = False
    help: str = ""
    id: str = ""
    csv: str = ""
    wraps: bool = False


@dataclass(frozen=True)
class Share:
    """One part of a stacked bar."""

    name: str
    percent: int
    colour: str


@dataclass(frozen=True)
class Cell:
    """One cell. ``sort`` orders the column (None: not known, always last); ``tone`` is good, busy, bad or neutral.

    ``spark`` is a small line of past values beside the text, oldest first; None is a gap. ``csv`` is what a download
    says instead of the text.
    """

    text: str
    sort: float | str | None = None
    tone: str = ""
    colour: str = ""
    shares: tuple[Share, ...] = ()
    spark: tuple[float | None, ...] = ()
    note: str = ""
    title: str = ""
    csv: str = ""
    code: bool = False
    muted: bool = False
    strong: bool = False

    def to_json(self) -> dict[str, Any]:
        """The cell for the browser, without what is empty. The text itself orders a cell that names no order."""
        # Written out and not asdict(), which is slow: 500 rows are 6,000 cells on every rerun.
        given: dict[str, Any] = {"text": self.text}
        if self.sort is not None:
            given["sort"] = self.sort
        elif not self.muted:
            given["sort"] = self.text
        if self.shares:
            given["shares"] = [vars(share) for share in self.shares]
        if self.spark:
            given["spark"] = self.spark
        for name in ("tone", "colour", "note", "title", "csv", "code", "muted", "strong"):
            value = getattr(self, name)
            if value:
                given[name] = value
        return given


@dataclass(frozen=True)
class Row:
    """One row; ``id`` comes back when the row is opened.

    ``href`` makes its first cell a link, so that it can be opened in a tab of its own. ``marks`` are the ids of the
    filters that keep the row. ``also`` is searched and not shown.
    """

    id: str
    cells: tuple[Cell, ...]
    href: str = ""
    marks: tuple[str, ...] = ()
    also: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row for the browser."""
        given: dict[str, Any] = {"id": self.id, "cells": [cell.to_json() for cell in self.cells]}
        if self.href:
            given["href"] = self.href
        if self.marks:
            given["marks"] = self.marks
        if self.also:
            given["also"] = self.also
        return given


@dataclass(frozen=True)
class Filter:
    """A chip above the table that keeps the rows with its ``id`` among their marks. It counts them.

    ``is_known`` False says that nobody knows yet whether there are more.
    """

    id: str
    label: str
    help: str = ""
    is_known: bool = True


@dataclass(frozen=True)
class View:
    """What of a table is shown: the search, the filters that are on (any of them keeps a row), and the order.

    ``sort`` is a column's id, with a ``-`` before it for the largest first; "" is the order of the rows as given.
    """

    search: str = ""
    filters: tuple[str, ...] = ()
    sort: str = ""


def table(
    label: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    key: str,
    current: str | None = None,
    sortable: bool = True,
    searchable: bool = True,
    compact: bool = False,
    stacks: bool = False,
    filters: Sequence[Filter] = (),
    view: View | None = None,
    download: str = "",
    nothing: str = "",
    on_open: Callable[[], None] | None = None,
    on_view: Callable[[], None] | None = None,
) -> None:
    """Draw the table, as wide as the page or, ``compact``, as narrow as its cells. ``stacks`` puts the
    cells of a row below each other, with the columns' names, where the window is narrow: on a phone.

    ``on_open`` makes rows open on click or Enter; read the row's id with :func:`read_opened`. ``on_view`` is called
    when a person searches, filters or sorts; read what they want with :func:`read_view` and give it back as ``view``.
    ``searchable`` False leaves the search to the page, which shows only a part of the rows.
    ``download`` is the name of a CSV file that holds what the table shows. ``nothing`` is said when there are no rows.
    """
    draw(
        label,
        columns,
        [row.to_json() for row in rows],
        key=key,
        current=current,
        sortable=sortable,
        searchable=searchable,
        compact=compact,
        stacks=stacks,
        filters=filters,
        view=view,
        download=download,
        nothing=nothing,
        on_open=on_open,
        on_view=on_view,
    )


def draw(
    label: str,
    columns: Sequence[Column],
    rows: Sequence[dict[str, Any]],
    *,
    key: str,
    current: str | None = None,
    sortable: bool = True,
    searchable: bool = True,
    compact: bool = False,
    stacks: bool = False,
    filters: Sequence[Filter] = (),
    view: View | None = None,
    download: str = "",
    nothing: str = "",
    on_open: Callable[[], None] | None = None,
    on_view: Callable[[], None] | None = None,
) -> None:
    """Draw a :func:`table` of rows that are ready for the browser already: :meth:`Row.to_json`, perhaps remembered."""
    callbacks: dict[str, Any] = {}
    if on_open:
        callbacks["on_open_change"] = on_open
    if on_view:
        callbacks["on_view_change"] = on_view
    _mount(
        key=key,
        data={
            "label": label,
            "columns": [asdict(column) for column in columns],
            "rows": rows,
            "current": current,
            "opens": on_open is not None,
            "compact": compact,
            "stacks": stacks,
            "sortable": sortable and len(rows) > 1,
            "search": searchable and (len(rows) >= SEARCH_FROM_ROWS or bool(view and view.search)),
            "tall": len(rows) >= SCROLL_FROM_ROWS,
            "filters": [asdict(each) for each in filters],
            "view": asdict(view) if view else None,
            "tells": on_view is not None,
            "download": download,
            "nothing": nothing,
        },
        **callbacks,
    )


def read_opened(key: str) -> str | None:
    """The id of the row that was just opened in the table ``key``, inside its ``on_open``."""
    opened = _said(key, "open")
    return str(opened) if opened else None


def read_view(key: str) -> View | None:
    """What the person wants to see of the table ``key``, inside its ``on_view``."""
    wanted = _said(key, "view")
    if not isinstance(wanted, dict):
        return None
    filters = wanted.get("filters")
    return View(
        search=str(wanted.get("search") or ""),
        filters=tuple(str(each) for each in filters) if isinstance(filters, list) else (),
        sort=str(wanted.get("sort") or ""),
    )


def _said(key: str, name: str) -> Any:  # noqa: ANN401 - whatever the browser sent
    value: Any = st.session_state.get(key)
    return value.get(name) if hasattr(value, "get") else None
