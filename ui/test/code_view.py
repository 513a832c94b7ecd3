"""A request as programs: what a person copies to send it from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Deployment, Endpoint
from services.resources import snippets
from services.scoring.request import ScoringRequest


def show(endpoint: Endpoint, deployments: Sequence[Deployment], request: ScoringRequest, key: str) -> None:
    """Draw the programs that send ``request``. ``key`` tells its controls apart from those of other requests."""
    if request.deployment and request.deployment not in {each.name for each in deployments}:
        st.caption(f"The deployment {request.deployment} does not exist any more.")
    with st.container(key=f"code:{key}"):
        _programs(endpoint, request)


def _programs(endpoint: Endpoint, request: ScoringRequest) -> None:
    for snippet in snippets.snippets(endpoint, request.body.decode(errors="replace"), request.deployment):
        st.html(f'<p class="label">{snippet.title}</p>')
        st.code(snippet.text, language=snippet.language, wrap_lines=True)
