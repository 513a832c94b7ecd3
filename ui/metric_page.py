"""What the Metrics page is made of: its controls, the key figures, the charts and the download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from functools import partial
from html import escape
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from services.errors import SluiceError
from services.metrics import PERCENTILES, SETTLE_SECONDS, DeploymentMetrics
from services.model import Endpoint
from ui import charts, colours, context, figures, problem, strip, words
from ui.components.table import Cell, Column, Row, table
from ui.journal import journal_lines
from ui.journal.journal_lines import Line

RANGES = {
    "30 min": 30,
    "1 h": 60,
    "3 h": 180,
    "6 h": 360,
    "12 h": 720,
    "24 h": 1440,
    "7 d": 10_080,
}
REFRESH_SECONDS = 30
MOST_CHANGES = 500
"""How many changes are looked at for the lines on the charts; the newest count."""
NOTHING = "No data in this time range. Send a request, or widen the range."


@dataclass(frozen=True)
class View:
    """What the person wants to see."""

    minutes: int
    percentile: str
    look: charts.Look


def controls() -> View:
    """Draw time range, percentile, time zone and automatic refresh. They stay as set while the session lasts."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="metric_controls"):
        span = st.segmented_control(
            "Time range", list(RANGES), default="3 h", key="range", required=True, persist_state="session", wrap=True
        )
        percentile = st.segmented_control(
            "Latency percentile",
            list(PERCENTILES),
            default="P95",
            key="percentile",
            required=True,
            persist_state="session",
        )
        zone = _zone()
        if st.toggle("Refresh every 30 s", value=True, key="auto_refresh", persist_state="session"):
            strip.refresh_every(REFRESH_SECONDS)
    return View(RANGES[span or "3 h"], percentile or "P95", charts.Look(zone, st.context.theme.type == "dark"))


def _zone() -> tzinfo:
    local = st.context.timezone
    if not local or local in ("UTC", "Etc/UTC"):
        return UTC
    zone = st.segmented_control(
        "Times in", ["UTC", local], default="UTC", key="zone", required=True, persist_state="session"
    )
    return ZoneInfo(local) if zone == local else UTC


def key_figures(data: DeploymentMetrics, deployments: Sequence[str]) -> None:
    """Draw one row of numbers per deployment, from settled minutes alone."""
    palette = colours.of_deployments(deployments)
    columns = (
        Column("Deployment"),
        Column("Requests", number=True, help="In the whole time range, mirrored requests included."),
        Column("Mean rate", number=True, help="Over the minutes that have data."),
        Column("Server errors", number=True, help="Share of 5xx, 424 (model), 408 (timeout) and 429 (overload)."),
        Column("Client errors", number=True, help="Share of all other 4xx."),
        *(Column(f"{name}, newest", number=True, help="At the newest settled point.") for name in PERCENTILES),
    )
    rows = []
    for name in deployments:
        figure = figures.key_figures(data, name)
        most, about = ("", "") if figure.is_exact else ("≤ ", "≈ ")
        rows.append(
            Row(
                name,
                (
                    Cell(name, colour=palette[name], strong=True),
                    _number(figure.requests, f"{most}{figure.requests or 0:,.0f}"),
                    _number(figure.per_minute, about + words.rate(figure.per_minute)),
                    _number(figure.server_error_percent, about + words.percent(figure.server_error_percent)),
                    _number(figure.client_error_percent, about + words.percent(figure.client_error_percent)),
                    *(
                        _number(figure.newest.get(each), words.milliseconds(figure.newest.get(each)))
                        for each in PERCENTILES
                    ),
                ),
            )
        )
    table("Key figures per deployment", columns, rows, key="key_figures")


def _number(value: float | None, text: str) -> Cell:
    return Cell(words.NO_DATA, muted=True) if value is None else Cell(text, sort=value)


