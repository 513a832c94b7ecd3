"""What stands for ``{{name}}`` in the payloads of an endpoint."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.errors import SluiceError
from services.model import Endpoint
from services.payloads.variables import MADE
from ui import context, problem
from ui.components.table import Cell, Column, Row, read_opened, table

_NAME, _VALUE, _FAILED = "variable_name", "variable_value", "variable_failed"
_COLUMNS = (Column("Name"), Column("Value", wraps=True))
_MOST_LETTERS = 80


def show(endpoint: Endpoint) -> None:
    """Draw the variables, and the fields that set one. Raises StoreFailed."""
    known = context.library().variables(endpoint.id)
    st.header("Variables", anchor=False)
    made = ", ".join(f"<code>{{{{{escape(each)}}}}}</code>" for each in MADE)
    st.html(
        '<p class="hint">Write <code>{{name}}</code> in a body or in the value of a header; it is filled in when the '
        f"request is sent. {made} are made anew each time. No place for keys: values are kept as they stand.</p>"
    )
    if known:
        key = f"variables:{endpoint.name}"

        def chosen() -> None:
            name = read_opened(key)
            if name in known:
                st.session_state[_NAME], st.session_state[_VALUE] = name, known[name]

        rows = [_row(name, value) for name, value in known.items()]
        table("Variables", _COLUMNS, rows, key=key, compact=True, on_open=chosen)
    with st.container(horizontal=True, vertical_alignment="bottom", key="variable_fields"):
        name = st.text_input("Name", key=_NAME, max_chars=64, width=160, placeholder="city")
        st.text_input("Value", key=_VALUE, width=240)
        st.button("Set", key="variable_set", on_click=_set, args=(endpoint,), disabled=not (name or "").strip())
        if name in known:
            st.button("Remove", key="variable_drop", on_click=_drop, args=(endpoint,))
    failed: SluiceError | None = st.session_state.pop(_FAILED, None)
    if failed is not None:
        problem.show(failed, key="variables")


def _row(name: str, value: str) -> Row:
    shown = value if len(value) <= _MOST_LETTERS else f"{value[:_MOST_LETTERS]} …"
    return Row(name, (Cell(name, code=True), Cell(shown or "empty", code=bool(shown), muted=not shown, csv=value)))


def _set(endpoint: Endpoint) -> None:
    name = str(st.session_state[_NAME] or "").strip()
    try:
        context.library().set_variable(endpoint.id, name, str(st.session_state[_VALUE] or ""))
    except SluiceError as error:
        _keep(error)
    else:
        _clear()


def _drop(endpoint: Endpoint) -> None:
    try:
        context.library().drop_variable(endpoint.id, str(st.session_state[_NAME] or ""))
    except SluiceError as error:
        _keep(error)
    else:
        _clear()


def _clear() -> None:
    st.session_state[_NAME] = st.session_state[_VALUE] = ""


def _keep(error: SluiceError) -> None:
    """The session keeps the words alone."""
    error.__cause__ = error.__context__ = None
    st.session_state[_FAILED] = error.with_traceback(None)
