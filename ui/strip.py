"""The strip on every page: which workspace, who you are and what you may do, which cloud, how fresh the data is."""

from __future__ import annotations

from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from services.azure.connection import Permissions
from services.errors import SluiceError
from ui import context, readers
from ui.components.freshness import freshness

_EVERY = "refresh_every_seconds"


def may(permissions: Permissions) -> str:
    """What the signed-in identity may do, in words."""
    if permissions.can_change_traffic:
        return "may change traffic"
    if permissions.can_score:
        return "may send test requests, not change traffic"
    return "read only" if permissions.can_read else "may not read this workspace"


def identity() -> DeltaGenerator:
    """Draw who and where, and return the place where :func:`data_age` goes once the page has read its data."""
    st.session_state[_EVERY] = 0
    readers.begin_page()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="strip"):
        st.html(f'<div class="strip" role="group" aria-label="Where you are">{_words()}</div>', width="stretch")
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


def _words() -> str:
    settings = context.settings()
    try:
        standing = readers.standing()
    except SluiceError as error:
        return (
            f"<span>Workspace <b>{escape(settings.workspace_name or '')}</b>"
            f" <i>in {escape(settings.resource_group or '')}</i></span>"
            f'<span class="tone bad">{escape(error.what)}</span>'
        )
    badge = "local" if standing.is_local else "cloud"
    return (
        f'<span class="badge {badge}">{escape(standing.cloud_name)}</span>'
        f"<span>Workspace <b>{escape(standing.workspace.name)}</b>"
        f" <i>in {escape(settings.resource_group or '')}, {escape(standing.workspace.location)}</i></span>"
        f"<span><b>{escape(standing.identity.name)}</b> <i>{escape(may(standing.permissions))}</i></span>"
    )
