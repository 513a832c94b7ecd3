"""One payload of the library: what is sent, what is expected, and what can be done with it."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.expectations.words import describe
from services.model import Endpoint
from services.payloads.payload import Payload
from ui import ask, context, words
from ui.facts import Fact, facts
from ui.labels import plain
from ui.test import views
from ui.test.history import opened
from ui.test.payloads import payload_form
from ui.test.payloads.payload_rows import size
from ui.test.send import body_view, draft, header_lines

PLACE = "payloads"


def show(endpoint: Endpoint, payload: Payload) -> None:
    """Draw ``payload``, its actions first."""
    st.header(plain(payload.name), anchor=False)
    if payload.tags:
        tags = "".join(f"<li>{escape(each)}</li>" for each in payload.tags)
        st.html(f'<ul class="tags" aria-label="Tags">{tags}</ul>')
    with st.container(horizontal=True, key="payload_actions"):
        st.button(
            "Use in Send",
            key="payload_use",
            type="primary",
            icon=":material/send:",
            on_click=use_in_send,
            args=(endpoint, payload),
        )
        st.button(
            "Edit", key="payload_edit", icon=":material/edit:", on_click=payload_form.begin, args=(endpoint, payload)
        )
        st.button(
            "Duplicate",
            key="payload_copy",
            icon=":material/content_copy:",
            on_click=payload_form.begin_copy,
            args=(endpoint, payload),
        )
        st.button("Delete", key="payload_delete", icon=":material/delete:", on_click=_ask_to_delete, args=(payload,))
        st.button("Close", key="payload_close", icon=":material/close:", on_click=opened.close, args=(opened.PAYLOAD,))
    _facts(payload)
    body_view.show("Body", payload.body, f"payload:{payload.id}", file_name=payload.name)
    if payload.headers:
        st.html('<p class="label">Headers</p>')
        st.code(header_lines.written(payload.headers), language=None, wrap_lines=True)
    _expected(payload)


def use_in_send(endpoint: Endpoint, payload: Payload) -> None:
    """Put ``payload`` into the Send view, and go there. For callbacks."""
    draft.take(
        endpoint,
        payload.body,
        content_type=payload.content_type,
        headers=payload.headers,
        timeout_seconds=payload.timeout_seconds,
        payload=payload.name,
    )
    views.choose(views.SEND)


def _facts(payload: Payload) -> None:
    facts(
        [
            Fact("Content type", payload.content_type, code=True),
            Fact("Size", size(len(payload.body))),
            Fact("Time limit", f"{payload.timeout_seconds:g} s"),
            Fact("Changed", words.moment(payload.changed_at)),
        ]
    )


def _expected(payload: Payload) -> None:
    st.html('<p class="label">Expected of the answer</p>')
    if not payload.expectations and not payload.expected_answer:
        st.html('<p class="hint">Nothing yet. Edit it to say what the answer must be.</p>')
        return
    if payload.expectations:
        said = "".join(f"<li>{escape(describe(each))}</li>" for each in payload.expectations)
        st.html(f'<ul class="expected">{said}</ul>')
    if payload.expected_answer:
        with st.expander("The expected answer"):
            body_view.show(
                "Expected answer",
                payload.expected_answer.encode(),
                f"expected:{payload.id}",
                file_name=f"{payload.name}-answer",
            )


def _ask_to_delete(payload: Payload) -> None:
    ask.begin(
        ask.Question(
            PLACE,
            "Delete a payload",
            f"“{payload.name}” goes for good, with what is expected of its answer. Its history stays.",
            "Delete",
            lambda: _delete(payload),
        )
    )


def _delete(payload: Payload) -> None:
    context.library().delete(payload.id)
    opened.close(opened.PAYLOAD)
    st.toast("The payload was deleted.")
