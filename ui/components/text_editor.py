"""An editor for a text: line numbers, the line of a problem marked, Ctrl+Enter, and kept by the browser if wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_text_editor",
    css=(_HERE / "text_editor.css").read_text(encoding="utf-8"),
    js=(_HERE / "text_editor.js").read_text(encoding="utf-8"),
)
_LONGEST = 4 * 1024 * 1024
"""Characters that are taken from the browser at most."""


@dataclass(frozen=True)
class Said:
    """What the browser says: the text, and the session and revision that it was written in.

    ``options`` are there when the browser has brought both back from before a reload; nobody has checked them.
    """

    text: str
    session: str
    revision: int
    options: Mapping[str, Any] | None = None


def text_editor(
    label: str,
    text: str,
    *,
    key: str,
    session: str,
    revision: int,
    on_text: Callable[[], None],
    on_send: Callable[[], None] | None = None,
    place: str = "",
    is_new: bool = False,
    options: Mapping[str, Any] | None = None,
    problem_line: int | None = None,
    words: str = "",
    placeholder: str = "",
    height: float = 24,
    shown_line: int = 0,
    shown_turn: str = "",
) -> None:
    """Draw the editor. ``on_text`` is called after a pause in typing, ``on_send`` on Ctrl+Enter: see :func:`read`.

    It takes ``text`` when ``revision`` has changed within one ``session``, or in another session. With a ``place`` the
    browser keeps the text and ``options``, which may hold no secrets, under it, and keeps its own in a new session for
    as long as ``is_new`` says that nothing was chosen there yet.

    ``words`` are shown below; ``problem_line`` counts from 1 and is marked, 0 is a problem without a line, None is
    none. ``height`` is in rem. ``shown_line`` is brought into sight once for each ``shown_turn``, with the caret in it.
    """
    _mount(
        key=key,
        data={
            "label": label,
            "text": text,
            "place": place,
            "session": session,
            "revision": revision,
            "is_new": is_new,
            "options": options or {},
            "problem": None if problem_line is None else {"line": problem_line},
            "words": words,
            "placeholder": placeholder,
            "height": height,
            "shown": {"line": shown_line, "turn": shown_turn},
            "sends": on_send is not None,
        },
        on_text_change=on_text,
        on_send_change=on_send or _nothing,
    )


def _nothing() -> None:
    """Nobody waits for Ctrl+Enter."""


def read(value: Any, name: str) -> Said | None:  # noqa: ANN401 - whatever the browser sent
    """``text`` or ``send`` in the editor's session state ``value``, None when it is not there or makes no sense."""
    said = value.get(name) if hasattr(value, "get") else None
    if said is None or not hasattr(said, "get"):
        return None
    text, session, revision = said.get("text"), said.get("session"), said.get("revision")
    if not isinstance(text, str) or len(text) > _LONGEST or not isinstance(session, str):
        return None
    options = said.get("options")
    known = options if isinstance(options, Mapping) else None
    return Said(text, session, revision, known) if isinstance(revision, int) else None
