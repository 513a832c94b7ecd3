"""The live picture of a load test: one column for every second, as HTML.

Streamlit makes a plotly chart anew whenever its data change: one that changes every second would only flicker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ui import words


def answers(rows: Sequence[Mapping[str, Any]], seconds: float) -> str:
    """Good and failed answers of every second, stacked."""
    most = max([1, *(row["good"] + row["failed"] for row in rows)])
    columns = [_column(row["good"] / most, row["failed"] / most) for row in rows]
    sent, failed = sum(row["good"] for row in rows), sum(row["failed"] for row in rows)
    label = f"Answers per second: {sent:,} good and {failed:,} failed so far, at most {most:,} in a second"
    return _bars("Answers per second", (("good", "good"), ("failed", "bad")), columns, f"{most:,}", label, seconds)


def latency(rows: Sequence[Mapping[str, Any]], seconds: float) -> str:
    """Median of every second, and above it the rest up to its P99. A second without good answers stays empty."""
    most = max([0.001, *(row["p99"] or 0.0 for row in rows)])
    columns = [
        _column(row["p50"] / most, (row["p99"] - row["p50"]) / most) if row["p50"] is not None else "<i></i>"
        for row in rows
    ]
    top = words.milliseconds(most)
    label = f"Latency of every second, P50 and P99, at most {top}"
    heading = "Latency from the intended start, good answers of each second"
    return _bars(heading, (("P50", "median"), ("up to P99", "tail")), columns, top, label, seconds)


def _column(lower: float, upper: float) -> str:
    return f'<i><b style="height:{100 * upper:.1f}%"></b><s style="height:{100 * lower:.1f}%"></s></i>'


def _bars(
    heading: str,
    legend: Sequence[tuple[str, str]],
    columns: Sequence[str],
    top: str,
    label: str,
    seconds: float,
) -> str:
    rest = max(0, round(seconds) - len(columns))
    last = max(round(seconds), len(columns))
    keys = "".join(f'<span class="{kind}">{escape(name)}</span>' for name, kind in legend)
    kind = legend[0][1]
    return (
        f'<div class="load-bars {kind}"><p class="label">{escape(heading)} {keys}</p>'
        f'<div class="frame" role="img" aria-label="{escape(label)}"><em>{escape(top)}</em>'
        f'<div class="columns">{"".join(columns)}{"<i></i>" * rest}</div></div>'
        f'<div class="axis"><span>0 s</span><span>{last} s</span></div></div>'
    )
