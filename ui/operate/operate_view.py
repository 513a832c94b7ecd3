"""The view Operate of the Overview page: choose what to change, say how, look at what it means, confirm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from services.azure.connection import Permissions
from services.model import Deployment, Endpoint
from ui.operate import clone_form, deployment_forms, endpoint_forms, question, running, words_forms

_ENDPOINT = "The endpoint"
_OF_ENDPOINT: Mapping[str, Callable[[Endpoint, Sequence[Deployment], bool], None]] = {
    "Keys": endpoint_forms.keys,
    "Sign-in": endpoint_forms.sign_in,
    "Tags": words_forms.endpoint_words,
    "Export": endpoint_forms.export,
    "Delete": endpoint_forms.delete,
}
_OF_DEPLOYMENT: Mapping[str, Callable[[Endpoint, Deployment, bool], None]] = {
    "Scale": deployment_forms.scale,
    "Requests and probes": deployment_forms.settings,
    "Variables": words_forms.variables,
    "Tags": words_forms.deployment_words,
    "Clone": clone_form.show,
    "Restart": deployment_forms.restart,
    "Delete": deployment_forms.delete,
}


def show(endpoint: Endpoint, deployments: Sequence[Deployment], permissions: Permissions) -> None:
    """Draw what runs, the choice of what to change, its form, and the open question."""
    question.settle(endpoint)
    running.show(endpoint, deployments)
    if not permissions.can_change_traffic:
        st.html(
            '<p class="note">Your role may look at this endpoint and change nothing. The AzureML Data Scientist role '
            "allows it.</p>"
        )
    by_name = {each.name: each for each in deployments}
    with st.container(horizontal=True, vertical_alignment="bottom", key="operate_choice"):
        which = st.selectbox(
            "Change", [*by_name, _ENDPOINT], key=f"operate:{endpoint.name}", width=240, on_change=question.dismiss
        )
        found = by_name.get(which)
        actions = list(_OF_DEPLOYMENT if found else _OF_ENDPOINT)
        action = st.segmented_control(
            "How",
            actions,
            key="operate_action_deployment" if found else "operate_action_endpoint",
            default=actions[0],
            required=True,
            wrap=True,
            label_visibility="collapsed",
            on_change=question.dismiss,
        )
    can = permissions.can_change_traffic
    if found is not None:
        _OF_DEPLOYMENT[action or actions[0]](endpoint, found, can)
    else:
        _OF_ENDPOINT[action or actions[0]](endpoint, deployments, can)
    question.show(endpoint)
