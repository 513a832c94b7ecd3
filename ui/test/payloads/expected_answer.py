"""Take an answer of the history as the one that a saved payload is expected to get."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from services.errors import SluiceError
from services.model import Endpoint
from services.payloads.exchange import Exchange
from services.payloads.payload import Payload
from ui import context, problem
from ui.test.answer.body_text import text_of

_FAILED = "expected_failed"


def offer(endpoint: Endpoint, exchange: Exchange) -> None:
    """Draw the button with its choice of payloads, when the answer is a good one and was kept. Raises StoreFailed."""
    if exchange.status is None or not 200 <= exchange.status < 300 or exchange.answer_body is None:
        return
    answer = text_of(exchange.answer_body)
    if answer is None or exchange.is_cut:
        return
    payloads = context.library().all(endpoint.id)
    with st.popover("Take as expected", icon=":material/rule:", disabled=not payloads, key="exchange_expected"):
        names = [each.name for each in payloads]
        name = st.selectbox(
            "Expected answer of the payload",
            names,
            index=names.index(exchange.payload) if exchange.payload in names else 0,
            key=f"expected_of:{exchange.id}",
        )
        chosen = next((each for each in payloads if each.name == name), None)
        if chosen is not None:
            if chosen.expected_answer:
                st.caption("It has an expected answer already, which this one replaces.")
            st.button("Take it", key="expected_take", type="primary", on_click=_take, args=(endpoint, chosen, answer))
        failed: SluiceError | None = st.session_state.pop(_FAILED, None)
        if failed is not None:
            problem.show(failed, key="expected")


def _take(endpoint: Endpoint, payload: Payload, answer: str) -> None:
    try:
        context.library().save(endpoint.id, replace(payload, expected_answer=answer))
    except SluiceError as error:
        # The session keeps the words alone.
        error.__cause__ = error.__context__ = None
        st.session_state[_FAILED] = error.with_traceback(None)
    else:
        st.toast("The payload expects this answer from now on.")
