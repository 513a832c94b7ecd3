"""Which time was clicked, or dragged over, in a chart of the page.

Streamlit tells of clicked points only where a drag does not select, and on these pages a drag chooses a time. A chart
that tells nothing itself is also no widget, and need not be made again at every run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_mount = st.components.v2.component(
    "sluice_chart_gestures", js=(Path(__file__).parent / "chart_gestures.js").read_text(encoding="utf-8")
)


def chart_gestures(*, key: str, on_click: Callable[[], None], on_drag: Callable[[], None]) -> None:
    """Listen to all charts of the page that are drawn without ``on_select`` and with ``dragmode="select"``.

    ``on_click`` is called when a point is clicked (see :func:`clicked`), ``on_drag`` when a time was dragged over (see
    :func:`dragged`).
    """
    _mount(key=key, on_clicked_change=on_click, on_dragged_change=on_drag)


def clicked(key: str) -> str:
    """The time that was clicked as the chart's axis says it, inside ``on_click``; "" for none."""
    found = _told(key, "clicked")
    return found if isinstance(found, str) else ""


def dragged(key: str) -> tuple[str, str] | None:
    """The two ends that were dragged over as the chart's axis says them, in any order, inside ``on_drag``."""
    found = _told(key, "dragged")
    if isinstance(found, list) and len(found) == 2 and all(isinstance(each, str) for each in found):
        return found[0], found[1]
    return None


def _told(key: str, name: str) -> object:
    value: Any = st.session_state.get(key)
    return value.get(name) if hasattr(value, "get") else None
