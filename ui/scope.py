"""The workspace that the pages look at: the configured one, or the one that was chosen.

It lives in the session and in ``?workspace=subscription/group/name``, which is left out for the configured one. The
list of endpoints can look at all workspaces at once besides, which is ``?workspaces=all`` there.
"""

from __future__ import annotations

import streamlit as st

from services.errors import NotFound
from services.model import WorkspaceRef
from ui import context

_REMEMBERED = "chosen_workspace"
_PARAMETER = "workspace"
_REMEMBERED_ALL = "lists_all_workspaces"
_PARAMETER_ALL = "workspaces"
_ALL = "all"


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
    found = _remembered()
    choose(found)
    return found


def remember(workspace: WorkspaceRef) -> None:
    """Look at ``workspace`` on the next page; the URL of this one stays as it is, for who comes back to it."""
    st.session_state[_REMEMBERED] = workspace


def choose(workspace: WorkspaceRef) -> None:
    """Look at ``workspace`` from now on, in this session and in the URL."""
    remember(workspace)
    context.watch(workspace)
    if workspace.is_same(home()):
        st.query_params.pop(_PARAMETER, None)
    elif st.query_params.get(_PARAMETER) != workspace.address:
        st.query_params[_PARAMETER] = workspace.address


def lists_all() -> bool:
    """Whether the list of endpoints looks at all workspaces: the URL says so, or the session remembers it.

    A workspace in the URL does not end it: who opens an endpoint of the list and comes back has one there.
    """
    if st.query_params.get(_PARAMETER_ALL) == _ALL:
        st.session_state[_REMEMBERED_ALL] = True
    elif st.session_state.get(_REMEMBERED_ALL):
        st.query_params[_PARAMETER_ALL] = _ALL
    return bool(st.session_state.get(_REMEMBERED_ALL))


def list_one(workspace: WorkspaceRef) -> None:
    """Let the list of endpoints look at ``workspace`` alone, and the other pages too."""
    st.session_state[_REMEMBERED_ALL] = False
    st.query_params.pop(_PARAMETER_ALL, None)
    choose(workspace)


def list_all() -> None:
    """Let the list of endpoints look at all workspaces. The other pages stay where they are."""
    st.session_state[_REMEMBERED_ALL] = True
    st.query_params.pop(_PARAMETER, None)
    st.query_params[_PARAMETER_ALL] = _ALL


def link(workspace: WorkspaceRef, endpoint: str) -> dict[str, str]:
    """The query parameters that open ``endpoint`` on any page."""
    # A link without a workspace opens the one that the session remembers, which need not be the configured one.
    if workspace.is_same(home()) and workspace.is_same(_remembered()):
        return {"endpoint": endpoint}
    return {"endpoint": endpoint, _PARAMETER: workspace.address}


def _remembered() -> WorkspaceRef:
    remembered: WorkspaceRef | None = st.session_state.get(_REMEMBERED)
    return remembered or home()
