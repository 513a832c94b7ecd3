"""The views of the Logs page. One is drawn at a time; which one stands in the URL."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import streamlit as st

from services.model import Deployment, Endpoint

CONTAINERS, TRAFFIC, QUERY = "Containers", "Traffic", "Query"
_MODULES = {
    CONTAINERS: "ui.logs.container_view",
    TRAFFIC: "ui.logs.traffic_view",
    QUERY: "ui.logs.query_view",
}
"""Each view is a module with ``show(endpoint, deployments)``, loaded when it is looked at first."""
_PARAMETER = "view"
_CHOSEN = "logs_view"


def choose(view: str) -> None:
    """Show ``view`` from the next drawing on. For callbacks, such as one that leads from a request to its lines."""
    st.session_state[_CHOSEN] = view
    st.query_params[_PARAMETER] = view.lower()


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the switch between the views, and the chosen one."""
    asked = st.query_params.get(_PARAMETER, "").capitalize()
    st.session_state[_CHOSEN] = asked if asked in _MODULES else CONTAINERS
    if len(_MODULES) > 1:
        st.segmented_control(
            "View",
            list(_MODULES),
            key=_CHOSEN,
            required=True,
            label_visibility="collapsed",
            on_change=lambda: choose(st.session_state[_CHOSEN]),
        )
    importlib.import_module(_MODULES[st.session_state[_CHOSEN]]).show(endpoint, deployments)
