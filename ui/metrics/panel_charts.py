"""Figures of the Metrics page beside latency, requests and errors. Pure, without Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pandas as pd
import plotly.graph_objects as go

from services.metrics import GroupData, PanelData
from services.model import Window
from ui import charts, colours
from ui.charts import Look

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
LIMIT_LIGHT, LIMIT_DARK = "#b3261e", "#ff8a80"
NEAR = 0.2
"""A limit is drawn from this share of it on. One far above would press the lines flat onto the axis."""
_WHOLE_ENDPOINT = "endpoint"
_UNITS = {"Percent": "%", "MilliSeconds": "ms"}
_HOVER = {"Percent": "%{y:,.3~g} %", "MilliSeconds": "%{y:,.3~g} ms", "BytesPerSecond": "%{y:,.3~s}B/s"}


def panel(data: PanelData, group: GroupData, deployments: Sequence[str], look: Look) -> go.Figure:
    """One metric of every deployment over time; parts of it (states, disks) are told apart by the dash."""
    unit = data.panel.unit
    figure = charts.figure_of(group.window, look, _UNITS.get(unit, ""))
    palette = dict(charts.coloured(sorted({*deployments, *data.rows["deployment"]} - {""}), look))
    parts = sorted(data.rows["part"].unique())
    for (name, part), rows in data.rows.groupby(["deployment", "part"], sort=True):
        charts.add_line(
            figure,
            group.settled_until,
            charts.spread(rows, "value", group.window),
            " ".join(filter(None, (str(name) or _WHOLE_ENDPOINT, str(part)))),
            palette.get(str(name), colours.NAMED["slate"]),
            _HOVER.get(unit, "%{y:,.3~g}"),
            look,
            DASHES[parts.index(part) % len(DASHES)],
        )
    return figure


def error_rates(
    rows: pd.DataFrame, window: Window, settled_until: datetime, deployments: Sequence[str], look: Look
) -> go.Figure:
    """Share of failed requests: solid for the service's failures, dashed for the callers' mistakes."""
    figure = charts.figure_of(window, look, "%")
    for name, colour in charts.coloured(deployments, look):
        for kind, dash in (("server", "solid"), ("client", "dash")):
            part = rows[(rows["deployment"] == name) & (rows["kind"] == kind)]
            if kind == "client" and not part["percent"].gt(0).any():
                continue
            values = charts.spread(part, "percent", window)
            charts.add_line(figure, settled_until, values, f"{name} {kind}", colour, "%{y:,.3~g} %", look, dash)
    return figure


def in_flight(
    rows: pd.DataFrame,
    window: Window,
    settled_until: datetime,
    most: Mapping[str, int],
    look: Look,
) -> go.Figure:
    """Requests in flight of each deployment; what it takes on at once is a dashed line, once that is near."""
    figure = charts.figure_of(window, look, "")
    for name, colour in charts.coloured(list(most), look):
        values = charts.spread(rows[rows["deployment"] == name], "value", window)
        if values.notna().any():
            charts.add_line(figure, settled_until, values, name, colour, "%{y:,.3~g}", look)
            if values.max() >= NEAR * most[name]:
                add_level(figure, window, float(most[name]), f"{name} takes {most[name]}", colour, look)
    return figure


def add_level(figure: go.Figure, window: Window, value: float, words: str, colour: str, look: Look) -> None:
    """Add a level that lines are compared with."""
    ends = charts.wall(pd.DatetimeIndex([window.start_at, window.end_at]), look.zone)
    figure.add_scatter(
        x=ends,
        y=[value, value],
        name=words,
        mode="lines",
        line={"color": colour, "width": 1.25, "dash": "dash"},
        hoverinfo="skip",
    )


def add_before(
    figure: go.Figure,
    rows: pd.DataFrame,
    column: str,
    window: Window,
    by: timedelta,
    deployments: Sequence[str],
    look: Look,
) -> None:
    """Lay the period before, moved ``by`` its length, thinly below the lines of now."""
    moved = rows.assign(at=rows["at"] + by)
    behind = []
    for name, colour in charts.coloured(deployments, look):
        values = charts.spread(moved[moved["deployment"] == name], column, window)
        if not values.notna().any():
            continue
        behind.append(
            go.Scatter(
                x=charts.wall(pd.DatetimeIndex(values.index), look.zone),
                y=values.to_numpy(),
                name=f"{name}, before",
                mode="lines",
                line={"color": colour, "width": 1, "dash": "dot"},
                opacity=0.7,
                hovertemplate="%{y:,.3~g}",
                connectgaps=False,
            )
        )
    figure.add_traces(behind)


def limit_colour(look: Look) -> str:
    """The colour of limits in the theme of ``look``."""
    return LIMIT_DARK if look.is_dark else LIMIT_LIGHT
