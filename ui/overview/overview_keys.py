"""Keys and tokens of the endpoint on the Overview page: masked, shown on a click, gone with the next one."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.azure import endpoints as azure_endpoints
from services.azure.connection import Permissions
from services.errors import SluiceError
from services.model import Endpoint
from services.resources.snippets import credential_command
from ui import context, problem

MASK = "••••••••••••••••••••••••••••••••"
_EXPLAINED = {
    "key": "Whoever has a key can call the endpoint; a key does not expire.",
    "aml_token": "A token of the workspace, valid for hours. Whoever has it can call the endpoint.",
    "aad_token": "Callers use tokens of their own, valid for about an hour. The one shown here is yours.",
}


def why_off(endpoint: Endpoint, permissions: Permissions) -> str:
    """Why nothing can be shown, "" when it can be tried."""
    if endpoint.auth_mode not in _EXPLAINED:
        return f"Sluice does not know the auth mode {endpoint.auth_mode or 'of this endpoint'}."
    if endpoint.auth_mode != "aad_token" and not permissions.can_score:
        return (
            "Your role may not read keys and tokens. The AzureML Data Scientist role, or another with "
            "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action, allows it."
        )
    return ""


@st.fragment
def show(endpoint: Endpoint, permissions: Permissions) -> None:
    """Draw the masked keys, or after the click the keys themselves.

    They live in this one run: nothing is kept in the session, and any other click draws the mask again.
    """
    reason = why_off(endpoint, permissions)
    st.caption(_EXPLAINED.get(endpoint.auth_mode, ""))
    names = ("Primary key", "Secondary key") if endpoint.auth_mode == "key" else ("Token",)
    place = st.container()
    with st.container(horizontal=True, vertical_alignment="center", key="key_buttons"):
        label = "Show the keys" if len(names) > 1 else "Show a token"
        wanted = st.button(label, key="show_keys", icon=":material/visibility:", disabled=bool(reason))
        hide = st.empty()
        if reason:
            st.caption(reason, width="content")
    with place:
        values = _read(endpoint) if wanted and not reason else None
        for number, name in enumerate(names):
            st.html(f'<p class="label">{name}</p>')
            if values:
                st.code(values[number] or "none", language=None, wrap_lines=True)
            else:
                st.html(f'<p class="code masked"><span aria-hidden="true">{MASK}</span><span>hidden</span></p>')
    if values:
        hide.button("Hide", key="hide_keys", icon=":material/visibility_off:")
    st.html('<p class="label">From the command line</p>')
    st.code(credential_command(endpoint), language="bash", wrap_lines=True)


def _read(endpoint: Endpoint) -> tuple[str, ...] | None:
    conn = context.connection().at(endpoint.workspace_ref)
    try:
        if endpoint.auth_mode == "key":
            return azure_endpoints.keys(conn, endpoint.name)
        return (azure_endpoints.scoring_secret(conn, endpoint).value,)
    except SluiceError as error:
        problem.show(error, key="keys")
        st.html(f'<p class="hint">{escape("Nothing was shown and nothing was kept.")}</p>')
        return None
