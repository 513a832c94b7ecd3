"""The load tests that were run on an endpoint: a list, the open one, and another one beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from services.loadtest import report
from services.loadtest.report import KIND
from services.model import Deployment, Endpoint
from services.results import Result
from ui import ask, context, words
from ui.components.table import Cell, Column, Row, read_opened, table
from ui.test.history import opened
from ui.test.load import load_result

NEWEST = 50
"""How many are listed."""
CURRENT, OTHER = "load", "load_beside"
"""The parameters of the URL: the open result, and the one beside it."""
_TABLE = "load_results"
_COLUMNS = (
    Column("When"),
    Column("Target"),
    Column("Asked for"),
    Column("Sent", number=True),
    Column("Failed", number=True),
    Column("P50", number=True),
    Column("P99", number=True),
    Column("Verdict"),
)


def show(endpoint: Endpoint, deployments: Sequence[Deployment], place: str) -> None:
    """Draw the open result, the newest unless another one was chosen, and the list."""
    found = context.results().all(endpoint.id, KIND, NEWEST)
    if not found:
        st.html('<p class="lead">No load test was run on this endpoint from here yet. Its result appears here.</p>')
        return
    by_id = {each.id: each for each in found}
    current = by_id.get(opened.read(CURRENT), found[0])
    other = by_id.get(opened.read(OTHER))
    load_result.show(endpoint, deployments, current, other if other is not current else None)
    _choose_other(current, found)
    st.button(
        "Delete this result",
        key="delete_load",
        icon=":material/delete:",
        on_click=_ask_to_delete,
        args=(current, place, endpoint.id),
    )
    st.header("Results", anchor=False)
    table(
        "Load tests, newest first",
        _COLUMNS,
        [_row(each) for each in found],
        key=_TABLE,
        current=current.id,
        on_open=_open,
    )


def close() -> None:
    """Open the newest result from the next drawing on."""
    opened.close(CURRENT, OTHER)


def target_words(content: Mapping[str, Any]) -> str:
    """Where the requests went."""
    return str(content["deployment"] or "the live split")


def _open() -> None:
    chosen = read_opened(_TABLE)
    if chosen:
        opened.put(CURRENT, chosen)


def _choose_other(current: Result, found: Sequence[Result]) -> None:
    others = {each.id: each for each in found if each.id != current.id}
    if not others:
        return
    key = f"load_other:{current.id}"
    asked = opened.read(OTHER)
    if st.session_state.get(key, "") != (asked if asked in others else ""):
        st.session_state[key] = asked if asked in others else ""

    def note() -> None:
        chosen = st.session_state[key]
        if chosen:
            opened.put(OTHER, chosen)
        else:
            opened.close(OTHER)

    st.selectbox(
        "Compare with",
        ["", *others],
        key=key,
        format_func=lambda each: _label(others[each]) if each else "no other test",
        on_change=note,
        width=460,
    )


def _label(result: Result) -> str:
    content = result.content
    return f"{words.moment(result.at)}, {target_words(content)}, {report.plan_words(content)}"


def _ask_to_delete(result: Result, place: str, endpoint_id: str) -> None:
    ask.begin(
        ask.Question(
            place,
            "Delete this result?",
            f"The load test of {_label(result)} is deleted. It does not come back.",
            "Delete",
            lambda: context.results().delete(result.id),
            endpoint_id,
        )
    )


def _row(result: Result) -> Row:
    content = result.content
    latency = content["latency_ms"] or {}
    failed = report.failed_percent(content)
    return Row(
        result.id,
        (
            Cell(words.moment(result.at), sort=result.at.timestamp()),
            Cell(target_words(content)),
            Cell(report.plan_words(content)),
            Cell(f"{content['sent']:,}", sort=content["sent"]),
            Cell(words.percent(failed), sort=failed, tone="bad" if failed else ""),
            *(
                Cell(words.milliseconds(latency.get(name)), sort=latency.get(name), muted=name not in latency)
                for name in ("p50", "p99")
            ),
            _verdict(content),
        ),
    )


def _verdict(content: Mapping[str, Any]) -> Cell:
    if not content["is_valid"]:
        return Cell("not valid", tone="bad", title=escape(" ".join(content["doubts"])))
    if content["ended"] != "done":
        return Cell("ended early", tone="busy", title=escape(content["why"]))
    return Cell("valid", tone="good")
