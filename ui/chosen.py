"""The one chosen endpoint that every page follows.

It lives in the session and is written back to ``?endpoint=`` on every page, because a click in the menu drops the query
string. The URL wins: a link that names an endpoint opens that endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from services.model import Endpoint
from ui import context, readers, words

_REMEMBERED = "chosen_endpoint"
_PARAMETER = "endpoint"
_SELECTOR = "endpoint_selector"


@dataclass(frozen=True)
class Choice:
    """The chosen endpoint's name, or the name that was asked for and does not exist."""

    name: str | None
    unknown: str | None = None


def resolve(names: Sequence[str], asked: str | None, remembered: str | None) -> Choice:
    """Choose by what the URL asks for, else by what the session remembers. Pure."""
    if asked:
        return Choice(asked) if asked in names else Choice(None, unknown=asked)
    return Choice(remembered if remembered in names else None)


def current(names: Sequence[str]) -> Choice:
    """The choice of this session among ``names``, remembered and written back to the URL."""
    choice = resolve(names, st.query_params.get(_PARAMETER), st.session_state.get(_REMEMBERED))
    if choice.name:
        choose(choice.name)
    return choice


def carried() -> str | None:
    """The choice of a page that works without one: kept in the session and in the URL, and not looked up."""
    name: str | None = st.query_params.get(_PARAMETER) or st.session_state.get(_REMEMBERED)
    if name:
        choose(name)
    return name


def remember(name: str) -> None:
    """Choose an endpoint for the next page; the URL of this one stays as it is, for who comes back to it."""
    st.session_state[_REMEMBERED] = name


def choose(name: str) -> None:
    """Choose an endpoint by name, for this session and in the URL."""
    remember(name)
    if st.query_params.get(_PARAMETER) != name:
        st.query_params[_PARAMETER] = name


def heading(title: str) -> Endpoint | None:
    """Draw the page's title with the endpoint selector beside it, and return the chosen endpoint.

    Without a choice the first endpoint is taken. None when there is no endpoint, or when the URL names one that does
    not exist: the page then has nothing else to show, and what to do has been said. Raises SluiceError.
    """
    row = st.container(horizontal=True, vertical_alignment="center", gap="medium", key="page_heading")
    row.title(title, anchor=False, width="content")
    endpoints = readers.endpoints()
    names = [each.name for each in endpoints]
    choice = current(names)
    if choice.unknown is not None:
        # It may have been made since the list was read.
        endpoints = readers.endpoints_now()
        names = [each.name for each in endpoints]
        choice = current(names)
    if choice.name is None and choice.unknown is None and names:
        choice = Choice(names[0])
        choose(names[0])
    if names:
        with row:
            _selector(names, choice.name)
    if not names:
        show_no_endpoints()
    elif choice.unknown is not None:
        show_unknown(choice.unknown, len(names))
    return next((each for each in endpoints if each.name == choice.name), None)


def show_unknown(name: str, count: int) -> None:
    """Say that the URL names an endpoint that is not there."""
    st.html(
        f'<section class="problem" role="alert"><h2>There is no endpoint named {escape(name)}.</h2><dl>'
        f"<dt>Why</dt><dd>The address asks for it, but this workspace holds {words.count(count, 'other endpoint')}. "
        "It may have been deleted, or live in another workspace.</dd>"
        "<dt>Next</dt><dd>Choose one of the endpoints of this workspace.</dd></dl></section>"
    )


def show_no_endpoints() -> None:
    """Say that the workspace is empty, and what fills it."""
    st.html('<p class="lead">This workspace has no online endpoints yet.</p>')
    st.page_link(context.ROOT / "pages" / "endpoints.py", label="See how to deploy one", icon=":material/lan:")


def _selected() -> None:
    if st.session_state[_SELECTOR]:
        choose(st.session_state[_SELECTOR])


def _selector(names: list[str], chosen: str | None) -> None:
    st.session_state[_SELECTOR] = chosen
    st.selectbox(
        "Endpoint",
        names,
        key=_SELECTOR,
        index=0 if chosen else None,
        placeholder="Choose an endpoint",
        label_visibility="collapsed",
        width=280,
        on_change=_selected,
    )
