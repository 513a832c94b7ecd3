"""Which requests of the traffic log are asked for. It stands in the URL, so that a chart can lead to a minute of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import streamlit as st

from services.logs.traffic_log import STATUS_WORDS, Wanted
from services.model import Deployment, Endpoint
from ui import context
from ui.url_time import FROM, TO, forget, moment, written

SPANS = {
    "30 min": timedelta(minutes=30),
    "1 h": timedelta(hours=1),
    "6 h": timedelta(hours=6),
    "24 h": timedelta(hours=24),
    "7 d": timedelta(days=7),
}
_SPAN = "1 h"


def address(endpoint: Endpoint, since: datetime, until: datetime) -> dict[str, str]:
    """The query string of the Logs page that shows the requests of a time, for a link from elsewhere. Pure."""
    return {"endpoint": endpoint.name, "view": "traffic", FROM: written(since), TO: written(until)}


def show(deployments: Sequence[Deployment]) -> Wanted:
    """Draw the filters, and say what they ask for."""
    since, until = _absolute()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="traffic_filters"):
        if since is None:
            span = st.segmented_control(
                "Over the last", list(SPANS), key="span", default=_SPAN, required=True, bind="query-params"
            )
        else:
            span = _SPAN
            st.button("Last hour", key="traffic_last", icon=":material/history:", on_click=forget)
        names = [each.name for each in deployments]
        chosen = st.multiselect("Deployment", names, key="served_by", placeholder="Any", width=220, bind="query-params")
        errors = context.settings().statuses
        statuses = st.multiselect(
            "Status",
            STATUS_WORDS,
            key="code",
            placeholder="Any",
            width=260,
            bind="query-params",
            help=f"Server errors are {errors.server_words}, client errors {errors.client_words}.",
        )
        st.text_input(
            "Open request id",
            key="traffic_asked_id",
            placeholder="x-request-id or x-ms-client-request-id",
            width=280,
            on_change=_asked,
        )
    if since is not None and until is not None:
        st.html(f'<p class="label">Requests from {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC</p>')
    return Wanted(SPANS.get(str(span), SPANS[_SPAN]), since, until, tuple(chosen), tuple(statuses), errors=errors)


def _absolute() -> tuple[datetime, datetime] | tuple[None, None]:
    """The time of the URL; what is wrong with it is said."""
    texts = [st.query_params.get(name, "") for name in (FROM, TO)]
    if not any(texts):
        return None, None
    since, until = (moment(text) for text in texts)
    if since is None or until is None or since >= until:
        st.html(
            '<p class="note">The time in this address cannot be read. It needs <code>from</code> and, later, '
            "<code>to</code>, such as 2026-03-01T14:05:00Z. The last hour is shown.</p>"
        )
        return None, None
    return since, until


def _asked() -> None:
    asked = str(st.session_state["traffic_asked_id"]).strip()
    if asked:
        st.query_params["request"] = asked
