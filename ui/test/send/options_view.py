"""How a request is sent: content type, time limit, how often, and headers."""

from __future__ import annotations

import streamlit as st

from services.errors import SluiceError
from services.model import Endpoint
from services.scoring.request import JSON, LONGEST_TIMEOUT_SECONDS, SHORTEST_TIMEOUT_SECONDS, ScoringRequest
from ui.test.send import header_lines
from ui.test.send.attempts import MOST_REPEATS
from ui.test.send.draft import Draft

CONTENT_TYPES = (JSON, "text/csv", "text/plain", "application/octet-stream", "image/png", "image/jpeg")


def show(endpoint: Endpoint, made: Draft) -> str:
    """Draw the options and note them in the draft. Returns what is wrong with them, "" when nothing is."""
    at = f"{endpoint.name}:{made.revision}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="send_options"):
        known = list(dict.fromkeys((*CONTENT_TYPES, made.content_type)))
        chosen = st.selectbox(
            "Content type",
            known,
            index=known.index(made.content_type),
            key=f"content_type:{at}",
            accept_new_options=True,
            width=220,
        )
        made.content_type = (chosen or JSON).strip()
        limit = st.number_input(
            "Time limit, s",
            SHORTEST_TIMEOUT_SECONDS,
            LONGEST_TIMEOUT_SECONDS,
            made.timeout_seconds,
            10.0,
            format="%g",
            key=f"limit:{at}",
            help="For the whole answer, measured here. A deployment ends a request by itself after its "
            "request_timeout_ms, 180 s at most, and answers 408.",
            width=130,
        )
        made.timeout_seconds = limit or made.timeout_seconds
        times = st.number_input(
            "Times",
            1,
            MOST_REPEATS,
            made.repeat,
            key=f"repeat:{at}",
            help="One after the other.",
            width=110,
        )
        made.repeat = times or 1
    return _headers(at, made)


def _headers(at: str, made: Draft) -> str:
    with st.expander(f"Headers, {len(made.headers)}" if made.headers else "Headers", key=f"headers_of:{at}"):
        text = st.text_area(
            "Headers, one per line",
            header_lines.written(made.headers),
            key=f"headers:{at}",
            placeholder="x-request-source: test",
            help="Sluice itself sets the key, the content type and the deployment.",
            height=110,
        )
        try:
            made.headers = header_lines.read(text or "")
            ScoringRequest(b"", made.content_type, made.headers, timeout_seconds=made.timeout_seconds).check()
        except SluiceError as error:
            return f"{error.why} {error.next_step}"
    return ""
