"""The minutes that somebody came for, such as from a spike in a chart: ``?from=…&to=…`` in the URL, ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st


def show(*, key: str) -> tuple[datetime | None, datetime | None]:
    """Say which minutes are asked for, with the way back to all, and return them; None is no bound."""
    since, until = moment(st.query_params.get("from", "")), moment(st.query_params.get("to", ""))
    if since is None and until is None:
        return None, None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="hint">{_words(since, until)}</p>', width="content")
        st.button("Show all", key=key, icon=":material/close:", on_click=_forget)
    return since, until


def moment(text: str) -> datetime | None:
    """A moment of the URL, None when it makes no sense. One without a zone is UTC. Pure."""
    try:
        # A plus sign that nobody has encoded arrives as a blank.
        found = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _words(since: datetime | None, until: datetime | None) -> str:
    begin = f"from {since:%Y-%m-%d %H:%M:%S} " if since else ""
    end = f"to {until:%Y-%m-%d %H:%M:%S} " if until else ""
    return f"Only lines {begin}{end}UTC."


def _forget() -> None:
    for name in ("from", "to"):
        st.query_params.pop(name, None)
