"""What happened to the endpoint, on the Overview page: its containers' events, and who wrote to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from services.azure import activity, diagnostics, events
from services.azure.activity import Write
from services.azure.connection import Connection
from services.azure.events import LifecycleEvent
from services.errors import SluiceError
from services.model import Deployment, Endpoint
from ui import colours, problem, readers, words
from ui.components.table import Cell, Column, Row, table

SPANS = {"1 h": 1, "24 h": 24, "7 d": 168}
_EVENT_COLUMNS = (
    Column("Time"),
    Column("Deployment"),
    Column("Event"),
    Column("Message"),
    Column("Instance", help="The beginning of Azure's id of the instance."),
)
_WRITE_COLUMNS = (Column("Time"), Column("Caller"), Column("Operation"), Column("Outcome"), Column("Correlation id"))
_BAD = ("BackOff", "LivenessProbeFailed", "ReadinessProbeFailed")


@st.cache_data(ttl=readers.METRIC_SECONDS, max_entries=100, show_spinner=False)
def _events(
    _conn: Connection,
    generation: int,  # noqa: ARG001 - part of the key
    workspace: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    hours: int,
    _endpoint: Endpoint,
) -> list[LifecycleEvent]:
    return events.recent(_conn, _endpoint, timedelta(hours=hours))


@st.cache_data(ttl=readers.METRIC_SECONDS, max_entries=100, show_spinner=False)
def _writes(
    _conn: Connection,
    generation: int,  # noqa: ARG001 - part of the key
    workspace: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    hours: int,
    _endpoint: Endpoint,
) -> list[Write]:
    now = datetime.now(UTC)
    return activity.writes(_conn, _endpoint.id, now - timedelta(hours=hours), now)


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the span, the lifecycle events, and the writes of the activity log; each may fail on its own."""
    span = st.segmented_control("Over the last", list(SPANS), key="events_span", default="24 h", required=True)
    hours = SPANS.get(str(span), 24)
    st.header("Lifecycle of the instances", anchor=False)
    _lifecycle(endpoint, deployments, hours)
    st.header("Writes to the endpoint", anchor=False)
    _activity(endpoint, hours)


def _lifecycle(endpoint: Endpoint, deployments: Sequence[Deployment], hours: int) -> None:
    try:
        found = _events(*readers.key(endpoint.workspace_ref), endpoint.name, hours, endpoint)
    except SluiceError as error:
        problem.show(error, key="events", retry=_events.clear)
        return
    if not found:
        st.html(f'<p class="lead">No lifecycle event in this time. {_why_none(endpoint)}</p>')
        return
    if len(found) == events.MOST_EVENTS:
        st.caption(f"The newest {events.MOST_EVENTS} events.")
    table(
        f"Lifecycle events of {endpoint.name}",
        _EVENT_COLUMNS,
        event_rows(found, [each.name for each in deployments]),
        key="lifecycle_events",
    )


def _why_none(endpoint: Endpoint) -> str:
    try:
        sent = diagnostics.are_sent(readers.key(endpoint.workspace_ref)[0], endpoint, diagnostics.EVENTS)
    except SluiceError:
        return f"Whether a diagnostic setting sends the category {diagnostics.EVENTS} could not be read."
    if sent:
        return "Events arrive minutes after they happen; a new diagnostic setting can take an hour."
    return (
        f"No diagnostic setting of this endpoint sends the category {diagnostics.EVENTS}. Add one in the Azure portal, "
        "or with <code>az monitor diagnostic-settings create</code>."
    )


def event_rows(found: Sequence[LifecycleEvent], names: Sequence[str]) -> list[Row]:
    """One row per event, in the order given."""
    palette = colours.of_deployments({*names, *(event.deployment for event in found)})
    return [
        Row(
            str(number),
            (
                _time(event.at),
                Cell(event.deployment, colour=palette[event.deployment]) if event.deployment else _none(),
                Cell(event.name, tone="bad" if event.name in _BAD else ""),
                Cell(event.message, title=event.message),
                Cell(event.instance[:8], code=True, title=event.instance) if event.instance else _none(),
            ),
        )
        for number, event in enumerate(found)
    ]


def _activity(endpoint: Endpoint, hours: int) -> None:
    try:
        found = _writes(*readers.key(endpoint.workspace_ref), endpoint.name, hours, endpoint)
    except SluiceError as error:
        problem.show(error, key="writes", retry=_writes.clear)
        return
    if not found:
        st.html(
            '<p class="lead">The activity log knows of no write in this time. Azure shows a write up to twenty minutes '
            "after it was made.</p>"
        )
        return
    table(f"Writes to {endpoint.name}", _WRITE_COLUMNS, write_rows(found), key="writes")


def write_rows(found: Sequence[Write]) -> list[Row]:
    """One row per write of the endpoint, the newest first."""
    return [
        Row(
            str(number),
            (
                _time(write.at),
                Cell(write.caller) if write.caller else _none(),
                Cell(write.operation.rpartition("MachineLearningServices/")[2], title=write.operation),
                Cell(write.status, tone={"Succeeded": "good", "Failed": "bad"}.get(write.status, "neutral")),
                Cell(write.correlation_id, code=True) if write.correlation_id else _none(),
            ),
        )
        for number, write in enumerate(reversed(found))
    ]


def _time(at: datetime) -> Cell:
    return Cell(f"{at:%Y-%m-%d %H:%M:%S} UTC", sort=at.timestamp(), title=words.moment(at))


def _none() -> Cell:
    return Cell("not said", muted=True)
