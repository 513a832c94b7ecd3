"""Figures: from tidy frames to plotly. Pure, without Streamlit, and the same data always gives the same figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from services.metrics import DeploymentMetrics
from services.model import Window
from ui import colours, thinning

HEIGHT = 260
_MOST_BARS = 900
"""So many bars side by side can still be seen, each about a pixel wide."""
_WRITTEN_OUT = 3
"""Fewer moments are written out."""
CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False}
"""What the charts need of plotly's own controls: none. Zooming by drag and resetting by double click stay."""

LIGHT_PAGE, DARK_PAGE = "#ffffff", "#0e1116"
"""The page's background in the two themes of .streamlit/config.toml."""
NOT_SETTLED = ", not settled"
PATTERNS = ("", "/", "x", ".", "|", "-", "+", "\\")


@dataclass(frozen=True)
class Look:
    """How a figure is drawn: the time zone of its axis, and whether the page is dark."""

    zone: tzinfo = UTC
    is_dark: bool = False


def warm_up() -> None:
    """Load what plotly loads late, so that the first visitor does not wait for it."""
    go.Figure(go.Scatter(x=np.array([0]), y=np.array([0]))).to_json()


def latency(data: DeploymentMetrics, deployments: Sequence[str], percentile: str, look: Look) -> go.Figure:
    """One latency percentile of every deployment over time, in milliseconds."""
    rows = data.latency[data.latency["percentile"] == percentile]
    figure = figure_of(data.window, look, "ms")
    for name, colour in coloured(deployments, look):
        part = rows[rows["deployment"] == name]
        add_line(figure, data.settled_until, spread(part, "ms", data.window), name, colour, "%{y:,.3~g} ms", look)
    return figure


def requests(data: DeploymentMetrics, deployments: Sequence[str], look: Look) -> go.Figure:
    """Requests per minute of every deployment, all statuses together."""
    figure = figure_of(data.window, look, "requests/min")
    totals = data.requests.groupby(["deployment", "at"], as_index=False)["per_minute"].sum(min_count=1)
    for name, colour in coloured(deployments, look):
        part = totals[totals["deployment"] == name]
        add_line(
            figure, data.settled_until, spread(part, "per_minute", data.window), name, colour, "%{y:,.3~g} /min", look
        )
    return figure


def errors(data: DeploymentMetrics, deployments: Sequence[str], statuses: Sequence[str], look: Look) -> go.Figure:
    """Failed requests per minute as stacked bars: the colour says which deployment, the pattern which status."""
    figure = figure_of(data.window, look, "errors/min")
    palette = dict(coloured(deployments, look))
    # A bar narrower than a pixel is not seen.
    narrowest = (data.window.end_at - data.window.start_at).total_seconds() / _MOST_BARS
    for index, status in enumerate(statuses):
        for name in deployments:
            part = data.requests[(data.requests["deployment"] == name) & (data.requests["status"] == status)]
            if not part["per_minute"].gt(0).any():
                continue
            part = part.iloc[thinning.kept(part["per_minute"].to_numpy(dtype=float))]
            figure.add_bar(
                x=wall(part["at"], look.zone),
                y=part["per_minute"].to_numpy(dtype=float),
                width=max(data.window.grain_seconds * 0.8, narrowest) * 1000,
                name=f"{name} {status}",
                marker={"color": palette[name], "pattern": {"shape": PATTERNS[index % len(PATTERNS)]}, "line_width": 0},
                hovertemplate="%{y:,.3~g} /min",
            )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    return figure


def coloured(deployments: Sequence[str], look: Look) -> Iterator[tuple[str, str]]:
    """Each deployment with its colour in the theme of ``look``."""
    for name, colour in colours.of_deployments(deployments).items():
        yield name, colours.on_dark(colour) if look.is_dark else colour


def spread(rows: pd.DataFrame, column: str, window: Window) -> pd.Series[float]:
    """The values on the window's whole time axis; a point that Azure has no data for becomes a gap, never a 0."""
    axis = pd.date_range(
        window.start_at, window.end_at, freq=timedelta(seconds=window.grain_seconds), inclusive="left", name="at"
    )
    values = rows.set_index(pd.DatetimeIndex(rows["at"]))[column]
    return values[~values.index.duplicated()].reindex(axis).astype(float)


