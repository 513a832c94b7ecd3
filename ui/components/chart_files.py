"""A drawn chart as a picture: two buttons, PNG and SVG.

The browser makes the file from what it has drawn, with the page's background and letters. Nothing is sent to the
server.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_chart_files",
    css=(_HERE / "chart_files.css").read_text(encoding="utf-8"),
    js=(_HERE / "chart_files.js").read_text(encoding="utf-8"),
)


def chart_files(chart: str, *, name: str, title: str, about: str = "") -> None:
    """Draw the buttons for the chart with the key ``chart``. ``name`` is the file's, without its ending.

    ``title`` and ``about`` stand above the chart in the picture, which is seen without the page.
    """
    data = {"chart": chart, "name": name, "title": title, "about": about}
    _mount(key=f"{chart}_files", data=data, width="content", height="content")
