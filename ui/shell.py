"""Streamlit's main script: page settings, the menu, the strip, and the page.

It lives outside the folder that holds ``pages/``. Beside it, Streamlit would run a page file directly on a deep link
and skip everything here.
"""

from __future__ import annotations

import streamlit as st

from services.errors import SluiceError
from ui import context, recovery, strip

PAGES = context.ROOT / "pages"
ICON = context.ROOT / "assets" / "icon.png"
STYLE = context.ROOT / "ui" / "style.css"
MENU = (
    ("endpoints.py", "Endpoints", ":material/lan:"),
    ("traffic.py", "Traffic", ":material/call_split:"),
    ("test.py", "Test", ":material/send:"),
    ("metrics.py", "Metrics", ":material/monitoring:"),
    ("journal.py", "Journal", ":material/history:"),
)


def main() -> None:
    """Draw the whole page."""
    st.set_page_config(page_title="Sluice", page_icon=str(ICON), layout="wide", initial_sidebar_state="auto")
    st.html(STYLE)
    st.logo(str(ICON), size="medium")
    configured = context.is_configured()
    page = st.navigation(_pages(configured))
    if not configured:
        if page.url_path:
            st.switch_page(PAGES / "connect.py")
        page.run()
        return
    if st.session_state.pop("go_to_endpoints", False):
        st.switch_page(PAGES / "endpoints.py")
    place = strip.identity()
    try:
        page.run()
    except SluiceError as error:
        recovery.show_for_page(error)
    strip.data_age(place)


def _pages(configured: bool) -> list[st.Page]:
    connect = st.Page(
        PAGES / "connect.py",
        title="Connect",
        icon=":material/cable:",
        default=not configured,
        visibility="hidden" if configured else "visible",
    )
    work = [
        st.Page(
            PAGES / file,
            title=title,
            icon=icon,
            default=configured and file == "endpoints.py",
            visibility="visible" if configured else "hidden",
        )
        for file, title, icon in MENU
    ]
    return [*work, connect] if configured else [connect, *work]


if __name__ == "__main__":
    main()
