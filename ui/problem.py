"""The one place that shows a failure: what failed, why, what to do next, and the request id that support asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape

import streamlit as st

from services.errors import SluiceError

_log = logging.getLogger("sluice.ui")


def show(
    error: SluiceError, *, key: str = "page", retry: Callable[[], None] | None = None, label: str = "Try again"
) -> None:
    """Draw the card. ``retry`` adds a button named ``label`` that calls it and runs the page again."""
    request = f'<dt>Request id</dt><dd class="code">{escape(error.request_id)}</dd>' if error.request_id else ""
    st.html(
        f'<section class="problem" role="alert"><h2>{escape(error.what)}</h2><dl>'
        f"<dt>Why</dt><dd>{escape(error.why)}</dd><dt>Next</dt><dd>{escape(error.next_step)}</dd>{request}"
        "</dl></section>"
    )
    if retry is not None:
        st.button(label, key=f"retry_{key}", icon=":material/refresh:", on_click=retry)


def on_script_error(error: Exception) -> bool:
    """The last resort, for what nothing else has caught. The browser gets a calm sentence, the log the traceback.

    Returns True, which tells Streamlit that the error has been shown.
    """
    if isinstance(error, SluiceError):
        show(error, key="script")
        return True
    _log.error("Unexpected %s while drawing a page", type(error).__name__)
    show(
        SluiceError(
            "Sluice itself failed on this page.",
            f"An unexpected {type(error).__name__} was raised. Nothing was changed on Azure by drawing a page.",
            "Reload the page. If it comes again, report it with the traceback from the server's log.",
        ),
        key="script",
    )
    return True
