"""Whether somebody follows: a button that pauses, the age of what is shown, and the steady asking for more.

The browser asks, and only while the page is in sight: a tab that nobody looks at costs nothing.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_log_follow",
    css=(_HERE / "log_follow.css").read_text(encoding="utf-8"),
    js=(_HERE / "log_follow.js").read_text(encoding="utf-8"),
)


def log_follow(*, key: str, token: float, age_seconds: float | None, every_seconds: float) -> None:
    """Draw the button, and run the fragment again after ``every_seconds`` for as long as somebody follows.

    ``token`` differs from drawing to drawing, so that the browser waits anew. ``age_seconds`` None is not read yet.
    """
    _mount(
        key=key,
        data={"token": token, "age_seconds": age_seconds, "every_seconds": every_seconds},
        on_tick_change=lambda: None,
    )
