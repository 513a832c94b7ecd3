"""The charts of two deployments side by side, each with its rows as CSV and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from services.comparison.bands import least_requests
from services.comparison.describe import Description
from services.model import Window
from services.shadow.model import Pair, Reading
from ui import charts
from ui.charts import Look
from ui.metrics import chart_downloads
from ui.shadow import distributions, over_time

NO_ROWS = "There are no latencies of single requests of both. What helps stands above."


@dataclass(frozen=True)
class Scene:
    """What all charts share. ``cold`` are the minutes in which an instance had just started."""

    endpoint: str
    pair: Pair
    found: Description
    reading: Reading
    window: Window
    look: Look
    cold: Sequence[datetime] = ()

    @property
    def both(self) -> str:
        """Both deployments, live first."""
        return f"{self.pair.live} and {self.pair.candidate}"

    @property
    def has_rows(self) -> bool:
        """Whether there are latencies of single requests of both."""
        return bool(self.found.live.rows and self.found.candidate.rows)


@dataclass(frozen=True)
class _Chart:
    key: str
    heading: str
    hint: str
    alt: str
    why_nothing: str


def show(scene: Scene) -> None:
    """Draw the errors over time, the distributions of latency, its differences by quantile, and the minutes."""
    found, pair, window, look = scene.found, scene.pair, scene.window, scene.look
    _draw(scene, _errors(scene), over_time.errors(found, pair, window, look), over_time.error_rows(found, pair))
    if not scene.has_rows:
        st.html(f'<p class="lead">{escape(NO_ROWS)}</p>')
        return
    _draw(scene, _curves(scene), distributions.curves(found, pair, look), distributions.curve_rows(found, pair))
    _draw(scene, _quantiles(scene), distributions.differences(found, pair, look), distributions.difference_rows(found))
    figure = over_time.paired(found, pair, window, look, scene.cold)
    _draw(scene, _minutes(scene), figure, over_time.paired_rows(found, scene.cold))


def _draw(scene: Scene, chart: _Chart, figure: go.Figure, rows: pd.DataFrame) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"chart_head_{chart.key}"):
        st.subheader(chart.heading, anchor=False)
        if len(rows):
            chart_downloads.show(
                lambda: rows,
                drawn=chart.key,
                key=chart.key,
                heading=chart.heading,
                endpoint=scene.endpoint,
                time=scene.window,
                look=scene.look,
            )
    if not len(rows):
        st.html(f'<p class="lead">{escape(chart.why_nothing)}</p>')
        return
    st.html(f'<p class="hint">{escape(chart.hint)}</p>')
    st.plotly_chart(figure, key=chart.key, config=charts.CONFIG, alt=chart.alt)


def _curves(scene: Scene) -> _Chart:
    return _Chart(
        "side_curves",
        "Latency of all requests",
        "The share of requests that took at most so long. Requests that failed are left out. "
        f"Source: {scene.reading.rows}.",
        f"Share of requests of {scene.both} that took at most so many milliseconds",
        "No request of both is known.",
    )


def _quantiles(scene: Scene) -> _Chart:
    least = [least_requests(each) for each in (0.5, 0.95, 0.99)]
    return _Chart(
        "side_quantiles",
        "Difference of latency by quantile",
        f"{scene.pair.candidate} minus {scene.pair.live}: above 0, {scene.pair.candidate} takes longer. A quantile "
        f"needs requests of both: {least[0]} for P50, {least[1]} for P95, {least[2]} for P99. The band is a 95 % "
        f"interval for each quantile by itself, from a bootstrap. Source: {scene.reading.rows}.",
        f"Difference of the latency of {scene.both} at each quantile in milliseconds, with its band",
        "Too few requests of both for an interval.",
    )


def _errors(scene: Scene) -> _Chart:
    return _Chart(
        "side_errors",
        "Server errors over time",
        "The share of requests that failed, with Wilson’s 95 % interval: few requests make a long one. "
        f"Source: {scene.reading.counts}.",
        f"Share of failed requests of {scene.both} over time, with intervals",
        "No requests in this window.",
    )


def _minutes(scene: Scene) -> _Chart:
    return _Chart(
        "side_minutes",
        "Difference of latency, minute by minute",
        f"How much longer the median request to {scene.pair.candidate} took than that to {scene.pair.live} in the same "
        "minute: what slows a minute down slows both. The line is the median of the minutes, the band its 95 % "
        f"interval.{' Shaded minutes are cold.' if scene.cold else ''} Source: {scene.reading.rows}.",
        f"Difference of the median latency of {scene.both} in each minute, in percent",
        "No minute has requests of both.",
    )
