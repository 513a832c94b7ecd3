"""What autoscale did, for the lines of the charts: read behind the scenes, because the activity log may take seconds.

The page never waits for it and never fails with it: a log that cannot be read is one sentence, said once.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from services.azure.autoscale_events import Scaling
from services.azure.autoscale_events import scalings as read_scalings
from services.errors import SluiceError
from services.model import Endpoint, Window
from ui import readers
from ui.behind import Behind, Look
from ui.readers import Span
from ui.turns import Turns

READ_SECONDS = 120
"""The log is 3 to 20 minutes late: to ask more often finds nothing sooner."""
POLL_SECONDS = 1.0


@st.cache_resource(show_spinner=False)
def _read() -> Behind[tuple[Scaling, ...]]:
    return Behind()


def show(endpoint: Endpoint, span: Span, window: Window) -> tuple[Scaling, ...]:
    """What is known of the scalings in ``window``. Draws a sentence when the log cannot be read, else nothing.

    When the first reading ends after the page has been drawn, the page is drawn again, if there is anything to draw.
    """
    look = _look(endpoint, span, window)
    if look.value is None and look.is_reading:
        _follow(endpoint, span, window, Turns())
    elif look.problem is not None:
        st.html(f'<p class="hint">{escape(unread_words(look.problem))}</p>')
    return look.value or ()


def _look(endpoint: Endpoint, span: Span, window: Window) -> Look[tuple[Scaling, ...]]:
    conn, generation, _ = readers.key(endpoint.workspace_ref)

    def read() -> tuple[Scaling, ...]:
        return read_scalings(conn, endpoint.id, window.start_at, window.end_at)

    return _read().look((generation, endpoint.id.lower(), span), read, max_age_seconds=READ_SECONDS)


@st.fragment(run_every=POLL_SECONDS)
def _follow(endpoint: Endpoint, span: Span, window: Window, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    look = _look(endpoint, span, window)
    if is_by_itself and not look.is_reading and (look.value or look.problem):
        st.rerun()


def unread_words(error: SluiceError) -> str:
    """That there are no lines of autoscale, and why."""
    request = f" Request id {error.request_id}." if error.request_id else ""
    return f"The charts have no lines of autoscale. {error.what} {error.why} {error.next_step}{request}"
