"""How the latencies of two deployments are distributed, and how far apart they lie at each quantile. Pure."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from services.comparison.describe import Description
from services.shadow.model import Pair
from ui import charts
from ui.charts import Look

_WIDE = 20.0
"""From this ratio of the slowest to the fastest request on, latencies are drawn on a logarithmic axis."""
_BAND = {False: "rgba(88,113,137,0.22)", True: "rgba(150,172,194,0.25)"}
_LINE = {False: "#3d4f60", True: "#b9c7d6"}


def curves(found: Description, pair: Pair, look: Look) -> go.Figure:
    """The share of requests that took at most so long, for both."""
    figure = go.Figure()
    palette = dict(charts.coloured((pair.live, pair.candidate), look))
    drawn = [(pair.live, found.live, "solid"), (pair.candidate, found.candidate, "dash")]
    for name, side, dash in drawn:
        if side.curve:
            ms, percent = zip(*side.curve, strict=True)
            figure.add_scatter(
                x=ms,
                y=percent,
                name=f"{name}, n = {side.rows:,}",
                mode="lines",
                line={"color": palette[name], "width": 1.75, "shape": "hv", "dash": dash},
                hovertemplate="%{y:.3~g} % took at most %{x:,.3~g} ms",
            )
    charts.lay_out(figure)
    every = [ms for _, side, _ in drawn for ms, _ in side.curve if ms > 0]
    is_wide = bool(every) and max(every) > _WIDE * min(every)
    figure.update_xaxes(title="latency, ms", type="log" if is_wide else "linear", showgrid=False, nticks=8)
    if is_wide:
        figure.update_xaxes(dtick="D2", tickformat=",.3~g")
    figure.update_yaxes(range=[0, 101], ticksuffix=" %", nticks=6, automargin=True)
    _room_below(figure)
    return figure


def curve_rows(found: Description, pair: Pair) -> pd.DataFrame:
    """What :func:`curves` draws: ``deployment``, ``latency_ms``, ``percent``."""
    rows = [
        (name, ms, percent)
        for name, side in ((pair.live, found.live), (pair.candidate, found.candidate))
        for ms, percent in side.curve
    ]
    return pd.DataFrame(rows, columns=["deployment", "latency_ms", "percent"])


def differences(found: Description, pair: Pair, look: Look) -> go.Figure:
    """How many ms more the candidate takes at each quantile, with the band."""
    figure = go.Figure()
    told = found.quantile_differences
    if told:
        x = [100 * each.share for each in told]
        band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=x, y=[each.lower_ms for each in told], **band)
        figure.add_scatter(
            x=x, y=[each.upper_ms for each in told], fill="tonexty", fillcolor=_BAND[look.is_dark], **band
        )
        figure.add_scatter(
            x=x,
            y=[each.ms for each in told],
            name=f"{pair.candidate} minus {pair.live}, 95 % band",
            mode="lines+markers",
            line={"color": _LINE[look.is_dark], "width": 1.75},
            marker={"size": 5},
            customdata=[[each.lower_ms, each.upper_ms, each.percent] for each in told],
            hovertemplate="P%{x:.3~g}: %{y:+,.3~g} ms (%{customdata[0]:+,.3~g} to %{customdata[1]:+,.3~g}), "
            "%{customdata[2]:+.3~g} %<extra></extra>",
        )
        figure.add_hline(y=0, line={"color": _LINE[look.is_dark], "width": 1, "dash": "dot"})
    charts.lay_out(figure)
    figure.update_xaxes(title="quantile of latency", range=[0, 100], tickprefix="P", showgrid=False, nticks=11)
    figure.update_yaxes(ticksuffix=" ms", nticks=6, automargin=True, zeroline=False)
    _room_below(figure)
    return figure


def difference_rows(found: Description) -> pd.DataFrame:
    """What :func:`differences` draws, one row for each quantile."""
    rows = [vars(each) for each in found.quantile_differences]
    return pd.DataFrame(rows).rename(columns={"share": "quantile"})


def _room_below(figure: go.Figure) -> None:
    figure.update_layout(margin={"b": 48})
