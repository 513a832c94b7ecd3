"""Whether the bodies of what is sent are kept: asked once, changeable at any time."""

from __future__ import annotations

import streamlit as st

from services.payloads.consent import Consent
from ui import context

_TOGGLE = "keep_bodies"


def ask() -> None:
    """Draw the question when this person has not been asked yet. Raises StoreFailed."""
    if Consent(context.store()).chosen(context.person()) is not None:
        return
    st.html(
        '<section class="working"><b>Keep bodies?</b> The history notes when you sent what to which deployment, and '
        "what came of it. With your leave it keeps the bodies of requests and answers too, on this machine only: then "
        "they can be sent again and compared. Keys and tokens are never kept.</section>"
    )
    with st.container(horizontal=True, key="consent_question"):
        st.button("Keep bodies", key="consent_yes", on_click=_choose, args=(True,))
        st.button("Keep no bodies", key="consent_no", on_click=_choose, args=(False,))


def switch() -> None:
    """Draw the switch that changes the choice, once there is one. Raises StoreFailed."""
    chosen = Consent(context.store()).chosen(context.person())
    if chosen is None:
        return
    st.session_state[_TOGGLE] = chosen
    st.toggle(
        "Keep bodies",
        key=_TOGGLE,
        help="Of the requests that you send from now on. What is kept already stays until it is forgotten.",
        on_change=lambda: _choose(st.session_state[_TOGGLE]),
    )


def _choose(keeps: bool) -> None:
    Consent(context.store()).set(context.person(), keeps)
