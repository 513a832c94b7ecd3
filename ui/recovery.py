"""A page that could not be drawn: the failure in its place, and the way back."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import streamlit as st

from services.azure import connection as azure_connection
from services.errors import NotConfigured, SluiceError, Throttled, Timeout, Unreachable
from ui import context, problem, readers

RECHECK_SECONDS = 4
_LEAST_SECONDS = 0.75 * RECHECK_SECONDS
"""A page may fail while the workspace answers, because of a metrics service for example. Drawing it must not check at
once, or it would come back and fail in a circle."""
_NOT_BEFORE = "recheck_not_before"


def show_for_page(error: SluiceError) -> None:
    """Draw the card in place of a page. The page comes back by itself when the cause was a lost connection."""
    problem.show(error, retry=readers.forget)
    if isinstance(error, NotConfigured):
        st.page_link(context.ROOT / "pages" / "connect.py", label="Connect to a workspace", icon=":material/cable:")
    elif isinstance(error, Unreachable | Timeout | Throttled):
        asked = error.retry_after_seconds if isinstance(error, Throttled) else None
        st.session_state[_NOT_BEFORE] = time.monotonic() + max(asked or 0, _LEAST_SECONDS)
        _recheck()


@st.fragment(run_every=RECHECK_SECONDS)
def _recheck() -> None:
    if time.monotonic() >= st.session_state[_NOT_BEFORE]:
        try:
            azure_connection.workspace(context.connection())
        except SluiceError:
            pass
        else:
            readers.forget()
            st.rerun()
    st.caption(
        f"This page checks again every {RECHECK_SECONDS} s and comes back by itself. "
        f"Last looked at {datetime.now(UTC):%H:%M:%S} UTC."
    )
