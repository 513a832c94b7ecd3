"""Which time was clicked in a chart of the page.

Streamlit tells of clicked points only where a drag does not select, and on these pages a drag chooses a time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_mount = st.components.v2.component(
    "sluice_chart_clicks", js=(Path(__file__).parent / "chart_clicks.js").read_text(encoding="utf-8")
)


def chart_clicks(*, key: str, on_click: Callable[[], None]) -> None:
    """Listen to all charts of the page. ``on_click`` is called when a point is clicked: see :func:`read_clicked`."""
    _mount(key=key, on_clicked_change=on_click)


def read_clicked(key: str) -> str:
    """The time that was clicked as the chart's axis says it, inside ``on_click``; "" for none."""
    value: Any = st.session_state.get(key)
    found = value.get("clicked") if hasattr(value, "get") else None
    return found if isinstance(found, str) else ""
