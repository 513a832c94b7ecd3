"""The Metrics page, from the readings to the charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.journal.entry import CHANGE
from services.metrics import TRAFFIC, DeploymentMetrics, EndpointMetrics
from services.model import Deployment, Endpoint
from ui import context, problem, readers, words
from ui.journal import entry_words, journal_lines
from ui.journal.journal_lines import Line
from ui.metrics import (
    chart,
    drawn,
    gestures,
    group_charts,
    key_table,
    outcome_chart,
    scalings,
    settling,
    traffic_charts,
)
from ui.metrics.chart import Frame
from ui.metrics.controls import View

MOST_CHANGES = 500
"""How many changes are looked at for the lines on the charts; the newest count."""


def show(endpoint: Endpoint, deployments: Sequence[Deployment], view: View) -> None:
    """Draw the key figures and the charts of the chosen group. Raises SluiceError."""
    gestures.listen(endpoint, view)
    data = readers.metrics(endpoint, view.span)
    names = [*(each.name for each in deployments), *data.gone]
    before = _before(endpoint, view)
    rows = drawn.value(
        drawn.of("key figures", data.reading, before.reading if before else None, names),
        partial(key_table.rows, data, before, names),
    )
    key_table.show(rows, data)
    if data.gone:
        st.html(f'<p class="hint">{escape(outcome_chart.gone_words(data))}</p>')
    lines = _changes(endpoint, data, view)
    frame = Frame(view, lines, endpoint.name, data.window, names)
    _clock_hint()
    st.html(f'<p class="hint">{escape(_settled_words(endpoint, data, view))} {_line_words(data, view, lines)}</p>')
    overlaid = before if view.with_before else None
    if view.group == TRAFFIC:
        traffic_charts.show(frame, endpoint, data, overlaid)
    group_charts.show(frame, endpoint, deployments, data, overlaid)


def _clock_hint() -> None:
    """Say when this machine's clock is wrong: every other time on the page would seem to be."""
    said = settling.clock_words(context.connection().clock.ahead_seconds)
    if said:
        st.html(f'<p class="hint"><b>{escape(said)}</b></p>')


def _before(endpoint: Endpoint, view: View) -> EndpointMetrics | None:
    """The period before. Without it the page has no changes, and says why; also where only a part of it was read."""
    try:
        before = readers.metrics(endpoint, view.span, is_before=True)
    except SluiceError as error:
        words_of = chart.failure(error)
        st.html(f'<p class="hint">There is nothing to compare with: {escape(words_of)}</p>')
        return None
    missing = [*before.latency_notes, *before.requests_notes, *before.outcomes.notes]
    problems = (before.latency_problem, before.requests_problem, before.outcomes.problem)
    missing += [chart.failure(each) for each in problems if each is not None]
    if missing:
        said = " ".join(dict.fromkeys(missing))
        st.html(f'<p class="hint" role="status">The period before was not read whole. {escape(said)}</p>')
    return before


def _changes(endpoint: Endpoint, data: DeploymentMetrics, view: View) -> tuple[Line, ...]:
    """The changes of the endpoint's split in the charts' time, as lines. A journal that fails is said, and none."""
    try:
        entries = context.journal().entries(
            endpoint_id=endpoint.id, since=data.window.start_at - timedelta(hours=1), limit=MOST_CHANGES
        )
    except SluiceError as error:
        problem.show(error, key="changes")
        return ()
    scaled = scalings.show(endpoint, view.span, data.window)
    clock = context.connection().clock
    moved = [
        replace(each, ended_at=entry_words.effective_at(each, clock)) if each.kind == CHANGE else each
        for each in entries
    ]
    return journal_lines.lines(moved, data.window, view.look.zone, scaled)


def _line_words(data: DeploymentMetrics, view: View, lines: Sequence[Line]) -> str:
    texts = ["Small figures are the change against the equally long period before."]
    if any(not each.is_scaling for each in lines):
        texts.append("Upright lines are changes of the split, dashed when made elsewhere.")
    if any(each.is_scaling for each in lines):
        texts.append("Dotted upright lines are autoscale.")
    if view.with_before:
        texts.append(chart.before_words(data.window))
    return " ".join([*texts, "Drag over a chart to look closer; click a point for its requests and log lines."])


def _settled_words(endpoint: Endpoint, data: DeploymentMetrics, view: View) -> str:
    grain = words.elapsed(data.window.grain_seconds).replace(" 0 s", "").replace(" 0 min", "")
    text = f"One point is {grain}. "
    newest = settling.newest_words(data, readers.metric_lag(endpoint), readers.azure_now(), view.look.zone)
    text += f"{newest} " if newest else ""
    text += "Gaps are minutes without data."
    if data.window.grain_seconds > 60:
        text += " At this grain Azure gives the mean of the minutes' percentiles, which is not a percentile itself."
    if not data.is_counted:
        text += (
            " Azure tells no totals here, and its mean rates leave out minutes without such requests: sparse traffic "
            "and rare errors look more frequent than they are. Up to 12 h the numbers are exact."
        )
    return text


def show_no_deployments(endpoint: Endpoint, view: View) -> None:
    """Draw what deployments did that were deleted since; where none did, say why there is nothing to draw.

    Raises SluiceError.
    """
    if readers.metrics(endpoint, view.span).gone:
        show(endpoint, (), view)
        return
    st.html(f'<p class="lead">{escape(endpoint.name)} has no deployment, so there is nothing to measure.</p>')
    st.page_link(
        context.ROOT / "pages" / "endpoints.py",
        label="See the endpoint",
        icon=":material/lan:",
        query_params={"endpoint": endpoint.name},
    )
