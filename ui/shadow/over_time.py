"""Errors of two deployments over time with intervals, and the difference of their latency minute by minute. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd
import plotly.graph_objects as go

from services.comparison.describe import Description, Told
from services.model import Window
from services.shadow.model import Pair
from ui import charts
from ui.charts import Look

_INK = {False: "#3d4f60", True: "#b9c7d6"}
_COLD = {False: "rgba(179,81,9,0.14)", True: "rgba(242,166,94,0.18)"}
_BAND = {False: "rgba(88,113,137,0.22)", True: "rgba(150,172,194,0.25)"}
_MINUTE = timedelta(minutes=1)
_ASIDE = 0.18
"""Both rates of a span stand beside each other, so far from its middle as a share of it."""


def errors(found: Description, pair: Pair, window: Window, look: Look) -> go.Figure:
    """The error rate of each span of time, with Wilson's interval."""
    figure = _figure(window, look)
    palette = dict(charts.coloured((pair.live, pair.candidate), look))
    for name, symbol, aside in ((pair.live, "circle", -_ASIDE), (pair.candidate, "diamond", _ASIDE)):
        said = [
            (each.at + (each.until - each.at) * (0.5 + aside), told)
            for each in found.error_spans
            if (told := each.live if name == pair.live else each.candidate) is not None
        ]
        if said:
            _rates(figure, said, name, palette[name], symbol, look)
    return figure


def _figure(window: Window, look: Look) -> go.Figure:
    figure = charts.figure_of(window, look, "%")
    figure.update_xaxes(nticks=6, tickangle=0)
    return figure


def _rates(
    figure: go.Figure, said: Sequence[tuple[datetime, Told]], name: str, colour: str, symbol: str, look: Look
) -> None:
    figure.add_scatter(
        x=charts.wall(pd.DatetimeIndex([at for at, _ in said]), look.zone),
        y=[told.value for _, told in said],
        name=name,
        mode="markers",
        marker={"color": colour, "size": 7, "symbol": symbol},
        cliponaxis=False,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [(told.upper or 0.0) - told.value for _, told in said],
            "arrayminus": [told.value - (told.lower or 0.0) for _, told in said],
            "color": colour,
            "thickness": 1.25,
            "width": 3,
        },
        customdata=[[told.lower, told.upper, told.n] for _, told in said],
        hovertemplate="%{y:.3~g} % (%{customdata[0]:.3~g} to %{customdata[1]:.3~g}), n = %{customdata[2]:,}",
    )


def error_rows(found: Description, pair: Pair) -> pd.DataFrame:
    """What :func:`errors` draws, a row for each span and deployment that had requests."""
    rows = [
        (each.at, each.until, name, told.n, told.value, told.lower, told.upper)
        for each in found.error_spans
        for name, told in ((pair.live, each.live), (pair.candidate, each.candidate))
        if told is not None
    ]
    named = ["at", "until", "deployment", "requests", "error_percent", "lower_percent", "upper_percent"]
    return pd.DataFrame(rows, columns=named)


def paired(found: Description, pair: Pair, window: Window, look: Look, cold: Sequence[datetime] = ()) -> go.Figure:
    """By how many percent the candidate's median request was longer, minute by minute; ``cold`` minutes are shaded."""
    figure = _figure(window, look)
    for start, end in _stretches(cold):
        figure.add_vrect(*_ends(start, end, look), fillcolor=_COLD[look.is_dark], line_width=0, layer="below")
    if found.paired:
        figure.add_scatter(
            x=charts.wall(pd.DatetimeIndex([each.at for each in found.paired]), look.zone),
            y=[each.percent for each in found.paired],
            name=f"{pair.candidate} against {pair.live}, same minute",
            mode="markers",
            marker={"color": _INK[look.is_dark], "size": 4},
            cliponaxis=False,
            customdata=[[each.live_ms, each.candidate_ms, each.live_n, each.candidate_n] for each in found.paired],
            hovertemplate="%{y:+.3~g} %: %{customdata[1]:,.3~g} ms (n = %{customdata[3]:,}) against "
            "%{customdata[0]:,.3~g} ms (n = %{customdata[2]:,})<extra></extra>",
        )
        told = found.paired_percent
        if told is not None and told.lower is not None and told.upper is not None:
            figure.add_hrect(told.lower, told.upper, fillcolor=_BAND[look.is_dark], line_width=0, layer="below")
            figure.add_hline(told.value, line={"color": _INK[look.is_dark], "width": 1.5})
        figure.add_hline(0, line={"color": _INK[look.is_dark], "width": 1, "dash": "dot"})
    figure.update_yaxes(rangemode="normal", zeroline=False)
    return figure


def paired_rows(found: Description, cold: Sequence[datetime] = ()) -> pd.DataFrame:
    """What :func:`paired` draws, one row for each minute."""
    is_cold = set(cold)
    named = ["at", "live_ms", "candidate_ms", "percent", "live_n", "candidate_n"]
    rows = pd.DataFrame([vars(each) for each in found.paired], columns=named)
    return rows.assign(is_cold=[each.at in is_cold for each in found.paired])


def _stretches(minutes: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Minutes that follow each other, together."""
    found: list[tuple[datetime, datetime]] = []
    for at in sorted(set(minutes)):
        if found and found[-1][1] == at:
            found[-1] = found[-1][0], at + _MINUTE
        else:
            found.append((at, at + _MINUTE))
    return found


def _ends(start: datetime, end: datetime, look: Look) -> tuple[datetime, datetime]:
    first, last = (each.astimezone(look.zone).replace(tzinfo=None) for each in (start, end))
    return first, last
