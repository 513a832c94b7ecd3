"""A time of the person's own choice for two deployments: its ends stand in the URL (``?from=&to=``, UTC)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from ui import readers
from ui.shadow.side_window import LONGEST
from ui.url_time import FROM, TO, forget, moment

ODD = (
    "The address asks for a time that is none. Write from and to like 2026-03-01T12:00Z, the first before the second. "
    "The window chosen above is shown."
)
_HOURS = int(LONGEST / timedelta(hours=1))
TOO_LONG = f"So long a time is not read at once. Its last {_HOURS} hours are shown."
TURNED = "From must be before To. Choose again."
_TURNED = "side_ends_turned"


def show() -> None:
    """Draw the field that opens, and keep what is chosen in the URL."""
    with st.popover("From … to", icon=":material/date_range:"):
        first, last = _ends_or_last_hour()
        with st.form("side_ends", border=False):
            start = st.datetime_input("From", value=first.replace(tzinfo=None), key="side_from", step=60)
            end = st.datetime_input("To", value=last.replace(tzinfo=None), key="side_to", step=60)
            st.caption(f"Times in UTC. At most {_HOURS} hours.")
            if st.form_submit_button("Show", type="primary") and start and end:
                _choose(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))


def ends() -> tuple[datetime, datetime] | None:
    """The chosen ends, None while none are chosen."""
    return between(st.query_params.get(FROM, ""), st.query_params.get(TO, ""))


def between(start: str, end: str) -> tuple[datetime, datetime] | None:
    """The time that two words of an address ask for, None when they make no sense. Pure."""
    first, last = moment(start), moment(end)
    return (first, last) if first is not None and last is not None and first < last else None


def show_chosen() -> None:
    """Say which ends are shown and offer the way back, or what is wrong with them; nothing when none were chosen."""
    if st.session_state.pop(_TURNED, False):
        st.html(f'<p class="hint" role="status">{TURNED}</p>')
    chosen = ends()
    if chosen is not None:
        start, end = (each.astimezone(UTC) for each in chosen)
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="side_ends_row"):
            shown = f"Shown: <b>{start:%Y-%m-%d %H:%M}</b> to <b>{end:%Y-%m-%d %H:%M}</b> UTC."
            more = f" {TOO_LONG}" if end - start > LONGEST else ""
            st.html(f'<p class="hint">{shown}{more}</p>', width="content")
            st.button("Back to the window above", key="side_way_back", icon=":material/undo:", on_click=forget)
    elif st.query_params.get(FROM) or st.query_params.get(TO):
        st.html(f'<p class="hint" role="status">{ODD}</p>')


def _choose(start: datetime, end: datetime) -> None:
    if start >= end:
        st.session_state[_TURNED] = True
        return
    st.query_params[FROM], st.query_params[TO] = _text(start), _text(end)


def _ends_or_last_hour() -> tuple[datetime, datetime]:
    now = readers.azure_now().replace(second=0, microsecond=0)
    first, last = ends() or (now - timedelta(hours=1), now)
    return first.astimezone(UTC), last.astimezone(UTC)


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"
