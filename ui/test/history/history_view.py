"""Everything that was sent to an endpoint from here, with what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.payloads.exchange import Exchange
from services.payloads.history import Holdings, Page
from ui import ask, colours, context, problem, words
from ui.components.into_view import into_view
from ui.components.table import read_opened, table
from ui.test.history import consent_view, exchange_diff, exchange_view, history_rows, opened
from ui.test.payloads.payload_rows import size

LIMIT = 20
"""How many requests one page shows."""
_ANY = "Any deployment"
_AT = "history_at"


@dataclass(frozen=True)
class Wanted:
    """What of the history is asked for. ``statuses`` None asks for all; None among them is no answer."""

    endpoint_id: str
    text: str
    deployment: str | None
    statuses: tuple[int | None, ...] | None


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the question about bodies, the filters, the requests, and the one that is open or the two compared."""
    try:
        ask.show(exchange_view.PLACE)
        consent_view.ask()
        _show(endpoint, deployments)
    except SluiceError as error:
        problem.show(error, key="history")


def _show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    current, other = _open(endpoint, opened.EXCHANGE), _open(endpoint, opened.OTHER)
    opened.say_if_gone("request", opened.EXCHANGE, is_there=current is not None)
    opened.say_if_gone("request to compare with", opened.OTHER, is_there=other is not None)
    if current is not None and other is not None:
        exchange_diff.show(other, current)
        return
    held = context.history().holdings(endpoint.id)
    if not held.count:
        consent_view.switch()
        st.html('<p class="lead">Nothing was sent to this endpoint from here yet. What you send is listed here.</p>')
        return
    wanted = _filters(endpoint, held)
    if other is not None:
        exchange_diff.show_choice(other)
    if current is None:
        _list(endpoint, deployments, wanted, None)
    else:
        left, right = st.columns([5, 6], gap="medium")
        with left:
            _list(endpoint, deployments, wanted, current)
        with right, st.container(key="exchange_pane"):
            into_view(current.id, key="exchange_in_view", gently=True)
            exchange_view.show(endpoint, deployments, current)
    _foot(endpoint, held)


def _open(endpoint: Endpoint, parameter: str) -> Exchange | None:
    """The request that the address names, None when this endpoint has no such one."""
    asked = opened.read(parameter)
    return context.history().get(asked, of=endpoint.id) if asked else None


def _filters(endpoint: Endpoint, held: Holdings) -> Wanted:
    names = {str(status) if status is not None else "No answer": status for status in held.statuses}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="history_filters"):
        text = st.text_input(
            "Search",
            key="sent_with",
            type="search",
            placeholder="Any word of a request or answer",
            width=260,
            bind="query-params",
        )
        deployment = st.selectbox(
            "Answered by", [_ANY, *held.deployments], key="answered_by", width=180, bind="query-params"
        )
        statuses = st.multiselect(
            "Status", list(names), key="status", placeholder="Any", width=220, bind="query-params"
        )
        consent_view.switch()
    return Wanted(
        endpoint.id,
        text or "",
        deployment if deployment in held.deployments else None,
        tuple(names[each] for each in statuses) or None,
    )


def _list(endpoint: Endpoint, deployments: Sequence[Deployment], wanted: Wanted, current: Exchange | None) -> None:
    at = _place(wanted)
    page = context.history().search(
        wanted.endpoint_id, wanted.text, wanted.deployment, wanted.statuses, LIMIT, at[-1] if at else None
    )
    if not page.exchanges:
        st.html('<p class="lead">No request is like that. Ask for less.</p>')
        return
    names = {each.name for each in deployments} | {each.deployment for each in page.exchanges if each.deployment}
    palette, key = colours.of_deployments(names), f"sent:{endpoint.name}"

    def chosen() -> None:
        row = read_opened(key)
        if row and row != opened.read(opened.OTHER):
            opened.put(opened.EXCHANGE, row)

    is_narrow = current is not None
    table(
        f"Requests to {endpoint.name}, newest first",
        history_rows.COLUMNS[: history_rows.NARROW] if is_narrow else history_rows.COLUMNS,
        [history_rows.row(each, palette, is_narrow=is_narrow) for each in page.exchanges],
        key=key,
        current=current.id if current else opened.read(opened.OTHER) or None,
        sortable=False,
        searchable=False,
        download="" if is_narrow else "sluice-history.csv",
        on_open=chosen,
    )
    _paging(wanted, at, page)


def _paging(wanted: Wanted, at: list[str], page: Page) -> None:
    first = len(at) * LIMIT + 1
    with st.container(horizontal=True, vertical_alignment="center", key="history_paging"):
        if at:
            st.button("Newer", key="history_newer", on_click=_go, args=(wanted, at[:-1]))
        if page.next is not None:
            st.button("Older", key="history_older", on_click=_go, args=(wanted, [*at, page.next]))
        st.caption(f"{first:,} to {first + len(page.exchanges) - 1:,} of {words.count(page.total, 'request')}")


def _place(wanted: Wanted) -> list[str]:
    """Where the shown page begins: one place for every step to older requests. Another question starts over."""
    asked, at = st.session_state.get(_AT, (wanted, []))
    return list(at) if asked == wanted else []


def _go(wanted: Wanted, at: list[str]) -> None:
    st.session_state[_AT] = (wanted, at)


def _foot(endpoint: Endpoint, held: Holdings) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="history_foot"):
        if held.body_bytes:
            st.button("Forget the bodies", key="history_forget", on_click=_ask_to_forget, args=(endpoint, held))
        st.button("Delete the history", key="history_clear", on_click=_ask_to_clear, args=(endpoint, held))


def _ask_to_forget(endpoint: Endpoint, held: Holdings) -> None:
    def act() -> None:
        context.history().forget_bodies(endpoint.id)
        st.toast("The bodies were deleted.")

    said = f"{size(held.body_bytes)} of bodies of {endpoint.name} go for good. When what was sent where stays known."
    ask.begin(ask.Question(exchange_view.PLACE, "Forget the bodies", said, "Forget", act))


def _ask_to_clear(endpoint: Endpoint, held: Holdings) -> None:
    def act() -> None:
        context.history().clear(endpoint.id)
        opened.close(opened.EXCHANGE, opened.OTHER)
        st.toast("The history was deleted.")

    said = f"{words.count(held.count, 'request')} to {endpoint.name} go for good, with all that is known of them."
    ask.begin(ask.Question(exchange_view.PLACE, "Delete the history", said, "Delete", act))
