"""The workspace that the pages look at: the configured one, or the one that was chosen.

It lives in the session and in ``?workspace=subscription/group/name``, which is left out for the configured one.
"""

from __future__ import annotations

import streamlit as st

from services.errors import NotFound
from services.model import WorkspaceRef
from ui import context

_REMEMBERED = "chosen_workspace"
_PARAMETER = "workspace"


def home() -> WorkspaceRef:
    """The configured workspace. Raises NotConfigured."""
    return context.connection().workspace


def workspace() -> WorkspaceRef:
    """The workspace of this session; the URL wins. Raises NotFound for an address that is none, NotConfigured."""
    asked = st.query_params.get(_PARAMETER)
    if asked:
        try:
            found = WorkspaceRef.parse(asked)
        except ValueError as error:
            raise NotFound(
                "The workspace could not be opened.",
                f"The address asks for {asked!r}, which is not subscription/resource group/name.",
                "Open the list of endpoints and choose one.",
            ) from error
        choose(found)
        return found
    remembered: WorkspaceRef | None = st.session_state.get(_REMEMBERED)
    found = remembered or home()
    choose(found)
    return found


def choose(workspace: WorkspaceRef) -> None:
    """Look at ``workspace`` from now on, in this session and in the URL."""
    st.session_state[_REMEMBERED] = workspace
    if workspace.is_same(home()):
        st.query_params.pop(_PARAMETER, None)
    elif st.query_params.get(_PARAMETER) != workspace.address:
        st.query_params[_PARAMETER] = workspace.address


def link(workspace: WorkspaceRef, endpoint: str) -> dict[str, str]:
    """The query parameters that open ``endpoint`` on any page."""
    if workspace.is_same(home()):
        return {"endpoint": endpoint}
    return {"endpoint": endpoint, _PARAMETER: workspace.address}
