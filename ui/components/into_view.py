"""Scrolls the place where it stands into sight, so that a person sees what became of a press far below."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_mount = st.components.v2.component(
    "sluice_into_view", js=(Path(__file__).parent / "into_view.js").read_text(encoding="utf-8")
)


def into_view(token: str, *, key: str, gently: bool = False) -> None:
    """Bring this place into sight, once for each ``token``.

    ``gently`` is for the head of something long: it goes to the top of the window, and only when it is not in its upper
    part already.
    """
    _mount(key=key, data={"token": token, "gently": gently})
