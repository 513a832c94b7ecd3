"""Two requests of the history beside each other."""

from __future__ import annotations

import streamlit as st

from services.payloads.exchange import Exchange
from ui import words
from ui.components.table import Cell, Column, Row, table
from ui.journal.entry_words import when
from ui.test.history import diff_view, history_rows, opened
from ui.test.payloads.payload_rows import size

_PARTS = ("Answer", "Request")
_PART = "diff_of"


def begin(exchange: Exchange) -> None:
    """Choose the request that ``exchange`` is laid beside. For callbacks."""
    opened.put(opened.OTHER, exchange.id)
    opened.close(opened.EXCHANGE)


def show_choice(other: Exchange) -> None:
    """Say what is being chosen, and how to leave it."""
    st.html(f'<p class="working">Open the request to compare with the one of {history_rows.title(other)}.</p>')
    st.button("Compare nothing", key="diff_cancel", on_click=opened.close, args=(opened.OTHER,))


def show(left: Exchange, right: Exchange) -> None:
    """Draw what differs between two requests and their answers."""
    st.header("Two requests compared", anchor=False)
    with st.container(horizontal=True, key="diff_actions"):
        st.button(
            "Back to the history",
            key="diff_close",
            icon=":material/arrow_back:",
            on_click=opened.close,
            args=(opened.EXCHANGE, opened.OTHER),
        )
        st.button("Swap sides", key="diff_swap", icon=":material/swap_horiz:", on_click=_swap, args=(left, right))
    table(
        "The two requests",
        (Column("Of each"), Column("Left"), Column("Right"), Column("The same?")),
        rows(left, right),
        key="diff_facts",
        sortable=False,
        searchable=False,
        compact=True,
    )
    part = st.segmented_control(
        "Differences in", _PARTS, default=_PARTS[0], key=_PART, required=True, bind="query-params"
    )
    if part == "Request":
        is_kept = left.has_request_body and right.has_request_body
        sides = diff_view.Sides(left.request.body, right.request.body, "Left", "Right")
    else:
        is_kept = left.answer_body is not None and right.answer_body is not None
        sides = diff_view.Sides(left.answer_body or b"", right.answer_body or b"", "Left", "Right")
    if is_kept:
        diff_view.show(sides, f"exchanges:{part}")
    else:
        st.html(f'<p class="lead">{_missing(left, right, part or _PARTS[0])}</p>')


def rows(left: Exchange, right: Exchange) -> list[Row]:
    """What is known of both, line by line. Pure."""
    facts = [
        ("Sent", when(left.at), when(right.at)),
        ("Status", *(str(each.status or history_rows.NO_ANSWER) for each in (left, right))),
        ("Answered by", *(each.deployment or "not said" for each in (left, right))),
        ("Sent to", *(history_rows.target(each) for each in (left, right))),
        ("Payload", *(each.payload or "typed" for each in (left, right))),
        ("Total", *(words.milliseconds(each.timing.total_ms if each.timing else None) for each in (left, right))),
        ("In the model", *(_model(each) for each in (left, right))),
        ("Request", *(size(each.request_size) for each in (left, right))),
        ("Answer", *(size(each.answer_size) for each in (left, right))),
    ]
    return [
        Row(
            label,
            (
                Cell(label),
                Cell(one, title=one),
                Cell(other, title=other),
                Cell("same", muted=True) if one == other else Cell("differs", tone="busy"),
            ),
        )
        for label, one, other in facts
    ]


def _model(exchange: Exchange) -> str:
    return words.milliseconds(exchange.model_ms) if exchange.model_ms is not None else "not said"


def _missing(left: Exchange, right: Exchange, part: str) -> str:
    if part == "Answer" and None in (left.status, right.status):
        return "At least one of them got no answer, so there is nothing to compare."
    return f"The body of at least one {part.lower()} was not kept, so only what is above can be compared."


def _swap(left: Exchange, right: Exchange) -> None:
    opened.put(opened.EXCHANGE, left.id)
    opened.put(opened.OTHER, right.id)