def add_line(
    figure: go.Figure,
    settled_until: datetime,
    values: pd.Series[float],
    name: str,
    colour: str,
    hover: str,
    look: Look,
    dash: str = "solid",
) -> None:
    """Add one series; points at or after ``settled_until`` are dotted. A long one is thinned."""
    if not values.notna().any():
        return
    lonely = (values.notna() & values.shift().isna() & values.shift(-1).isna()).to_numpy()
    unsettled = np.asarray(values.index >= pd.Timestamp(settled_until))
    x, y = wall(pd.DatetimeIndex(values.index), look.zone), values.to_numpy(dtype=np.float64)
    tail = unsettled | np.append(unsettled[1:], False)
    drawn = np.union1d(thinning.kept(y), np.flatnonzero(tail))
    # A point without neighbours has no line, so it gets a dot. A single 0 for all would be drawn as the default.
    dots = {"size": np.where(lonely[drawn], 5, 0).astype(np.int8), "color": colour} if lonely.any() else None
    figure.add_scatter(
        **axis(x[drawn]),
        y=y[drawn],
        name=name,
        mode="lines" if dots is None else "lines+markers",
        line={"color": colour, "width": 1.75, "dash": dash},
        marker=dots,
        text=np.where(unsettled[drawn], NOT_SETTLED, "") if unsettled.any() else None,
        hovertemplate=f"{hover}%{{text}}" if unsettled.any() else hover,
        connectgaps=False,
    )
    # Gaps in the colour of the page are laid over the unsettled end of the line. A dashed line of its own would be a
    # second entry in the hover box, with the value of another minute.
    if values[unsettled].notna().any():
        figure.add_scatter(
            **axis(x[tail]),
            y=y[tail],
            name=f"{name}, not settled",
            showlegend=False,
            mode="lines",
            line={"color": DARK_PAGE if look.is_dark else LIGHT_PAGE, "width": 3, "dash": "dot"},
            hoverinfo="skip",
            connectgaps=False,
        )


def axis(moments: np.ndarray[Any, Any]) -> dict[str, Any]:
    """``moments`` as plotly takes them: where they begin and how far apart they are, if that says it all.

    Times are written out, 26 letters each: of a day of minutes they are three quarters of what a line weighs.
    """
    apart = np.unique(np.diff(moments))
    if len(moments) < _WRITTEN_OUT or len(apart) != 1:
        return {"x": moments}
    return {"x0": str(moments[0]), "dx": int(apart[0] / np.timedelta64(1, "ms"))}


def wall(moments: pd.Series[Any] | pd.DatetimeIndex, zone: tzinfo) -> np.ndarray[Any, Any]:
    """Moments as plotly writes them on an axis in ``zone``."""
    # Plotly draws times as they are written: the zone is applied here and then left out.
    converted = pd.DatetimeIndex(moments).tz_convert(zone).tz_localize(None)
    return converted.to_numpy(dtype="datetime64[ms]")


def lay_out(figure: go.Figure, *, height: int = HEIGHT, hovermode: str = "closest") -> None:
    """Give a figure the margins, legend and letters of all charts."""
    figure.update_layout(
        height=height,
        margin={"l": 56, "r": 12, "t": 28, "b": 28},
        hovermode=hovermode,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "font": {"size": 12}},
        font={"size": 12},
        uirevision="keep",
    )


def figure_of(window: Window, look: Look, unit: str) -> go.Figure:
    """An empty figure with the window as its axis; ``unit`` ``ms`` and ``%`` stand at the numbers."""
    ends = [each.astimezone(look.zone).replace(tzinfo=None) for each in (window.start_at, window.end_at)]
    figure = go.Figure()
    lay_out(figure, hovermode="x unified")
    figure.update_xaxes(type="date", range=ends, hoverformat="%a %d %b, %H:%M", nticks=9, showgrid=False)
    figure.update_yaxes(
        rangemode="tozero", nticks=5, ticksuffix=f" {unit}" if unit in ("ms", "%") else "", automargin=True
    )
    return figure


def zone_name(zone: tzinfo, at: datetime) -> str:
    """How the axis is labelled: ``UTC`` or the zone's own short name."""
    return "UTC" if zone is UTC else str(at.astimezone(zone).tzname())
