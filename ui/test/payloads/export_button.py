"""The library as a file, to keep with the code or to bring to another endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from services.model import Endpoint
from services.payloads.exporting import export
from services.payloads.payload import Payload
from ui import context


def show(endpoint: Endpoint, payloads: Sequence[Payload]) -> None:
    """Draw the button. The file is written when it is pressed."""
    st.download_button(
        "Export all",
        data=partial(text, endpoint, payloads),
        file_name=f"{endpoint.name}-payloads.json",
        mime="application/json",
        key="payload_export",
        icon=":material/download:",
        help="JSON with bodies, expectations and variables. It imports here again, and runs with "
        "python -m services.expectations. Keys are not in it.",
        on_click="ignore",
    )


def text(endpoint: Endpoint, payloads: Sequence[Payload]) -> str:
    """What the file holds. Raises StoreFailed."""
    return export(payloads, context.library().variables(endpoint.id))
