"""Figures of the Metrics page beside latency, requests and errors. Pure, without Streamlit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pandas as pd
import plotly.graph_objects as go

from services.limits import Limit
from services.metrics import GroupData, PanelData
from services.metrics.instances import short_names
from services.metrics.panels import ENDPOINT_LIMITS
from services.model import Window
from ui import charts, colours, thinning
from ui.charts import Look

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
LIMIT_LIGHT, LIMIT_DARK = "#b3261e", "#ff8a80"
NEAR = 0.2
"""A limit is drawn from this share of it on. One far above would press the lines flat onto the axis."""
MOST_NAMED = 8
"""Instances that a legend names one by one; of more, only the highest are named."""
_HIGHEST = 6
_ONE_ROW, _LEGEND_ROOM = 3, 90
"""More names than these take some rows of a phone's width, in pixels; the lines keep their height."""
_WHOLE_ENDPOINT = "endpoint"
_OTHERS = "others"
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
    add_endpoint_limit(figure, data.panel.metric, data.rows["value"].max(), group.window, look)
    return figure


def instances(data: PanelData, group: GroupData, deployments: Sequence[str], look: Look) -> go.Figure:
    """One metric of every instance over time, in the colour of its deployment and with a name of its own.

    Of more than MOST_NAMED lines the highest are drawn strong and named, the others thin and together in the legend,
    where one click takes them away.
    """
    unit = data.panel.unit
    figure = charts.figure_of(group.window, look, _UNITS.get(unit, ""))
    palette = dict(charts.coloured(sorted({*deployments, *data.rows["deployment"]} - {""}), look))
    lines = dict(iter(data.rows.groupby(["deployment", "instance", "part"], sort=True)))
    highest = sorted(lines, key=lambda key: -lines[key]["value"].max())
    named = highest if len(lines) <= MOST_NAMED else highest[:_HIGHEST]
    short = short_names(data.rows["instance"].unique())
    seen: Counter[str] = Counter()
    for key, rows in lines.items():
        deployment, instance, part = map(str, key)
        first = len(figure.data)
        charts.add_line(
            figure,
            group.settled_until,
            charts.spread(rows, "value", group.window),
            " ".join(filter(None, (deployment, short[instance], part))),
            palette.get(deployment, colours.NAMED["slate"]),
            "%{x|%a %H:%M}: " + _HOVER.get(unit, "%{y:,.3~g}"),
            look,
            DASHES[seen[deployment] % len(DASHES)] if key in named else "solid",
        )
        if key in named:
            seen[deployment] += 1
        else:
            for line in figure.data[first:]:
                line.update(legendgroup=_OTHERS, showlegend=False, opacity=0.35, line_width=1)
    if len(named) < len(lines):
        others = f"and {len(lines) - len(named)} lower"
        thin = {"color": colours.NAMED["slate"], "width": 1}
        figure.add_scatter(x=[None], y=[None], name=others, mode="lines", line=thin, legendgroup=_OTHERS)
    room = _LEGEND_ROOM if len(named) > _ONE_ROW else 0
    figure.update_layout(hovermode="closest", height=charts.HEIGHT + room)
    return figure


def add_limits(figure: go.Figure, limits: Sequence[Limit], metric: str, window: Window, look: Look) -> None:
    """Add the limits that were set for ``metric`` as red levels, when the figure shows something."""
    for limit in limits:
        if figure.data and limit.metric == metric:
            add_level(figure, window, limit.value, limit.words, limit_colour(look), look)


def add_endpoint_limit(figure: go.Figure, metric: str, highest: float, window: Window, look: Look) -> None:
    """Add what Azure lets an endpoint take of ``metric``, once ``highest`` comes near it."""
    limit = ENDPOINT_LIMITS.get(metric)
    if limit is not None and highest >= NEAR * limit[0]:
        words = f"Azure's limit, unless raised: {limit[1]}"
        add_level(figure, window, limit[0], words, limit_colour(look), look)


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
    *,
    part: str = "",
    whole: str = _WHOLE_ENDPOINT,
) -> None:
    """Lay the period before, moved ``by`` its length, thinly below the lines of now.

    ``part`` is what the rows are a part of each deployment of, ``whole`` how rows without a deployment are called.
    """
    moved = rows.assign(at=rows["at"] + by)
    behind = []
    for name, colour in (*charts.coloured(deployments, look), ("", colours.NAMED["slate"])):
        values = charts.spread(moved[moved["deployment"] == name], column, window)
        if not values.notna().any():
            continue
        drawn = thinning.kept(values.to_numpy(dtype=float))
        behind.append(
            go.Scatter(
                **charts.axis(charts.wall(pd.DatetimeIndex(values.index), look.zone)[drawn]),
                y=values.to_numpy()[drawn],
                name=f"{' '.join(filter(None, (name or whole, part)))}, before",
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
