"""Streamlit's main script: page settings, the menu, the strip, and the page.

It lives outside the folder that holds ``pages/``. Beside it, Streamlit would run a page file directly on a deep link
and skip everything here.
"""

from __future__ import annotations

from typing import Literal

import streamlit as st

from services.errors import SluiceError
from ui import context, recovery, scope, strip
from ui.fleet import workspace_chooser

PAGES = context.ROOT / "pages"
ICON = context.ROOT / "assets" / "icon.png"
STYLE = context.ROOT / "ui" / "style.css"
MENU = (
    ("endpoints.py", "Endpoints", ":material/lan:"),
    ("overview.py", "Overview", ":material/dns:"),
    ("traffic.py", "Traffic", ":material/call_split:"),
    ("test.py", "Test", ":material/send:"),
    ("metrics.py", "Metrics", ":material/monitoring:"),
    ("shadow.py", "Shadow", ":material/compare:"),
    ("deploy.py", "Deploy", ":material/rocket_launch:"),
    ("autoscale.py", "Autoscale", ":material/speed:"),
    ("logs.py", "Logs", ":material/receipt_long:"),
    ("journal.py", "Journal", ":material/history:"),
    ("quota.py", "Quota", ":material/savings:"),
)


def main() -> None:
    """Draw the whole page."""
    st.set_page_config(page_title="Sluice", page_icon=str(ICON), layout="wide", initial_sidebar_state="auto")
    st.html(STYLE)
    st.logo(str(ICON), size="medium")
    configured = context.is_configured()
    page = st.navigation(_pages(configured))
    if not configured:
        if page.url_path != "connect":
            st.switch_page(PAGES / "connect.py")
        page.run()
        return
    if st.session_state.pop("go_to_endpoints", False):
        st.switch_page(PAGES / "endpoints.py")
    if not page.url_path:
        st.switch_page(PAGES / "endpoints.py", query_params=st.query_params.to_dict())
    place = strip.identity(lists_all=page.url_path == "endpoints" and scope.lists_all())
    try:
        page.run()
    except SluiceError as error:
        recovery.show_for_page(error)
        workspace_chooser.way_back()
    strip.data_age(place)


def _pages(configured: bool) -> list[st.Page]:
    # Streamlit answers its default page at / alone and knows no other address of it. So the default is a page that
    # only moves on, and every page of the menu has an address of its own.
    front = st.Page(_move_on, title="Sluice", default=True, visibility="hidden")
    connect = st.Page(
        PAGES / "connect.py",
        title="Connect",
        icon=":material/cable:",
        visibility="hidden" if configured else "visible",
    )
    shown: Literal["visible", "hidden"] = "visible" if configured else "hidden"
    return [
        front,
        *(st.Page(PAGES / file, title=title, icon=icon, visibility=shown) for file, title, icon in MENU),
        connect,
    ]


def _move_on() -> None:
    """The page at ``/``. :func:`main` never runs it: it switches to another page first."""


if __name__ == "__main__":
    main()
