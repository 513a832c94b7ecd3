"""How old the data on the page is, and a button that reads it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_freshness",
    css=(_HERE / "freshness.css").read_text(encoding="utf-8"),
    js=(_HERE / "freshness.js").read_text(encoding="utf-8"),
)


def freshness(
    age_seconds: float | None, *, every_seconds: int, on_refresh: Callable[[], None], on_tick: Callable[[], None]
) -> None:
    """Draw the age of the oldest data on the page and the refresh button.

    ``every_seconds`` reruns the page that often while it is looked at (0: never): ``on_tick`` is called then, and
    ``on_refresh`` when the person asks for it.
    """
    _mount(
        key="freshness",
        data={"age_seconds": age_seconds, "every_seconds": every_seconds},
        on_refresh_change=on_refresh,
        on_tick_change=on_tick,
        width="content",
    )
