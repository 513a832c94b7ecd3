"""A text of a draft in an editor: what is typed is kept with the draft, and what the draft says otherwise is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from ui.components import text_editor


@dataclass(frozen=True)
class Shown:
    """What the editor of one session of the browser has: the text that it was given or has said, in which revision."""

    session: str
    revision: int
    text: str


@dataclass(frozen=True)
class Mark:
    """What is said below the text. ``line`` is marked, None marks nothing. ``shown`` comes into sight once for each
    ``turn``."""

    words: str = ""
    line: int | None = None
    shown: int = 0
    turn: str = ""


def editor(
    label: str,
    text: str,
    *,
    key: str,
    session: str,
    keep: Callable[[str], None],
    mark: Mark,
    placeholder: str = "",
    height: float = 24,
) -> None:
    """Draw ``text``, that of ``session``. ``keep`` takes what is typed, and is called in callbacks."""
    slot = _slot(key)
    known: Shown | None = st.session_state.get(slot)
    if known is None or known.session != session:
        known = Shown(session, 0, text)
    elif known.text != text:
        # Another tab, or something else on the page, has changed it.
        known = Shown(session, known.revision + 1, text)
    st.session_state[slot] = known
    text_editor.text_editor(
        label,
        text,
        key=key,
        session=session,
        revision=known.revision,
        on_text=lambda: take(key, keep),
        problem_line=mark.line,
        words=mark.words,
        placeholder=placeholder,
        height=height,
        shown_line=mark.shown,
        shown_turn=mark.turn,
    )


def take(key: str, keep: Callable[[str], None]) -> None:
    """Take over what was typed last, unless it was typed into another text. For callbacks."""
    said, known = text_editor.read(st.session_state.get(key), "text"), st.session_state.get(_slot(key))
    if said is None or known is None or (said.session, said.revision) != (known.session, known.revision):
        return
    st.session_state[_slot(key)] = Shown(known.session, known.revision, said.text)
    keep(said.text)


def _slot(key: str) -> str:
    return f"shown:{key}"
