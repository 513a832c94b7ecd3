"""A body on the screen: laid out when it is JSON, with a way to download the whole."""

from __future__ import annotations

import streamlit as st

from ui import words
from ui.test.answer.body_text import MOST_SHOWN, readable
from ui.test.payloads.payload_rows import size

_TALL_FROM_LINES = 18
_HEIGHT = 360


def show(label: str, body: bytes, key: str, *, file_name: str) -> None:
    """Draw ``body`` below its label. Large and binary ones can be downloaded."""
    found = readable(body)
    st.html(f'<p class="label">{label}, {size(len(body))}</p>')
    if not body:
        st.html('<p class="hint">Empty.</p>')
        return
    if found.is_binary:
        st.html('<p class="hint">Binary: it is no text that could be shown.</p>')
    else:
        is_tall = found.text.count("\n") >= _TALL_FROM_LINES or len(found.text) > _HEIGHT * 5
        st.code(
            found.text,
            language="json" if found.is_json else None,
            wrap_lines=True,
            height=_HEIGHT if is_tall else "content",
        )
    if found.is_part:
        st.caption(f"Only the first {words.count(MOST_SHOWN, 'character')} are shown.")
    if found.is_part or found.is_binary:
        st.download_button(
            "Download the whole",
            body,
            file_name=file_name,
            key=f"download_body:{key}",
            icon=":material/download:",
            on_click="ignore",
        )
