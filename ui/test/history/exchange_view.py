"""One request of the history: what was sent, what came back, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.model import Deployment, Endpoint
from services.payloads.exchange import Exchange
from services.payloads.payload import Payload
from services.payloads.redaction import is_secret
from services.scoring.answer import meaning_of
from ui import ask, context, words
from ui.facts import Fact, facts
from ui.labels import listed
from ui.test import views
from ui.test.answer import answer_view, code_view
from ui.test.history import exchange_diff, history_rows, opened
from ui.test.payloads import expected_answer, payload_form
from ui.test.payloads.payload_rows import size
from ui.test.send import body_view, draft, header_lines

PLACE = "history"


def show(endpoint: Endpoint, deployments: Sequence[Deployment], exchange: Exchange) -> None:
    """Draw ``exchange``, its actions first."""
    st.header(history_rows.title(exchange), anchor=False)
    _actions(endpoint, exchange)
    st.html('<p class="label">Answer</p>')
    _answer(endpoint, deployments, exchange)
    _request(exchange)
    if is_whole(exchange):
        with st.expander("Copy as code", key=f"code_of:{exchange.id}"):
            code_view.show(endpoint, deployments, exchange.request, f"history:{exchange.id}")


def is_whole(exchange: Exchange) -> bool:
    """Whether the request is known as it was sent, its body included. Pure."""
    return exchange.has_request_body or exchange.request_size == 0


def kept_headers(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """The headers that can be sent again: without those whose value was a secret and is not known any more. Pure."""
    return tuple((name, value) for name, value in exchange.request.headers if value or not is_secret(name))


def _actions(endpoint: Endpoint, exchange: Exchange) -> None:
    why_not = "" if is_whole(exchange) else "Its body was not kept."
    with st.container(horizontal=True, key="exchange_actions"):
        st.button(
            "Send again",
            key="exchange_again",
            type="primary",
            icon=":material/replay:",
            disabled=bool(why_not),
            help=why_not or "Puts the request into Send.",
            on_click=_send_again,
            args=(endpoint, exchange),
        )
        st.button(
            "Save as payload",
            key="exchange_save",
            icon=":material/bookmark_add:",
            disabled=bool(why_not),
            help=why_not or None,
            on_click=_save,
            args=(endpoint, exchange),
        )
        st.button(
            "Compare with another",
            key="exchange_compare",
            icon=":material/difference:",
            on_click=exchange_diff.begin,
            args=(exchange,),
        )
        expected_answer.offer(endpoint, exchange)
        st.button("Delete", key="exchange_delete", icon=":material/delete:", on_click=_ask_to_delete, args=(exchange,))
        st.button(
            "Close", key="exchange_close", icon=":material/close:", on_click=opened.close, args=(opened.EXCHANGE,)
        )


def _answer(endpoint: Endpoint, deployments: Sequence[Deployment], exchange: Exchange) -> None:
    if exchange.status is None or exchange.answer_body is not None:
        answer_view.show(endpoint, deployments, exchange.request, exchange.outcome(), None, f"history:{exchange.id}")
        return
    tone = "good" if 200 <= exchange.status < 300 else "bad"
    meaning = escape(meaning_of(exchange.status, exchange.answer_headers))
    st.html(f'<p class="answer"><b class="tone {tone}">{exchange.status}</b> {meaning}</p>')
    model = words.milliseconds(exchange.model_ms) if exchange.model_ms is not None else "not said"
    facts(
        [
            Fact("Answered by", exchange.deployment or "not said"),
            Fact("Total", words.milliseconds(exchange.timing.total_ms if exchange.timing else None)),
            Fact("In the model", model),
            Fact("Size", size(exchange.answer_size)),
            Fact("Request id", exchange.request_id or "not said", code=True),
        ]
    )
    st.html('<p class="hint">The body of the answer was not kept.</p>')
    with st.expander(f"Headers of the answer, {len(exchange.answer_headers)}"):
        st.code(header_lines.written(list(exchange.answer_headers.items())), language=None, wrap_lines=True)


def _request(exchange: Exchange) -> None:
    request = exchange.request
    st.html('<p class="label">Request</p>')
    facts(
        [
            Fact("Sent to", history_rows.target(exchange)),
            Fact("Payload", exchange.payload or "typed"),
            Fact("Content type", request.content_type, code=True),
            Fact("Time limit", f"{request.timeout_seconds:g} s"),
            Fact("By", exchange.person or "unknown"),
        ]
    )
    if is_whole(exchange):
        body_view.show("Body", request.body, f"sent:{exchange.id}", file_name=f"{exchange.payload or 'request'}-body")
    else:
        st.html(f'<p class="hint">Its body of {size(exchange.request_size)} was not kept.</p>')
    if request.headers:
        st.html('<p class="label">Headers</p>')
        shown = [(name, "(not kept)" if not value and is_secret(name) else value) for name, value in request.headers]
        st.code(header_lines.written(shown), language=None, wrap_lines=True)


def _send_again(endpoint: Endpoint, exchange: Exchange) -> None:
    request, headers = exchange.request, kept_headers(exchange)
    draft.take(
        endpoint,
        request.body,
        content_type=request.content_type,
        headers=headers,
        timeout_seconds=request.timeout_seconds,
        payload=exchange.payload,
    )
    made = draft.of(endpoint)
    if made is not None:
        made.targets = (request.deployment or draft.SPLIT,)
    _say_what_is_missing(exchange)
    views.choose(views.SEND)


def _save(endpoint: Endpoint, exchange: Exchange) -> None:
    request = exchange.request
    payload_form.begin(
        endpoint,
        Payload("", "", request.body, request.content_type, kept_headers(exchange), request.timeout_seconds),
    )
    _say_what_is_missing(exchange)
    views.choose(views.PAYLOADS)


def _say_what_is_missing(exchange: Exchange) -> None:
    gone = [name for name, _ in exchange.request.headers if name not in dict(kept_headers(exchange))]
    if gone:
        st.toast(f"Left out, because the value was never kept: {listed(gone)}.", duration="long")


def _ask_to_delete(exchange: Exchange) -> None:
    def act() -> None:
        context.history().delete([exchange.id])
        opened.close(opened.EXCHANGE)
        st.toast("The request was deleted from the history.")

    said = f"The request of {history_rows.title(exchange)} goes for good, with all that is known of it."
    ask.begin(ask.Question(PLACE, "Delete a request", said, "Delete", act))
