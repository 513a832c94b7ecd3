"""How requests failed, by status and by what the model answered: a chart, and a table of every combination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from services.errors import SluiceError
from services.metrics import Combination, DeploymentMetrics, EndpointMetrics, failing, length, minutes_of
from services.metrics import outcomes as service_outcomes
from services.model import Endpoint, Window
from services.visibility.judging import ENDPOINT_METRICS, NOT_VISIBLE, VISIBLE
from services.visibility.memory import Memory
from ui import charts, colours, context, words
from ui.charts import Look
from ui.components.table import Cell, Column, Row, table
from ui.metrics import drawn, figures, panel_charts
from ui.metrics.chart import Frame, draw

MOST_DRAWN = 24
"""Combinations with bars of their own: more cannot be told apart. The rest is one more; the table has all."""
REFUSED = "no deployment"
"""Who answered a request that was refused before a deployment was chosen."""
_ALL = "all deployments"
_NOTHING = "No errors in this time range."
_COPIES = {
    VISIBLE: "It counts mirrored copies too.",
    NOT_VISIBLE: "It does not count mirrored copies.",
    "": "Whether it counts mirrored copies is not known yet.",
}


def show(frame: Frame, endpoint: Endpoint, data: EndpointMetrics, before: EndpointMetrics | None = None) -> None:
    """Draw the failures as the endpoint's own metrics count them, and say whether copies are among them.

    ``before`` is overlaid when it is there.
    """
    ended, look, names = data.outcomes, frame.view.look, frame.names
    found = drawn.value(drawn.of("failing", data.reading), lambda: failing(ended.rows, data.statuses))
    named = ", ".join(dict.fromkeys(_answer(each) for each in found)) or "none"

    def make() -> go.Figure:
        made = figure(_of(ended.rows, found, data.window), found, data.window, names, look)
        if before is not None:
            # What was refused before a deployment was chosen is not read of the period before.
            add_errors_before(made, before.outcomes.rows, before, data.window, look)
        return made

    draw(
        frame,
        "Errors per minute, by model status",
        make,
        made_of=frame.of("outcomes", data.reading, before.reading if before is not None else None),
        key="outcomes",
        alt=f"Failed requests per minute by deployment, status and the model's status ({named}) over time",
        rows=lambda: _of(ended.rows, found, data.window).drop(columns="per_minute"),
        problem=ended.problem,
        notes=ended.notes,
        nothing=_NOTHING if len(ended.rows) else "",
    )
    if ended.problem is None:
        rows = drawn.value(frame.of("failing rows", data.reading), partial(_settled_rows, data, names, look))
        if rows:
            table("Failing combinations", _COLUMNS, rows, key="failing")
        st.html(f'<p class="hint">{escape(_source_words(endpoint))}</p>')


def _settled_rows(data: EndpointMetrics, names: Sequence[str], look: Look) -> list[Row]:
    rows = data.outcomes.rows
    settled = failing(rows[rows["at"] < pd.Timestamp(data.settled_until)], data.statuses)
    return table_rows(settled, names, look, data.is_counted)


def gone_words(data: EndpointMetrics) -> str:
    """What deployments were deleted in the time that is shown; "" when none was."""
    if not data.gone:
        return ""
    was, its = ("was", "Its numbers are") if len(data.gone) == 1 else ("were", "Their numbers are")
    names = ", ".join(name.removesuffix(" (deleted)") for name in data.gone)
    return f"{names} answered requests in this time and {was} deleted since. {its} from the endpoint’s own metrics."


def figure(
    rows: pd.DataFrame, found: Sequence[Combination], window: Window, names: Sequence[str], look: Look
) -> go.Figure:
    """Stacked bars: the colour says which deployment, the pattern which status and model status. Pure."""
    made = charts.figure_of(window, look, "errors/min")
    palette = _palette(names, found, look)
    answers = list(dict.fromkeys(_answer(each) for each in found))
    left = rows
    for each in found[:MOST_DRAWN]:
        pattern = charts.PATTERNS[answers.index(_answer(each)) % len(charts.PATTERNS)]
        is_mine = _is(left, each)
        _add(made, left[is_mine], _name(each), palette[each.deployment], pattern, window, look)
        left = left[~is_mine]
    if len(left):
        others = left.groupby("at", as_index=False)[["per_minute"]].sum()
        _add(made, others, f"{len(found) - MOST_DRAWN} rarer kinds", palette[""], "", window, look)
    made.update_layout(barmode="stack", legend_traceorder="normal")
    return made


def add_errors_before(
    made: go.Figure, rows: pd.DataFrame, before: DeploymentMetrics, window: Window, look: Look
) -> None:
    """Lay the errors in ``rows`` of the period ``before`` over the bars of ``window``, all deployments in one line."""
    together = figures.errors_together(rows, before)
    if made.data or together["per_minute"].gt(0).any():
        panel_charts.add_before(made, together, "per_minute", window, length(window), (), look, whole=_ALL)
        # Unlike other lines of the period before, it crosses bars of every colour.
        ink = charts.LIGHT_PAGE if look.is_dark else charts.DARK_PAGE
        made.update_traces({"line": {"color": ink, "width": 1.5}, "opacity": 1}, {"name": f"{_ALL}, before"})


def table_rows(found: Sequence[Combination], names: Sequence[str], look: Look, is_counted: bool) -> list[Row]:
    """One row per combination, the most frequent one first. Pure."""
    palette = colours.of_deployments(names)
    most = "" if is_counted else "≤ "
    return [
        Row(
            f"{each.deployment} {each.status} {each.model_status}",
            (
                Cell(each.deployment, colour=palette.get(each.deployment, colours.NAMED["slate"]), strong=True)
                if each.deployment
                else Cell(REFUSED, muted=True),
                Cell(_answer(each), sort=_answer(each)),
                Cell("server", tone="bad") if each.is_server_error else Cell("client", tone="neutral"),
                Cell(f"{most}{each.count:,.0f}", sort=each.count),
                Cell("–", muted=True) if each.percent is None else Cell(words.percent(each.percent), sort=each.percent),
                Cell(
                    f"{each.newest_at.astimezone(look.zone):%Y-%m-%d %H:%M}",
                    sort=each.newest_at.timestamp(),
                    csv=f"{each.newest_at:%Y-%m-%dT%H:%MZ}",
                ),
            ),
        )
        for each in found
    ]


_COLUMNS = (
    Column("Deployment"),
    Column("Answer", help="The status that the caller got, and what the model's container answered, if it did."),
    Column("Whose error"),
    Column("Requests", number=True, help="In the settled part of the time range, as the endpoint counts them."),
    Column(
        "Share",
        number=True,
        help="Of all requests of this deployment. What was refused before one was chosen belongs to none.",
    ),
    Column("Last", help="Begin of the newest point of the charts that has one."),
)


def _source_words(endpoint: Endpoint) -> str:
    said = "Counted by the endpoint, which alone tells what the model answered."
    if not endpoint.split.mirror_percent:
        return said
    return f"{said} {_COPIES[_verdict(endpoint)]}"


def _verdict(endpoint: Endpoint) -> str:
    """Whether the endpoint's metrics show copies, as far as it was ever found out; "" when it was not."""
    try:
        known = Memory(context.store(), context.connection().arm_host).recall(endpoint.id).get(ENDPOINT_METRICS)
    except SluiceError:
        return ""
    return known.seen.verdict if known and known.seen.verdict in _COPIES else ""


