"""What can be taken along from a chart: its rows as CSV, and the chart itself as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import pandas as pd
import streamlit as st

from services.model import Window
from ui import charts
from ui.charts import Look
from ui.components.chart_files import chart_files


def show(
    rows: Callable[[], pd.DataFrame] | None,
    *,
    drawn: str,
    key: str,
    heading: str,
    endpoint: str,
    time: Window,
    look: Look,
) -> None:
    """Draw the buttons. ``drawn`` is the key of the chart on the page, ``key`` names it in files.

    The CSV has exactly what ``rows`` returns when it is clicked, whatever the chart leaves out to stay light. None
    offers no CSV.
    """
    name = file_name(endpoint, key, time)
    if rows is not None:
        made = rows
        st.download_button(
            "CSV",
            data=lambda: to_csv(made()),
            file_name=f"{name}.csv",
            mime="text/csv",
            key=f"csv_{key}",
            type="tertiary",
            on_click="ignore",
        )
    chart_files(drawn, name=name, title=heading, about=f"{endpoint}, {span_words(time, look)}")


def file_name(endpoint: str, key: str, time: Window) -> str:
    """``endpoint-metric-range``, the range in UTC. Pure."""
    start, end = (f"{each.astimezone(UTC):%Y%m%dT%H%MZ}" for each in (time.start_at, time.end_at))
    return f"{endpoint}-{key.replace('_', '-')}-{start}-{end}"


def span_words(time: Window, look: Look) -> str:
    """The time of a chart for a person, in the zone of ``look``. Pure."""
    start, end = (f"{each.astimezone(look.zone):%Y-%m-%d %H:%M}" for each in (time.start_at, time.end_at))
    return f"{start} to {end} {charts.zone_name(look.zone, time.end_at)}"


def to_csv(rows: pd.DataFrame) -> str:
    """All rows, moments in UTC as ISO 8601. Pure."""
    return rows.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
