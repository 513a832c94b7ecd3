"""A request as programs: what a person copies to send it from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Deployment, Endpoint
from services.resources import snippets
from services.scoring.request import ScoringRequest


def show(endpoint: Endpoint, deployments: Sequence[Deployment], request: ScoringRequest, key: str) -> None:
    """Draw the programs that send ``request``. ``key`` tells its controls apart from those of other requests."""
    if not endpoint.scoring_uri:
        st.html('<p class="lead">This endpoint has no scoring URI yet, so there is nothing to call.</p>')
        return
    found = {snippet.title: snippet for snippet in snippets.snippets(endpoint, request)}
    titles = list(found)
    chosen = st.segmented_control(
        "Program",
        titles,
        default=titles[0],
        key=f"program:{key}",
        required=True,
        wrap=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    snippet = found[chosen or titles[0]]
    if snippet.text:
        st.code(snippet.text, language=snippet.language, wrap_lines=True)
    notes = [snippet.note]
    if request.deployment and request.deployment not in {each.name for each in deployments}:
        notes.insert(0, f"{endpoint.name} has no deployment named {request.deployment}, so Azure will answer 404.")
    if any(notes):
        st.caption(" ".join(filter(None, notes)))
    _body_file(request, snippet, key)
    if snippet.reads_key:
        needed = snippets.key_command(endpoint, request)
        st.html(
            f'<p class="label">Fill {snippets.KEY_VARIABLE} first. No program holds a key, and none is shown here.</p>'
        )
        st.code(needed.text, language=needed.language, wrap_lines=True)


def _body_file(request: ScoringRequest, snippet: snippets.Snippet, key: str) -> None:
    name = snippets.body_file(request)
    if name is None or not snippet.text:
        return
    st.download_button(
        f"Download {name}",
        request.body,
        file_name=name,
        mime=request.content_type,
        icon=":material/download:",
        help="The program reads the body from this file. Save it beside the program.",
        key=f"download_body:{key}",
        on_click="ignore",
    )
