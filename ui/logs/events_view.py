"""What happened to the endpoint: what its containers went through, and who wrote to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import streamlit as st

from services.azure import activity, events
from services.azure.activity import Write
from services.azure.diagnostics import EVENTS
from services.azure.events import EVENT_NAMES, LifecycleEvent, Wanted
from services.model import Deployment, Endpoint
from ui import problem, readers
from ui.behind import Behind, Look
from ui.components.table import Column, Row, table
from ui.logs import diagnostics_panel, log_window
from ui.logs.events_table import EVENT_COLUMNS, WRITE_COLUMNS, event_rows, write_rows
from ui.turns import Turns

SPANS = {"1 h": timedelta(hours=1), "24 h": timedelta(hours=24), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}
_SPAN = "24 h"
POLL_SECONDS = 0.5
"""How soon to look again while a reading is on its way."""
MAX_AGE_SECONDS = 60.0
KEEP_SECONDS = 600.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Asked:
    """What is looked at: which endpoint and deployments, and which events of which time."""

    endpoint: Endpoint
    names: tuple[str, ...]
    wanted: Wanted
    is_sent: bool | None


@st.cache_resource(show_spinner=False)
def _events() -> Behind[list[LifecycleEvent]]:
    return Behind()


@st.cache_resource(show_spinner=False)
def _writes() -> Behind[list[Write]]:
    return Behind()


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw whether events are kept, the filters, the events, and the writes; each may fail on its own."""
    sent = diagnostics_panel.show(endpoint, EVENTS)
    names = tuple(each.name for each in deployments)
    asked = _Asked(endpoint, names, _filters(names), None if sent is None else bool(sent.readable))
    if _event_look(asked).is_reading or _write_look(asked).is_reading:
        st.fragment(_follow, run_every=POLL_SECONDS)(asked, Turns())
    else:
        _draw(asked)


def _filters(names: Sequence[str]) -> Wanted:
    since, until = log_window.show(key="events_window", what="events")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="event_filters"):
        span = _SPAN
        if since is None and until is None:
            span = str(
                st.segmented_control(
                    "Over the last", list(SPANS), key="events_of", default=_SPAN, required=True, bind="query-params"
                )
            )
        chosen = st.multiselect("Deployment", names, key="events_on", placeholder="Any", width=220, bind="query-params")
        kinds = st.multiselect(
            "Event", EVENT_NAMES, key="events_named", placeholder="Any", width=300, bind="query-params"
        )
        text = st.text_input("Message", key="events_text", placeholder="Words in it", width=220, bind="query-params")
    return Wanted(
        SPANS.get(span, SPANS[_SPAN]), since, until, tuple(chosen), tuple(kinds), tuple(str(text or "").split())
    )


def _event_look(asked: _Asked) -> Look[list[LifecycleEvent]]:
    conn, generation, _ = readers.key(asked.endpoint.workspace_ref)
    return _events().look(
        (generation, asked.endpoint.id.lower(), asked.wanted),
        lambda: events.recent(conn, asked.endpoint, asked.wanted),
        max_age_seconds=MAX_AGE_SECONDS,
        keep_seconds=KEEP_SECONDS,
    )


def _write_look(asked: _Asked) -> Look[list[Write]]:
    conn, generation, _ = readers.key(asked.endpoint.workspace_ref)
    wanted = asked.wanted

    def read() -> list[Write]:
        now = conn.now()
        since, until = wanted.since or (wanted.until or now) - wanted.span, wanted.until or now
        return activity.writes(conn, asked.endpoint.id, since, until)

    key = (generation, asked.endpoint.id.lower(), wanted.span, wanted.since, wanted.until)
    return _writes().look(key, read, max_age_seconds=MAX_AGE_SECONDS, keep_seconds=KEEP_SECONDS)


def _follow(asked: _Asked, turns: Turns) -> None:
    """Draw what is there while the rest comes."""
    is_by_itself = turns.is_by_itself()
    if is_by_itself and not _event_look(asked).is_reading and not _write_look(asked).is_reading:
        st.rerun()
    _draw(asked)


def _draw(asked: _Asked) -> None:
    st.header("Lifecycle of the instances", anchor=False)
    name = asked.endpoint.name
    happened = _event_look(asked)
    _said(happened, "events", "Reading the events…", _events())
    if happened.value is not None:
        _list(f"Lifecycle events of {name}", EVENT_COLUMNS, event_rows(happened.value, asked.names), "lifecycle_events")
        if not happened.value:
            st.html(f'<p class="lead">No lifecycle event is like that in this time. {_why_none(asked.is_sent)}</p>')
        if len(happened.value) == events.MOST_EVENTS:
            st.caption(f"The newest {events.MOST_EVENTS} events.")
    st.header("Writes to the endpoint", anchor=False)
    written = _write_look(asked)
    _said(written, "writes", "Reading the activity log…", _writes())
    if written.value is not None:
        _list(f"Writes to {name}", WRITE_COLUMNS, write_rows(written.value), "writes")
        if not written.value:
            st.html(
                '<p class="lead">The activity log knows of no write in this time. Azure shows a write up to twenty '
                "minutes after it was made, and for 90 days.</p>"
            )


def _list(title: str, columns: Sequence[Column], rows: Sequence[Row], key: str) -> None:
    if rows:
        table(title, tuple(columns), list(rows), key=key, download=f"sluice-{key.replace('_', '-')}.csv")


def _said(look: Look[_T], key: str, reading: str, behind: Behind[_T]) -> None:
    """Why the last reading failed, or that the first one is on its way."""
    if look.problem is not None:
        problem.show(look.problem, key=key, retry=behind.forget)
    elif look.value is None:
        st.html(f'<p class="working">{reading}</p>')


def _why_none(is_sent: bool | None) -> str:
    if is_sent:
        return "Events arrive 3 to 10 minutes late; after the log was switched on the first need up to an hour."
    if is_sent is None:
        return "Whether the event log is sent could not be read."
    return "The event log is not sent to Log Analytics: nothing of now is kept."
