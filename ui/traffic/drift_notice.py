"""A change of the split that was made elsewhere: who made it as far as Azure says, and keep or restore."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.errors import SluiceError
from services.journal.entry import KEPT, Entry, Who
from services.model import Endpoint, Split
from ui import context, problem, readers
from ui.journal import entry_words, history


def show(endpoint: Endpoint) -> None:
    """Draw the open drift of ``endpoint`` and ask what to do about it. Draws nothing when there is none."""
    try:
        entry = context.journal().open_drift(endpoint.id)
    except SluiceError as error:
        problem.show(error, key="drift")
        return
    if entry is None or entry.before is None:
        return
    st.html(_card(entry, entry.before))
    off = history.why_off(endpoint)
    with st.container(horizontal=True, vertical_alignment="center", key="drift_buttons"):
        st.button("Keep it", key="drift_keep", on_click=_keep, args=(entry,), disabled=bool(off))
        st.button(
            "Restore what was before",
            key="drift_restore",
            on_click=history.wish,
            args=(endpoint, entry.before, entry),
            disabled=bool(off),
        )
        st.caption(off or "Restoring only prepares the split: you see the plan before anything is written.")


def _card(entry: Entry, before: Split) -> str:
    by = entry.who.principal or entry_words.unsaid(entry)
    changed = entry_words.when(entry.changed_at) if entry.changed_at else "time not known yet"
    return (
        '<section class="problem drift" role="alert"><h2>The split was changed elsewhere</h2><dl>'
        f"<dt>Before</dt><dd>{escape(entry_words.whole(before))}</dd>"
        f"<dt>Now</dt><dd>{escape(entry_words.whole(entry.after))}</dd>"
        f"<dt>By</dt><dd>{escape(by)}</dd>"
        f"<dt>When</dt><dd>{escape(changed)}, noticed {escape(entry_words.when(entry.began_at))}</dd></dl></section>"
    )


def _keep(entry: Entry) -> None:
    try:
        context.journal().decide(entry, KEPT, Who(readers.standing().identity.name, context.person()))
    except SluiceError as error:
        problem.show(error, key="drift_keep_failed")
