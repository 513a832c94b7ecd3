"""Programs that call the endpoint, on the Overview page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Deployment, Endpoint
from services.payloads.samples import sample_for
from services.resources import snippets
from services.scoring.request import ScoringRequest
from ui import context
from ui.test.answer import code_view

SPLIT = "Through the split"
_NO_SAMPLE = '{"data": []}'
_TIMEOUT_SECONDS = 60.0


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the choice of the target, and a program for each tool."""
    target = st.selectbox(
        "Send to", [SPLIT, *(each.name for each in deployments)], key=f"snippet_target:{endpoint.name}", width=260
    )
    folder = context.settings().samples_dir
    sample = sample_for(endpoint.name, folder if folder.is_absolute() else context.ROOT / folder)
    request = ScoringRequest(
        (sample or _NO_SAMPLE).encode(),
        deployment=None if target == SPLIT else target,
        timeout_seconds=_TIMEOUT_SECONDS,
    )
    if not sample:
        st.caption("There is no sample request for this endpoint: put your own payload in.")
    code_view.show(endpoint, deployments, request, key=f"overview:{endpoint.name}")
    looking = snippets.inspection(endpoint)
    st.html(f'<p class="label">{looking.title}</p>')
    st.code(looking.text, language=looking.language, wrap_lines=True)
