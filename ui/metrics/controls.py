"""What the person wants to see on the Metrics page: the time, the charts, and how they are drawn.

A range of fixed ends stands in the URL (``?from=&to=``, UTC): dragging over a chart, the fields and links from other
pages set it. The ranges that were narrowed are remembered for the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from services.azure.slices import MOST_POINTS
from services.metrics import GROUPS, PERCENTILES, TRAFFIC, grain_for
from services.model import Endpoint
from ui import charts, context, readers, scope, strip
from ui.metrics import grain_field, minute_field
from ui.readers import Span
from ui.url_time import FROM, TO, forget, moment

RANGES = {
    "30 min": 30,
    "1 h": 60,
    "3 h": 180,
    "6 h": 360,
    "12 h": 720,
    "24 h": 1440,
    "7 d": 10_080,
    "30 d": 43_200,
}
REFRESH_SECONDS = 30
MANY_POINTS_SECONDS = 300
"""How often is read what takes Azure several questions for each kind of number."""
MANY_WORDS = f"So many points are read again every {MANY_POINTS_SECONDS // 60} min, not every {REFRESH_SECONDS} s."
SHORTEST = timedelta(minutes=5)
"""A narrower drag is widened to this: fewer points than five say nothing."""
_VIEW = "view"
_WAY_BACK, _ZOOMS = "metrics_way_back", "metrics_zooms"
_DEFAULT = "3 h"


@dataclass(frozen=True)
class View:
    """What the person wants to see. ``zooms`` counts the narrowed ranges: a chart that was
    dragged over is drawn anew under another key, without the box."""

    span: Span
    group: str
    percentile: str
    look: charts.Look
    with_before: bool
    zooms: int


def controls(endpoint: Endpoint) -> View:
    """Draw time range, percentile, time zone and automatic refresh. They stay as set while the session lasts."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="metric_controls"):
        st.segmented_control(
            "Time range",
            list(RANGES),
            default=_DEFAULT,
            key="range",
            required=True,
            persist_state="session",
            wrap=True,
            on_change=_forget_ends,
        )
        percentile = st.segmented_control(
            "Latency percentile",
            list(PERCENTILES),
            default="P95",
            key="percentile",
            required=True,
            persist_state="session",
        )
        grain = grain_field.show()
        zone = _zone()
        with st.popover("From … to", icon=":material/date_range:"):
            _ends_form(zone)
        minute_field.show(zone)
        with_before = st.toggle("Period before", key="with_before", persist_state="session")
        is_fresh = st.toggle("Refresh every 30 s", value=True, key="auto_refresh", persist_state="session")
    ends = _ends()
    if ends is not None:
        _way_back_row(endpoint, ends, zone)
        span = Span(start_at=ends[0], end_at=ends[1], grain_seconds=grain)
    else:
        span = Span(RANGES[st.session_state["range"] or _DEFAULT], grain_seconds=grain)
    many = _many_points(span)
    if is_fresh and ends is None:
        strip.refresh_every(MANY_POINTS_SECONDS if many else REFRESH_SECONDS)
    told = [grain_field.refusal(_minutes(span), grain), MANY_WORDS if many and ends is None else ""]
    if any(told):
        st.html(f'<p class="hint" role="status">{" ".join(filter(None, told))}</p>')
    look = charts.Look(zone, st.context.theme.type == "dark")
    return View(span, group(), percentile or "P95", look, with_before, st.session_state.get(_ZOOMS, 0))


def group() -> str:
    """Draw the switch between the groups of charts, and say which one is looked at. It stands in the URL."""
    asked = st.query_params.get(_VIEW, "").capitalize()
    st.session_state["metric_group"] = asked if asked in GROUPS else TRAFFIC

    def chosen() -> None:
        st.query_params[_VIEW] = st.session_state["metric_group"].lower()

    picked = st.segmented_control(
        "Charts", list(GROUPS), key="metric_group", required=True, label_visibility="collapsed", on_change=chosen
    )
    return picked or TRAFFIC


def _minutes(span: Span) -> int:
    if span.start_at and span.end_at:
        return int((span.end_at - span.start_at) / timedelta(minutes=1))
    return span.minutes


def _many_points(span: Span) -> bool:
    minutes = _minutes(span)
    return minutes * 60 > MOST_POINTS * grain_for(minutes, span.grain_seconds)


