"""A minute to look at, by its time: the way to it without a pointer, and to one that no chart shows."""

from __future__ import annotations

from datetime import UTC, timedelta, tzinfo

import streamlit as st

from ui import charts, readers
from ui.metrics import minute_address
from ui.metrics.minute_address import Moment

_FIELD = "minute_field"
_LATEST = timedelta(minutes=5)
"""How old the minute is that is proposed: one that has settled."""


def show(zone: tzinfo) -> None:
    """Draw the field behind its button."""
    now = readers.azure_now()
    told = "Its numbers, requests, log lines and changes."
    with (
        st.popover("A minute", icon=":material/search:", help=told),
        st.form("minute_form", border=False),
    ):
        asked = st.datetime_input(
            "Look at the minute",
            value=(now - _LATEST).replace(second=0, microsecond=0).astimezone(zone).replace(tzinfo=None),
            key=_FIELD,
            step=60,
        )
        st.caption(f"Time in {charts.zone_name(zone, now)}. Clicking a point of a chart does the same.")
        if st.form_submit_button("Look", type="primary") and asked is not None:
            minute_address.open_at(Moment(asked.replace(tzinfo=zone).astimezone(UTC)))
