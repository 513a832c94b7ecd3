"""Which row of a view is open. It stands in the URL, so that a link, a reload and Back show it again."""

from __future__ import annotations

import streamlit as st

PAYLOAD, EXCHANGE, OTHER = "payload", "exchange", "beside"
"""The parameters: a payload of the library, a request of the history, and the one that it is laid beside."""


def read(parameter: str) -> str:
    """The id that is open, "" when none is."""
    return st.query_params.get(parameter, "")


def put(parameter: str, value: str) -> None:
    """Open the row with this id."""
    st.query_params[parameter] = value


def say_if_gone(what: str, parameter: str, *, is_there: bool) -> None:
    """Say that the row of the address is not there: a link may be old, or be one of another endpoint."""
    if read(parameter) and not is_there:
        said = f"The {what} that this address names is not here: it was deleted, or is one of another endpoint."
        st.html(f'<p class="note">{said}</p>')


def close(*parameters: str) -> None:
    """Open nothing any more."""
    for each in parameters:
        st.query_params.pop(each, None)
