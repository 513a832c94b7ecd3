"""Why a request failed: what it means here, the numbers that matter, the log, and what to do next."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.scoring.explanation import Explanation

_TALL = 300
_LINES_BEFORE_TALL = 12


def show(explanation: Explanation) -> None:
    """Draw the card, and the lines of the container log below it."""
    st.html(card(explanation))
    if explanation.log_lines:
        st.html('<p class="label">Container log</p>')
        lines = explanation.log_lines.rstrip("\n")
        is_tall = lines.count("\n") >= _LINES_BEFORE_TALL
        st.code(lines, language=None, wrap_lines=True, height=_TALL if is_tall else "content")
    if explanation.log_note:
        st.caption(explanation.log_note)


def card(explanation: Explanation) -> str:
    """The HTML of the card without the log."""
    numbers = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in explanation.numbers
    )
    steps = "".join(f"<li>{escape(step)}</li>" for step in explanation.next_steps)
    return (
        f'<section class="problem failure" role="alert"><h2>{escape(explanation.title)}</h2>'
        f"<p>{escape(explanation.cause)}</p>"
        + (f'<dl class="facts">{numbers}</dl>' if numbers else "")
        + (f"<h3>Next</h3><ul>{steps}</ul>" if steps else "")
        + "</section>"
    )
