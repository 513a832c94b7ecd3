"""An endpoint of the list that was pressed: noted in the press, opened in the next drawing."""

from __future__ import annotations

import streamlit as st

from services.model import WorkspaceRef
from ui import chosen, context, scope

_OPENED = "opened_endpoint"


def press(opened: str | None, page: str) -> None:
    """Note that ``page`` shall show an endpoint, given by its ARM id, None for none. For callbacks."""
    st.session_state[_OPENED] = (opened, page) if opened else None


def follow() -> None:
    """Switch to the page of the endpoint that was pressed, if one was."""
    pressed: tuple[str, str] | None = st.session_state.pop(_OPENED, None)
    if pressed:
        opened, page = pressed
        workspace, name = WorkspaceRef.of(opened), opened.rsplit("/", 1)[-1]
        scope.remember(workspace)
        chosen.remember(name)
        st.switch_page(context.ROOT / "pages" / page, query_params=scope.link(workspace, name))