def narrow(ends: Sequence[str], zone: tzinfo) -> None:
    """Take the time that was dragged over as the new range: two moments of a chart's axis. For callbacks."""
    found = whole_minutes(ends, zone)
    if found is not None:
        st.session_state[_ZOOMS] = st.session_state.get(_ZOOMS, 0) + 1
        _stack().append((st.query_params.get(FROM, ""), st.query_params.get(TO, "")))
        _set_ends(*found)


def whole_minutes(moments: Sequence[str], zone: tzinfo) -> tuple[datetime, datetime] | None:
    """The whole minutes that two moments of a chart's axis (wall time in ``zone``, in any order) lie in. Pure.

    None when they are no times.
    """
    try:
        first, last = sorted(
            pd.Timestamp(each).floor("us").to_pydatetime().replace(tzinfo=zone).astimezone(UTC) for each in moments
        )
    except (ValueError, TypeError):
        return None
    if last - first < SHORTEST:
        middle = first + (last - first) / 2
        first, last = middle - SHORTEST / 2, middle + SHORTEST / 2
    return _floor(first), _floor(last + timedelta(seconds=59))


def _ends() -> tuple[datetime, datetime] | None:
    start, end = st.query_params.get(FROM), st.query_params.get(TO)
    if not start and not end:
        return None
    ends = moment(start or ""), moment(end or "")
    if ends[0] is None or ends[1] is None:
        st.html(
            '<p class="hint">The address asks for a time that is none. Write <code>from</code> and <code>to</code> '
            "like 2026-03-01T12:00Z. The range chosen above is shown.</p>"
        )
        return None
    return ends[0], ends[1]


def _way_back_row(endpoint: Endpoint, ends: tuple[datetime, datetime], zone: tzinfo) -> None:
    start, end = (each.astimezone(zone) for each in ends)
    name = charts.zone_name(zone, end)
    before = _stack()[-1] if _stack() else ("", "")
    label = "Back to the range before" if any(before) else f"Back to the last {st.session_state['range']}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="way_back_row"):
        shown = f"Shown: <b>{start:%Y-%m-%d %H:%M}</b> to <b>{end:%Y-%m-%d %H:%M}</b> {name}"
        st.html(f'<p class="hint">{shown}</p>', width="content")
        st.button(label, key="way_back", icon=":material/undo:", on_click=_go_back)
        for words, view, icon in (
            ("Requests", "traffic", ":material/list_alt:"),
            ("Log lines", "containers", ":material/article:"),
        ):
            query = {_VIEW: view, FROM: _text(ends[0]), TO: _text(ends[1])}
            st.page_link(
                context.ROOT / "pages" / "logs.py",
                label=words,
                icon=icon,
                help=f"{words} of this time on the Logs page.",
                query_params={**scope.link(endpoint.workspace_ref, endpoint.name), **query},
            )


def _ends_form(zone: tzinfo) -> None:
    ends = _ends_or_last_hour()
    with st.form("ends", border=False):
        start = st.datetime_input("From", value=_wall(ends[0], zone), key="ends_from", step=60)
        end = st.datetime_input("To", value=_wall(ends[1], zone), key="ends_to", step=60)
        st.caption(f"Times in {charts.zone_name(zone, ends[1])}. At most 30 days, of the last 93.")
        if st.form_submit_button("Show", type="primary") and start and end:
            _stack().clear()
            _set_ends(start.replace(tzinfo=zone).astimezone(UTC), end.replace(tzinfo=zone).astimezone(UTC))


def _ends_or_last_hour() -> tuple[datetime, datetime]:
    start, end = moment(st.query_params.get(FROM, "")), moment(st.query_params.get(TO, ""))
    now = _floor(readers.azure_now())
    return (start, end) if start and end else (now - timedelta(hours=1), now)


def _wall(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _zone() -> tzinfo:
    local = st.context.timezone
    if not local or local in ("UTC", "Etc/UTC"):
        return UTC
    zone = st.segmented_control(
        "Times in", ["UTC", local], default="UTC", key="zone", required=True, persist_state="session"
    )
    return ZoneInfo(local) if zone == local else UTC


def _stack() -> list[tuple[str, str]]:
    stack: list[tuple[str, str]] = st.session_state.setdefault(_WAY_BACK, [])
    return stack


def _set_ends(start: datetime, end: datetime) -> None:
    st.query_params[FROM], st.query_params[TO] = _text(start), _text(end)


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"


def _go_back() -> None:
    start, end = _stack().pop() if _stack() else ("", "")
    if start and end:
        st.query_params[FROM], st.query_params[TO] = start, end
    else:
        _forget_ends()


def _forget_ends() -> None:
    _stack().clear()
    forget()


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
