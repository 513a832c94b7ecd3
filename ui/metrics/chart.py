"""One chart of the Metrics page: its heading, what is wrong with its source, and the figure to drag over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from services.errors import SluiceError
from services.metrics import length
from services.model import Window
from ui import charts, words
from ui.journal import journal_lines
from ui.journal.journal_lines import Line
from ui.metrics import chart_downloads, controls
from ui.metrics.controls import View

NOTHING = "No data in this time range. Send a request, or widen the range."


@dataclass(frozen=True)
class Frame:
    """What all charts of one page share."""

    view: View
    lines: Sequence[Line]
    endpoint: str
    time: Window


def draw(
    frame: Frame,
    heading: str,
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    rows: pd.DataFrame | None = None,
    problem: SluiceError | None = None,
    notes: Sequence[str] = (),
    nothing: str = "",
) -> None:
    """Draw one chart; ``problem`` stands in its place, ``notes`` stand beside it, and the other charts stay.

    ``rows`` are the numbers that the chart draws, complete: they are what its CSV has.
    """
    look = frame.view.look
    drawn = f"{key}-{frame.view.zooms}" if frame.view.zooms else key
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"chart_head_{key}"):
        st.header(heading, anchor=False)
        if problem is None and figure.data:
            chart_downloads.show(
                rows,
                drawn=drawn,
                key=key,
                heading=heading,
                endpoint=frame.endpoint,
                time=frame.time,
                look=look,
            )
    if problem is not None:
        st.html(f'<p class="note source-note" role="status">{escape(failure(problem))}</p>')
        return
    for note in notes:
        st.html(f'<p class="note source-note" role="status">{escape(note)}</p>')
    if not figure.data:
        st.html(f'<p class="lead">{escape(nothing or NOTHING)}</p>')
        return
    journal_lines.draw(figure, frame.lines, look.zone, is_dark=look.is_dark)
    figure.update_layout(dragmode="select", selectdirection="h")
    st.plotly_chart(
        figure,
        key=drawn,
        config=charts.CONFIG,
        alt=alt,
        on_select=partial(controls.narrow, drawn, look.zone),
        selection_mode="box",
    )


def failure(error: SluiceError) -> str:
    """A failure in the words of a chart: what, why, what next, and the request id."""
    request = f" Request id {error.request_id}." if error.request_id else ""
    return f"{error.what} {error.why} {error.next_step}{request}"


def before_words(window: Window) -> str:
    """What the overlaid lines are."""
    span = words.elapsed(length(window).total_seconds()).replace(" 0 s", "").replace(" 0 min", "").replace(" 0 h", "")
    return f"Thin dotted lines marked “before” are the {span} before, moved onto this time."
