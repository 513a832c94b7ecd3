"""The setting for a terminal: JSON, the exact command, and step by step."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.autoscale import commands
from services.autoscale.masking import masked
from services.azure.autoscale import path_of
from services.model import Deployment
from ui import words
from ui.autoscale import draft


def show(deployment: Deployment, made: draft.Draft) -> None:
    """Draw what makes the edited setting from a terminal."""
    assert made.document is not None
    path = path_of(deployment.id, made.base)
    safe = masked(made.document)
    steps = commands.step_by_step(made.document, path)
    with st.expander("JSON and commands"):
        is_whole = not safe.hidden or _wants_hidden(deployment, safe.hidden)
        text = commands.json_text(made.document if is_whole else safe.document)
        st.download_button(
            f"Download {commands.FILE}",
            text,
            commands.FILE,
            "application/json",
            key="autoscale_json",
            on_click="ignore",
        )
        st.html('<p class="label">Exactly this, with the file beside it</p>')
        st.code(commands.exact(path), language="bash", wrap_lines=True)
        st.html('<p class="label">The file</p>')
        st.code(text, language="json", height=320)
        st.html('<p class="label">Step by step</p>')
        st.code(steps.lines, language="bash", wrap_lines=True)
        if steps.missing:
            items = "".join(f"<li>{escape(each)}</li>" for each in steps.missing)
            st.html(f'<div class="notice" role="note">The steps leave something out:<ul>{items}</ul></div>')


def _wants_hidden(deployment: Deployment, hidden: tuple[str, ...]) -> bool:
    """Say what the file does not show, and ask whether it should."""
    st.html(
        f'<p class="notice" role="note"><b>Hidden: {escape(", ".join(hidden))}.</b> Addresses of webhooks carry keys. '
        "A save from this page keeps the true values. Have them written before you use the file.</p>"
    )
    label = f"Write {words.count(len(hidden), 'hidden value')} into the file"
    return st.toggle(label, key=f"autoscale_hidden:{deployment.id}")
