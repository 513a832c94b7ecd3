"""The library of an endpoint: what can be sent again, by name."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.payloads.payload import Payload
from ui import ask, context, problem
from ui.components.into_view import into_view
from ui.components.table import View, read_opened, read_view, table
from ui.test.history import opened
from ui.test.payloads import (
    expectations_run,
    export_button,
    import_form,
    payload_card,
    payload_form,
    payload_rows,
    variables_view,
)

_VIEW = "payloads_shown"


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the library, the payload that is open, the run of what is expected, and the variables."""
    try:
        payloads = context.library().all(endpoint.id)
        ask.show(payload_card.PLACE)
        _tools(endpoint, payloads)
        _list_and_pane(endpoint, payloads)
        if payloads:
            st.header("Run what is expected", anchor=False)
            expectations_run.show(endpoint, deployments)
        variables_view.show(endpoint)
    except SluiceError as error:
        problem.show(error, key="payloads")


def _tools(endpoint: Endpoint, payloads: Sequence[Payload]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="payload_tools"):
        st.button("New payload", key="payload_new", icon=":material/add:", on_click=_begin_new, args=(endpoint,))
        st.button("Import", key="payload_import", icon=":material/upload:", on_click=_begin_import, args=(endpoint,))
        if payloads:
            export_button.show(endpoint, payloads)


def _begin_new(endpoint: Endpoint) -> None:
    import_form.close(endpoint)
    payload_form.begin_new(endpoint)


def _begin_import(endpoint: Endpoint) -> None:
    payload_form.close(endpoint)
    import_form.begin(endpoint)


def _list_and_pane(endpoint: Endpoint, payloads: Sequence[Payload]) -> None:
    form, is_importing = payload_form.of(endpoint), import_form.is_open(endpoint)
    payload = next((each for each in payloads if each.id == opened.read(opened.PAYLOAD)), None)
    opened.say_if_gone("payload", opened.PAYLOAD, is_there=payload is not None)
    if not payloads and form is None and not is_importing:
        st.html(
            '<p class="lead">No payload of this endpoint is saved yet. Write one, import curl commands, JSON, JSONL or '
            "CSV, or save what you have sent from Send or History.</p>"
        )
        return
    if form is None and not is_importing and payload is None:
        _list(endpoint, payloads, None, is_narrow=False)
        return
    left, right = st.columns([5, 6], gap="medium") if payloads else (None, st.container())
    if left is not None:
        with left:
            _list(endpoint, payloads, payload, is_narrow=True)
    with right, st.container(key="payload_pane"):
        token = form.token if form else "import" if is_importing else payload.id if payload else ""
        into_view(token, key="payload_in_view", gently=True)
        if form is not None:
            payload_form.show(endpoint, form)
        elif is_importing:
            import_form.show(endpoint, payloads)
        elif payload is not None:
            payload_card.show(endpoint, payload)


def _list(endpoint: Endpoint, payloads: Sequence[Payload], current: Payload | None, *, is_narrow: bool) -> None:
    key, view_key = f"payloads:{endpoint.name}", f"{_VIEW}:{endpoint.id}"

    def chosen() -> None:
        row = read_opened(key)
        if row:
            payload_form.close(endpoint)
            import_form.close(endpoint)
            opened.put(opened.PAYLOAD, row)

    def wanted() -> None:
        view = read_view(key)
        if view is not None:
            st.session_state[view_key] = view

    table(
        f"Payloads of {endpoint.name}",
        payload_rows.COLUMNS[: payload_rows.NARROW] if is_narrow else payload_rows.COLUMNS,
        [payload_rows.row(each, is_narrow=is_narrow) for each in payloads],
        key=key,
        current=current.id if current else None,
        filters=payload_rows.tag_filters(payloads),
        view=st.session_state.get(view_key, View()),
        nothing="No payload is like that.",
        on_open=chosen,
        on_view=wanted,
    )
