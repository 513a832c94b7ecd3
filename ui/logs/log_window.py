"""The minutes that somebody came for, such as from a spike in a chart: ``?from=…&to=…`` in the URL, ISO 8601."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from ui.url_time import FROM, TO, forget, moment


def show(*, key: str, what: str = "lines") -> tuple[datetime | None, datetime | None]:
    """Say which minutes are asked for, with the way back to all, and return them; None is no bound.

    ``what`` is of these minutes, in the plural.
    """
    texts = [st.query_params.get(name, "") for name in (FROM, TO)]
    since, until = (moment(text) for text in texts)
    if any(text and moment(text) is None for text in texts):
        st.html(
            '<p class="note">The time in this address cannot be read. It needs one such as 2026-03-01T14:05:00Z.</p>'
        )
    if since is None and until is None:
        return None, None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="hint">{_words(what, since, until)}</p>', width="content")
        st.button("Show all", key=key, icon=":material/close:", on_click=forget)
    return since, until


def _words(what: str, since: datetime | None, until: datetime | None) -> str:
    begin = f"from {since:%Y-%m-%d %H:%M:%S} " if since else ""
    end = f"to {until:%Y-%m-%d %H:%M:%S} " if until else ""
    return f"Only {what} {begin}{end}UTC."
