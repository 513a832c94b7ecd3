"""One chart of the Metrics page: its heading, what is wrong with its source, and the figure to drag over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from services.errors import SluiceError
from services.metrics import length
from services.model import Window
from ui import words
from ui.journal import journal_lines
from ui.journal.journal_lines import Line
from ui.metrics import chart_downloads, drawn
from ui.metrics.controls import View

NOTHING = "No data in this time range. Send a request, or widen the range."
NOTHING_CAME = "No data came."
"""In place of NOTHING beside a note that some may exist."""


@dataclass(frozen=True)
class Frame:
    """What all charts of one page share. ``names`` are the deployments, whose order decides their colours."""

    view: View
    lines: Sequence[Line]
    endpoint: str
    time: Window
    names: Sequence[str]

    def of(self, *parts: object) -> str:
        """A short name for a chart of this page that is made of ``parts``: see :func:`drawn.of`."""
        view = self.view
        return drawn.of(self.endpoint, tuple(self.names), view.look, view.percentile, tuple(self.lines), *parts)


def draw(
    frame: Frame,
    heading: str,
    make: Callable[[], go.Figure],
    *,
    made_of: str,
    key: str,
    alt: str,
    rows: Callable[[], pd.DataFrame],
    problem: SluiceError | None = None,
    notes: Sequence[str] = (),
    nothing: str = "",
) -> None:
    """Draw one chart; ``problem`` stands in its place, ``notes`` stand beside it, and the other charts stay.

    ``make`` is asked for the figure only when ``made_of`` (see :meth:`Frame.of`) was not drawn before. ``rows`` are the
    numbers that the chart draws, complete: they are what its CSV has.
    """
    view = frame.view
    shown = f"{key}-{view.zooms}" if view.zooms else key
    head = st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"chart_head_{key}")
    head.header(heading, anchor=False)
    if problem is not None:
        st.html(f'<p class="note source-note" role="status">{escape(failure(problem))}</p>')
        return
    for note in notes:
        st.html(f'<p class="note source-note" role="status">{escape(note)}</p>')

    def lined() -> go.Figure:
        figure = make()
        if figure.data:
            journal_lines.draw(figure, frame.lines, view.look.zone, is_dark=view.look.is_dark)
        return figure

    is_filled, has_rows = drawn.chart(made_of, lined, rows, key=shown, alt=alt)
    if not is_filled:
        st.html(f'<p class="lead">{escape(nothing or (NOTHING_CAME if notes else NOTHING))}</p>')
        return
    with head:
        chart_downloads.show(
            rows if has_rows else None,
            drawn=shown,
            key=key,
            heading=heading,
            endpoint=frame.endpoint,
            time=frame.time,
            look=view.look,
        )


def failure(error: SluiceError) -> str:
    """A failure in the words of a chart: what, why, what next, and the request id."""
    request = f" Request id {error.request_id}." if error.request_id else ""
    return f"{error.what} {error.why} {error.next_step}{request}"


def before_words(window: Window) -> str:
    """What the overlaid lines are."""
    span = words.elapsed(length(window).total_seconds()).replace(" 0 s", "").replace(" 0 min", "").replace(" 0 h", "")
    return f"Thin dotted lines marked “before” are the {span} before, moved onto this time."
