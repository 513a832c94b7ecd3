"""What a person must know before using an endpoint from here: that it is read only, or cannot be called."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.model import Endpoint

_KUBERNETES = "Sluice shows Kubernetes endpoints and changes nothing about them. They have no mirrored traffic."
_PRIVATE = (
    "Public network access is off: the scoring URI answers only inside the virtual network that has the workspace's "
    "private endpoint. A test request from here gets 403 or no answer, unless Sluice runs in that network. Traffic, "
    "metrics and everything else on these pages work from anywhere."
)


def notices(endpoint: Endpoint) -> list[tuple[str, str]]:
    """A lead and an explanation for each thing to know. Pure."""
    found = []
    if endpoint.is_kubernetes:
        found.append(("Kubernetes, read only.", _KUBERNETES))
    if not endpoint.public_network_access:
        found.append(("Private.", _PRIVATE))
    return found


def show(endpoint: Endpoint) -> None:
    """Draw a notice for each thing to know."""
    for lead, why in notices(endpoint):
        st.html(f'<p class="notice" role="note"><b>{escape(lead)}</b> {escape(why)}</p>')
