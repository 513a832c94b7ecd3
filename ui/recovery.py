"""A page that could not be drawn: the failure in its place, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from services.azure import connection as azure_connection
from services.errors import NotConfigured, SluiceError, Throttled, Timeout, Unreachable
from ui import context, problem, readers

RECHECK_SECONDS = 4


def show_for_page(error: SluiceError) -> None:
    """Draw the card in place of a page. The page comes back by itself when the cause was a lost connection."""
    problem.show(error, retry=readers.forget)
    if isinstance(error, NotConfigured):
        st.page_link(context.ROOT / "pages" / "connect.py", label="Connect to a workspace", icon=":material/cable:")
    elif isinstance(error, Unreachable | Timeout | Throttled):
        _recheck()


@st.fragment(run_every=RECHECK_SECONDS)
def _recheck() -> None:
    try:
        azure_connection.workspace(context.connection())
    except SluiceError:
        st.caption(
            f"This page checks again every {RECHECK_SECONDS} s and comes back by itself. "
            f"Last checked at {datetime.now(UTC):%H:%M:%S} UTC."
        )
    else:
        readers.forget()
        st.rerun()
