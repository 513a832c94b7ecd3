"""Why a change could not even begin: kept in the session until the person has seen it."""

from __future__ import annotations

from uuid import uuid4

import streamlit as st

from services.errors import SluiceError
from services.model import Endpoint
from ui import problem
from ui.components.into_view import into_view


def keep(endpoint: Endpoint, error: SluiceError) -> None:
    """Show ``error`` on the endpoint's Traffic page."""
    st.session_state[_key(endpoint)] = (uuid4().hex, error)


def forget(endpoint: Endpoint) -> None:
    """The person has seen it."""
    st.session_state.pop(_key(endpoint), None)


def show(endpoint: Endpoint) -> None:
    """Draw what is kept, with the button that forgets it."""
    kept: tuple[str, SluiceError] | None = st.session_state.get(_key(endpoint))
    if kept is not None:
        token, error = kept
        into_view(token, key="refused_in_view")
        problem.show(error, key="refused", retry=lambda: forget(endpoint), label="Dismiss")


def _key(endpoint: Endpoint) -> str:
    return f"apply_refused:{endpoint.id.lower()}"
