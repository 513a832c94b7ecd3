"""Programs that call the endpoint, on the Overview page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Deployment, Endpoint
from services.payloads.samples import sample_for
from services.resources import snippets
from ui import context

SPLIT = "Through the split"
_NO_SAMPLE = '{"data": []}'


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the choice of the target, and a program for each tool."""
    if not endpoint.scoring_uri:
        st.html('<p class="lead">This endpoint has no scoring URI yet, so there is nothing to call.</p>')
        return
    target = st.selectbox(
        "Send to", [SPLIT, *(each.name for each in deployments)], key=f"snippet_target:{endpoint.name}", width=260
    )
    folder = context.settings().samples_dir
    sample = sample_for(endpoint.name, folder if folder.is_absolute() else context.ROOT / folder)
    payload = sample or _NO_SAMPLE
    found = snippets.snippets(endpoint, payload, None if target == SPLIT else target)
    st.caption(
        f"No program holds a key. They read it from {snippets.KEY_VARIABLE}, which the first command fills."
        + ("" if sample else " There is no sample request for this endpoint: put your own payload in.")
    )
    if sample and snippets.needs_file(payload):
        st.download_button(
            f"Download {snippets.PAYLOAD_FILE}",
            sample,
            file_name=snippets.PAYLOAD_FILE,
            mime="application/json",
            icon=":material/download:",
            key="download_sample",
            on_click="ignore",
        )
    for snippet in found:
        st.html(f'<p class="label">{snippet.title}</p>')
        st.code(snippet.text, language=snippet.language, wrap_lines=True)