def _of(rows: pd.DataFrame, found: Sequence[Combination], window: Window) -> pd.DataFrame:
    """The ``rows`` that failed, with their rate."""
    kinds = {(each.deployment, each.status, each.model_status) for each in found}
    keys = zip(rows["deployment"], rows["status"], rows["model_status"], strict=True)
    has_failed = pd.Series([key in kinds for key in keys], index=rows.index, dtype=bool)
    mine = rows[has_failed & (rows["count"] > 0)]
    minutes = [minutes_of(at.to_pydatetime(), window) for at in mine["at"]]
    return mine.assign(per_minute=(mine["count"] / minutes).astype("float64"))


def _is(rows: pd.DataFrame, each: Combination) -> pd.Series[bool]:
    return (
        (rows["deployment"] == each.deployment)
        & (rows["status"] == each.status)
        & (rows["model_status"] == each.model_status)
    )


def _palette(names: Sequence[str], found: Sequence[Combination], look: Look) -> Mapping[str, str]:
    every = sorted({*names, *(each.deployment for each in found)} - {""})
    return {"": colours.NAMED["slate"], **dict(charts.coloured(every, look))}


def _add(made: go.Figure, rows: pd.DataFrame, name: str, colour: str, pattern: str, window: Window, look: Look) -> None:
    made.add_bar(
        x=charts.wall(rows["at"], look.zone),
        y=rows["per_minute"].to_numpy(dtype=float),
        width=window.grain_seconds * 800,
        name=name,
        marker={"color": colour, "pattern": {"shape": pattern}, "line_width": 0},
        hovertemplate="%{y:,.3~g} /min",
    )


def _answer(each: Combination) -> str:
    return service_outcomes.words(each.status, each.model_status)


def _name(each: Combination) -> str:
    return f"{each.deployment or REFUSED} {_answer(each)}"
