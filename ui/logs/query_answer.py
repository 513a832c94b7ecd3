"""What a query answered: a table, and a chart where its columns make one."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, datetime
from html import escape
from typing import Any

import streamlit as st

from services.azure.log_analytics import Rows
from services.logs.queries import MOST_ROWS, Answer
from services.model import Endpoint
from ui import charts, words
from ui.components.chart_files import chart_files
from ui.components.table import Cell, Column, Row, table
from ui.logs import query_chart

MOST_SHOWN = 500
"""Rows in the table; the download has all that were brought."""
LONGEST_CELL = 300
"""Characters of a text in the table."""
_NUMBERS = ("int", "long", "real", "decimal")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_TABLE, _CHART = "Table", "Chart"


def show(endpoint: Endpoint, answer: Answer) -> None:
    """Draw it, and say what is missing in it."""
    found = answer.found
    if found.partial:
        st.html(f'<p class="note">Only a part of the answer came: {escape(found.partial)}.</p>')
    if not found.rows:
        st.html('<p class="lead">The query ran and found no row.</p>')
        return
    drawn = query_chart.draw(found, is_dark=st.context.theme.type == "dark")
    with st.container(horizontal=True, vertical_alignment="center", key="query_shown"):
        shown = _TABLE
        if drawn is not None:
            shown = str(
                st.segmented_control(
                    "Show as",
                    [_TABLE, _CHART],
                    key="query_as",
                    default=_TABLE,
                    required=True,
                    label_visibility="collapsed",
                )
            )
        st.download_button(
            "CSV", lambda: to_csv(found), "sluice-query.csv", "text/csv", icon=":material/download:", on_click="ignore"
        )
        if drawn is not None and shown == _CHART:
            chart_files("query_chart", name=f"{endpoint.name}-query", title=f"Query on {endpoint.name}")
        st.caption(f"{_count(answer)}, after {words.milliseconds(answer.seconds * 1000)}")
    if drawn is not None and shown == _CHART:
        st.plotly_chart(drawn.figure, key="query_chart", config=charts.CONFIG, theme=None)
        if drawn.left_out:
            st.caption(drawn.left_out)
        return
    table(
        f"What the query found on {endpoint.name}",
        [Column(column.name, number=column.kind in _NUMBERS) for column in found.columns],
        table_rows(found),
        key="query_table",
    )


def table_rows(found: Rows) -> list[Row]:
    """The first rows as the table shows them. Pure."""
    return [
        Row(str(number), tuple(_cell(value) for value in row)) for number, row in enumerate(found.rows[:MOST_SHOWN])
    ]


def to_csv(found: Rows) -> bytes:
    """All rows with a header, moments in ISO 8601.

    A text that a spreadsheet would run as a formula is led by an apostrophe, as OWASP advises against CSV injection.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_harmless(column.name) for column in found.columns])
    for row in found.rows:
        writer.writerow([_harmless(_text(value)) if isinstance(value, str) else _text(value) for value in row])
    return out.getvalue().encode()


def _count(answer: Answer) -> str:
    brought = len(answer.found.rows)
    said = f"The first {MOST_ROWS:,} rows; there are more" if answer.is_cut else words.count(brought, "row")
    return f"{said}; the first {MOST_SHOWN:,} are shown" if brought > MOST_SHOWN else said


def _cell(value: Any) -> Cell:  # noqa: ANN401 - a cell of any type
    if value is None or value == "":
        return Cell("null" if value is None else "empty", muted=True)
    text = _text(value)
    if isinstance(value, datetime):
        return Cell(text, sort=value.timestamp())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(text, sort=float(value) if math.isfinite(value) else None)
    return Cell(text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…", title=text if len(text) > 60 else "")


def _text(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"
    if isinstance(value, float):
        # As many digits as a person writes; 17 would show how computers round.
        return f"{value:.15g}"
    return str(value)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text
