"""The figures of a load test: from its seconds to plotly. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from services.loadtest.tally import is_good
from ui import charts, colours, thinning

GOOD, BAD = colours.NAMED["green"], colours.NAMED["red"]
MEDIAN, TAIL = colours.NAMED["blue"], colours.NAMED["orange"]
NAMED_FAILURES = 6
"""So many kinds of failure have a pattern of their own; the others are one."""


def answers(rows: Sequence[Mapping[str, Any]], seconds: float, look: charts.Look) -> go.Figure:
    """What came back in every second, stacked: good ones plain, each kind of failure with a pattern."""
    figure = _figure(rows, seconds)
    totals: dict[str, int] = {}
    for row in rows:
        for name, count in row["outcomes"].items():
            totals[name] = totals.get(name, 0) + count
    failures = sorted((name for name in totals if not is_good(name)), key=lambda name: -totals[name])
    named, rest = failures[:NAMED_FAILURES], failures[NAMED_FAILURES:]
    good = [name for name in totals if is_good(name)]
    parts = [("good", good, GOOD, "")]
    parts += [(name, [name], BAD, charts.PATTERNS[1 + place]) for place, name in enumerate(named)]
    parts += [("other failures", rest, BAD, charts.PATTERNS[-1])] if rest else []
    for label, names, colour, pattern in parts:
        figure.add_bar(
            x=[row["second"] + 0.5 for row in rows],
            y=[sum(row["outcomes"].get(name, 0) for name in names) for row in rows],
            name=label,
            width=0.9,
            marker={"color": _shade(colour, look), "pattern": {"shape": pattern}, "line_width": 0},
            hovertemplate="%{y:,} /s",
        )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    return figure


def latency(
    rows: Sequence[Mapping[str, Any]],
    seconds: float,
    look: charts.Look,
    before: Sequence[Mapping[str, Any]] = (),
) -> go.Figure:
    """Median and P99 of every second; those of an earlier test dashed. A second without good answers is a gap."""
    figure = _figure([*rows, *before], seconds)
    for label, part, dash in (("", rows, "solid"), (", the other", before, "dot")):
        for name, key, colour in (("P50", "p50", MEDIAN), ("P99", "p99", TAIL)):
            if not any(row[key] is not None for row in part):
                continue
            seconds_of = np.array([row["second"] + 0.5 for row in part], dtype=float)
            values = np.array([row[key] for row in part], dtype=float)
            drawn = thinning.kept(values)
            figure.add_scatter(
                x=seconds_of[drawn],
                y=values[drawn],
                name=f"{name}{label}",
                mode="lines+markers",
                line={"color": _shade(colour, look), "width": 1.75, "dash": dash},
                marker={"size": 4 if len(part) < 60 else 0, "color": _shade(colour, look)},
                hovertemplate="%{y:,.3~g} ms",
                connectgaps=False,
            )
    figure.update_yaxes(ticksuffix=" ms")
    return figure


def _shade(colour: str, look: charts.Look) -> str:
    return colours.on_dark(colour) if look.is_dark else colour


def _figure(rows: Sequence[Mapping[str, Any]], seconds: float) -> go.Figure:
    last = max([seconds, *(row["second"] + 1 for row in rows)])
    figure = go.Figure()
    charts.lay_out(figure, hovermode="x unified")
    figure.update_xaxes(range=[0, last], ticksuffix=" s", nticks=9, showgrid=False)
    figure.update_yaxes(rangemode="tozero", nticks=5, automargin=True)
    return figure
