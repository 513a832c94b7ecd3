"""One minute of the charts, looked at closely: its numbers, its requests, what was written in it, what was changed.

It opens where somebody clicks a point of a chart, and with ``?minute=``. Nothing waits for a source: each is drawn when
it has been read, and one that fails, or is late, says so in its own place.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Deployment, Endpoint
from ui import charts, context, readers, scope, words
from ui.charts import Look
from ui.metrics import minute_address, minute_parts, minute_readings
from ui.metrics.minute_address import Moment
from ui.turns import Turns
from ui.url_time import FROM, TO, written

POLL_SECONDS = 0.7


def show(endpoint: Endpoint, deployments: Sequence[Deployment], look: Look) -> None:
    """Draw the minute that the URL asks for, if it asks for one.

    It is drawn in every run of the page: a dialog that is not drawn again closes under the person's hands.
    """
    asked = minute_address.opened()
    if asked is not None:
        st.dialog(_span(asked, look), width="large", icon=":material/search:", on_dismiss=minute_address.close)(_panel)(
            endpoint, deployments, asked, look
        )


def _panel(endpoint: Endpoint, deployments: Sequence[Deployment], asked: Moment, look: Look) -> None:
    _links(endpoint, asked)
    if asked.at > readers.key(endpoint.workspace_ref)[0].now():
        st.html('<p class="lead">This time is still to come.</p>')
        return
    is_reading = minute_readings.look(endpoint, deployments, asked).is_reading
    st.fragment(_parts, run_every=POLL_SECONDS if is_reading else None)(endpoint, deployments, asked, look, Turns())


def _parts(endpoint: Endpoint, deployments: Sequence[Deployment], asked: Moment, look: Look, turns: Turns) -> None:
    known = minute_readings.look(endpoint, deployments, asked)
    is_by_itself = turns.is_by_itself()
    with st.container(key="minute_parts"):
        minute_parts.numbers(known.numbers, endpoint, deployments, asked)
        minute_parts.requests(known.requests, endpoint, deployments, asked)
        minute_parts.lines(known.lines, look)
        minute_parts.changes(known.writes, known.scalings, endpoint, asked)
    if is_by_itself and not known.is_reading:
        # Nothing more comes: the dialog without its clockwork.
        st.rerun()


def _links(endpoint: Endpoint, asked: Moment) -> None:
    """The way to the whole of it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="minute_links"):
        for label, view, icon in (
            ("All requests of this time", "traffic", ":material/list_alt:"),
            ("All log lines of this time", "containers", ":material/article:"),
        ):
            query = {"view": view, FROM: written(asked.at), TO: written(asked.until)}
            st.page_link(
                context.ROOT / "pages" / "logs.py",
                label=label,
                icon=icon,
                query_params={**scope.link(endpoint.workspace_ref, endpoint.name), **query},
            )
        st.button(
            "Read again",
            key="minute_again",
            type="tertiary",
            icon=":material/refresh:",
            on_click=minute_readings.forget,
        )


def _span(asked: Moment, look: Look) -> str:
    """The title: the minute, or from when to when a longer point lasts."""
    start, end = asked.at.astimezone(look.zone), asked.until.astimezone(look.zone)
    name = charts.zone_name(look.zone, asked.at)
    if asked.minutes == 1:
        return f"The minute {start:%Y-%m-%d %H:%M} {name}"
    length = words.elapsed(asked.minutes * 60).replace(" 0 s", "").replace(" 0 min", "").replace(" 0 h", "")
    return f"{length} from {start:%Y-%m-%d %H:%M} to {end:%H:%M} {name}"