def changes(endpoint: Endpoint, data: DeploymentMetrics, view: View) -> tuple[Line, ...]:
    """The changes of the endpoint's split in the charts' time, as lines. A journal that fails is said, and none."""
    try:
        entries = context.journal().entries(
            endpoint_id=endpoint.id, since=data.window.start_at - timedelta(hours=1), limit=MOST_CHANGES
        )
    except SluiceError as error:
        problem.show(error, key="changes")
        return ()
    return journal_lines.lines(entries, data.window, view.look.zone)


def show_charts(data: DeploymentMetrics, deployments: Sequence[str], view: View, lines: Sequence[Line]) -> None:
    """Draw latency, requests and errors, one below the other on the same time axis, each with the changes' lines."""
    zone = charts.zone_name(view.look.zone, data.window.end_at)
    st.html(f'<p class="hint">{escape(_settled_words(data, view, zone))} {_line_words(lines)}</p>')
    draw = partial(_chart, lines=lines, look=view.look)
    draw(
        f"Latency, {view.percentile}, ms",
        charts.latency(data, deployments, view.percentile, view.look),
        key="latency",
        alt=f"{view.percentile} latency in milliseconds of {', '.join(deployments)} over time",
    )
    draw(
        "Requests per minute",
        charts.requests(data, deployments, view.look),
        key="requests",
        alt=f"Requests per minute of {', '.join(deployments)} over time",
    )
    statuses = figures.failing_statuses(data)
    draw(
        "Errors per minute, by status",
        charts.errors(data, deployments, statuses, view.look),
        key="errors",
        alt=f"Failed requests per minute by deployment and status ({', '.join(statuses) or 'none'}) over time",
        nothing="No errors in this time range." if len(data.requests) else "",
    )


def _chart(
    heading: str,
    figure: go.Figure,
    *,
    lines: Sequence[Line],
    look: charts.Look,
    key: str,
    alt: str,
    nothing: str = "",
) -> None:
    st.header(heading, anchor=False)
    if not figure.data:
        st.html(f'<p class="lead">{escape(nothing or NOTHING)}</p>')
        return
    journal_lines.draw(figure, lines, look.zone, is_dark=look.is_dark)
    st.plotly_chart(figure, key=key, config=charts.CONFIG, alt=alt)


def _line_words(lines: Sequence[Line]) -> str:
    return "Upright lines are changes of the split, dashed when made elsewhere." if lines else ""


def _settled_words(data: DeploymentMetrics, view: View, zone: str) -> str:
    grain = words.elapsed(data.window.grain_seconds).replace(" 0 s", "").replace(" 0 min", "")
    until = data.settled_until.astimezone(view.look.zone)
    text = (
        f"One point is {grain}. Azure Monitor still changes its newest {SETTLE_SECONDS // 60} min: "
        f"points from {until:%H:%M} {zone} on are dotted. Gaps are minutes without data. "
        "“Newest” is the last settled point."
    )
    if data.window.grain_seconds > 60:
        text += " At this grain Azure gives the mean of the minutes' percentiles, which is not a percentile itself."
        text += (
            " Its mean rates leave out minutes without such requests: sparse traffic and rare errors look more "
            "frequent than they are. Up to 12 h the numbers are exact."
        )
    return text


def download(endpoint: str, data: DeploymentMetrics) -> None:
    """Offer the numbers behind the charts as CSV."""
    with st.container(horizontal=True, key="downloads"):
        for label, rows in (("latency", data.latency), ("requests", data.requests)):
            st.download_button(
                f"Download {label}, CSV",
                data=partial(_csv, rows),
                file_name=f"{endpoint}-{label}.csv",
                mime="text/csv",
                key=f"download_{label}",
                icon=":material/download:",
                disabled=not len(rows),
                on_click="ignore",
            )


def _csv(rows: pd.DataFrame) -> str:
    return rows.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ")


def show_no_deployments(endpoint: str) -> None:
    """Say why there is nothing to draw."""
    st.html(f'<p class="lead">{escape(endpoint)} has no deployment yet, so there is nothing to measure.</p>')
    st.page_link(
        context.ROOT / "pages" / "endpoints.py",
        label="See the endpoint",
        icon=":material/lan:",
        query_params={"endpoint": endpoint},
    )
