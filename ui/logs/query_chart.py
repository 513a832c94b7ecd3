"""The answer of a query as a chart: lines over time, or bars. Pure, without Streamlit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import plotly.graph_objects as go

from services.azure.log_analytics import Rows
from ui import colours, thinning

MOST_LINES = 12
"""More are not told apart."""
MOST_BARS = 60
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
"""The colour of a line says what text stands beside its numbers, its dashes which number it is."""
HEIGHT = 340
_NUMBERS = ("int", "long", "real", "decimal")


@dataclass(frozen=True)
class Drawn:
    """A chart. ``left_out`` says what of the answer is not in it, "" when all is."""

    figure: go.Figure
    left_out: str = ""


def draw(found: Rows, *, is_dark: bool) -> Drawn | None:
    """The chart that fits the columns, None when none does.

    A column of times and one of numbers make lines, one for each number and text beside them; a text and a number, or
    two numbers, make bars. What is no finite number is a gap.
    """
    kinds = [column.kind for column in found.columns]
    times = [at for at, kind in enumerate(kinds) if kind == "datetime"]
    numbers = [at for at, kind in enumerate(kinds) if kind in _NUMBERS]
    texts = [at for at, kind in enumerate(kinds) if kind == "string"]
    if not found.rows or not numbers:
        return None
    if times:
        return _lines(found, times[0], numbers, texts, is_dark=is_dark)
    if texts:
        return _bars(found, texts[0], numbers[0], is_dark=is_dark)
    return _bars(found, numbers[0], numbers[1], is_dark=is_dark) if len(numbers) > 1 else None


def _lines(found: Rows, time: int, numbers: list[int], texts: list[int], *, is_dark: bool) -> Drawn | None:
    lines: dict[str, list[tuple[datetime, float | None]]] = {}
    looks: dict[str, tuple[str, str]] = {}
    for row in found.rows:
        at = row[time]
        if not isinstance(at, datetime):
            continue
        named = ", ".join(str(row[each]) for each in texts)
        for place, number in enumerate(numbers):
            name = " ".join(filter(None, (named, found.columns[number].name if len(numbers) > 1 or not named else "")))
            looks[name] = (named, DASHES[place % len(DASHES)])
            lines.setdefault(name, []).append((at.astimezone(UTC), _finite(row[number])))
    if not lines:
        return None
    shown = list(lines)[:MOST_LINES]
    palette = colours.of_deployments({looks[name][0] for name in shown})
    figure = _figure(is_dark=is_dark)
    for name in shown:
        points = sorted(lines[name], key=lambda point: point[0])
        times = np.array([at.replace(tzinfo=None) for at, _ in points], dtype="datetime64[ms]")
        values = np.array([value for _, value in points], dtype=float)
        drawn = thinning.kept(values)
        figure.add_scatter(
            x=times[drawn],
            y=values[drawn],
            name=name,
            mode="lines+markers" if len(points) < 60 else "lines",
            line={"color": palette[looks[name][0]], "width": 1.6, "dash": looks[name][1]},
            marker={"size": 4},
        )
    left_out = f"The first {MOST_LINES} of {len(lines)} lines are drawn." if len(lines) > MOST_LINES else ""
    return Drawn(figure, left_out)


def _bars(found: Rows, label: int, number: int, *, is_dark: bool) -> Drawn:
    rows = found.rows[:MOST_BARS]
    figure = _figure(is_dark=is_dark)
    figure.add_bar(
        x=[str(row[label]) if not isinstance(row[label], int | float) else row[label] for row in rows],
        y=[_finite(row[number]) for row in rows],
        name=found.columns[number].name,
        marker={"color": next(iter(colours.of_deployments(["bars"]).values())), "line_width": 0},
    )
    figure.update_yaxes(title=found.columns[number].name)
    figure.update_xaxes(title=found.columns[label].name)
    left_out = f"The first {MOST_BARS} of {len(found.rows):,} rows are drawn." if len(found.rows) > MOST_BARS else ""
    return Drawn(figure, left_out)


def _figure(*, is_dark: bool) -> go.Figure:
    ink, grid = ("#c9d1dc", "#2a313c") if is_dark else ("#3b4452", "#e3e6eb")
    figure = go.Figure()
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink, "size": 12},
        legend={"orientation": "h", "y": -0.16},
        hovermode="x unified",
        showlegend=True,
    )
    figure.update_xaxes(gridcolor=grid, zerolinecolor=grid, automargin=True)
    figure.update_yaxes(gridcolor=grid, zerolinecolor=grid, automargin=True, rangemode="tozero")
    return figure


def _finite(value: Any) -> float | None:  # noqa: ANN401 - a cell of any type
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
