"""The strip on every page: which workspace, who you are and what you may do, which cloud, how fresh the data is."""

from __future__ import annotations

from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from services.azure.connection import Permissions
from services.errors import SluiceError
from services.model import WorkspaceRef
from ui import readers, scope
from ui.components.freshness import freshness

_EVERY = "refresh_every_seconds"


def may(permissions: Permissions) -> str:
    """What the signed-in identity may do, in words."""
    if permissions.can_change_traffic:
        return "may change traffic"
    if permissions.can_score:
        return "may send test requests, not change traffic"
    return "read only" if permissions.can_read else "may not read this workspace"


def identity(*, lists_all: bool = False) -> DeltaGenerator:
    """Draw who and where, and return the place where :func:`data_age` goes once the page has read its data.

    ``lists_all`` says that the page looks at all workspaces; what may be done differs between them.
    """
    st.session_state[_EVERY] = 0
    readers.begin_page()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="strip"):
        st.html(
            f'<div class="strip" role="group" aria-label="Where you are">{_words(lists_all=lists_all)}</div>',
            width="stretch",
        )
        return st.empty()


def refresh_every(seconds: int) -> None:
    """Let the page that is being drawn read its data again every ``seconds`` while somebody looks at it."""
    st.session_state[_EVERY] = seconds


def data_age(place: DeltaGenerator) -> None:
    """Draw how old the page's data is, with the refresh button."""
    with place:
        freshness(
            readers.age_seconds(),
            every_seconds=st.session_state.get(_EVERY, 0),
            on_refresh=readers.forget,
            on_tick=lambda: None,
        )


def _words(*, lists_all: bool) -> str:
    try:
        standing = readers.standing()
    except SluiceError as error:
        return f'{_asked_for()}<span class="tone bad">{escape(error.what)}</span>'
    badge = "local" if standing.is_local else "cloud"
    who = f"<b>{escape(standing.identity.name)}</b>"
    if lists_all:
        where = "<span><b>All workspaces</b></span>"
    else:
        where = _where(standing.workspace.ref, standing.workspace.location)
        who += f" <i>{escape(may(standing.permissions))}</i>"
    return f'<span class="badge {badge}">{escape(standing.cloud_name)}</span>{where}<span>{who}</span>'


def _asked_for() -> str:
    """The workspace that could not be read, nothing when not even its name makes sense."""
    try:
        return _where(scope.workspace())
    except SluiceError:
        return ""


def _where(workspace: WorkspaceRef, location: str = "") -> str:
    place = ", ".join(filter(None, (workspace.resource_group, location)))
    return f"<span>Workspace <b>{escape(workspace.name)}</b> <i>in {escape(place)}</i></span>"
