"""The view "Charts" of the Endpoints page: search and order above the cards, which share both with the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape

import streamlit as st

from services.fleet.fleet_hour import Hour
from ui import context, scope
from ui.components.multiples import multiples, read_opened
from ui.components.table import View
from ui.fleet import endpoint_charts, endpoint_table, opening
from ui.fleet.fleet_view import Seen

_KEY = "endpoint_cards"
_SEARCH, _ORDER = "card_search", "card_order"
_BY_NAME = next(iter(endpoint_charts.ORDERS))
_HINT = (
    "P95 has a line for each deployment: percentiles of several do not add up to one. Errors are red when the service "
    "failed ({server}), dashed when the caller did ({client}). The numbers are of the last 15 settled "
    "minutes. Gaps are minutes without data."
)


def _hint() -> str:
    statuses = context.settings().statuses
    return _HINT.format(server=statuses.server_words, client=statuses.client_words)


def show(seen: Seen, view: View, remember: Callable[[View], None]) -> None:
    """Draw the cards that ``view`` asks for. ``remember`` is told what the person asks for next."""
    _controls(view, remember)
    listing = endpoint_table.Listing(home=scope.home(), now=datetime.now(UTC), has_many=len(seen.view.workspaces) > 1)
    numbers = dict(seen.numbers)
    pairs = [
        (member, endpoint_table.row(member, numbers.get(member.endpoint.id.lower()), listing))
        for member in seen.view.members
    ]
    kept = endpoint_charts.ordered(endpoint_charts.chosen(pairs, view), numbers, view.sort)
    st.html(f'<p class="hint">{escape(_counted(len(kept), len(pairs)))} {escape(_hint())}</p>')
    cards = [
        endpoint_charts.card(
            member,
            numbers.get(member.endpoint.id.lower()),
            listing,
            is_counting=seen.is_busy and member.endpoint.id.lower() not in seen.asked,
        )
        for member in kept[: endpoint_charts.MOST_CARDS]
    ]
    multiples(
        "Endpoints, the last hour of each",
        cards,
        start_at=_start([one.hour for one in numbers.values()]),
        key=_KEY,
        on_open=_open,
    )


def _controls(view: View, remember: Callable[[View], None]) -> None:
    labels = {order: label for label, order in endpoint_charts.ORDERS.items()}
    # Only when it changes: what somebody is typing just now would be lost.
    for key, value in ((_SEARCH, view.search), (_ORDER, labels.get(view.sort, _BY_NAME))):
        if st.session_state.get(key) != value:
            st.session_state[key] = value

    def change() -> None:
        order = endpoint_charts.ORDERS[st.session_state[_ORDER] or _BY_NAME]
        remember(View(st.session_state[_SEARCH], view.filters, order))

    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="card_controls"):
        st.text_input(
            "Search the endpoints",
            key=_SEARCH,
            on_change=change,
            placeholder="Search",
            label_visibility="collapsed",
            width=260,
        )
        st.segmented_control(
            "Order",
            list(endpoint_charts.ORDERS),
            key=_ORDER,
            on_change=change,
            required=True,
            wrap=True,
            label_visibility="collapsed",
        )
        if view.filters:
            st.button(
                "Show all",
                key="card_filters_off",
                help="Only what the filters of the table keep is shown.",
                on_click=lambda: remember(View(view.search, (), view.sort)),
            )


def _counted(kept: int, total: int) -> str:
    drawn = min(kept, endpoint_charts.MOST_CARDS)
    if not kept:
        return f"None of {total} endpoints matches."
    if drawn < kept:
        return f"The first {drawn} of {kept} endpoints in this order; search to see others."
    return f"{drawn} of {total} endpoints." if drawn < total else ""


def _start(hours: list[Hour]) -> datetime | None:
    return hours[0].start_at if hours else None


def _open() -> None:
    opening.press(read_opened(_KEY), "metrics.py")
