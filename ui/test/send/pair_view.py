"""Two answers to the same request: whether they say the same, and where they do not."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import streamlit as st

from services.errors import SluiceError
from services.replay.differences import Difference, differences
from services.scoring.answer import Answer
from ui import words
from ui.components.table import Cell, Column, Row, table

MOST_SHOWN = 20
_LONGEST_VALUE = 80


def show(targets: tuple[str, ...], outcomes: tuple[Answer | SluiceError | None, ...]) -> None:
    """Draw the comparison of two outcomes, once both are there."""
    left, right = outcomes
    if not isinstance(left, Answer) or not isinstance(right, Answer):
        if left is not None and right is not None:
            st.html('<p class="lead">There are no two answers to compare.</p>')
        return
    found = compared(left, right)
    slower = right.total_ms - left.total_ms
    pace = f"{targets[1]} took {words.milliseconds(abs(slower))} {'more' if slower > 0 else 'less'} than {targets[0]}."
    st.html(f'<p class="lead">{escape(_verdict(left, right, found))} {escape(pace)}</p>')
    if found:
        _table(targets, found)


def compared(left: Answer, right: Answer) -> tuple[Difference, ...] | None:
    """Where the two bodies differ, None when one of them is no JSON. Pure."""
    try:
        return differences(_parsed(left), _parsed(right), limit=MOST_SHOWN + 1)
    except (ValueError, RecursionError):
        return None


def _parsed(answer: Answer) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(answer.text)


def _verdict(left: Answer, right: Answer, found: tuple[Difference, ...] | None) -> str:
    if left.status != right.status:
        return f"The statuses differ: {left.status} and {right.status}."
    if found is None:
        return "Both bodies are the same." if left.body == right.body else "The bodies differ; they are not both JSON."
    if not found:
        return "Both answers say the same."
    more = "more than " if len(found) > MOST_SHOWN else ""
    return f"The answers differ in {more}{words.count(min(len(found), MOST_SHOWN), 'place')}."


def _table(targets: tuple[str, ...], found: tuple[Difference, ...]) -> None:
    rows = [
        Row(
            id=each.path,
            cells=(
                Cell(each.path, code=True),
                Cell("not there", muted=True) if each.kind == "added" else Cell(_short(each.left), code=True),
                Cell("not there", muted=True) if each.kind == "missing" else Cell(_short(each.right), code=True),
            ),
        )
        for each in found[:MOST_SHOWN]
    ]
    columns = [Column("Place", wraps=True), Column(targets[0], wraps=True), Column(targets[1], wraps=True)]
    table("Where the answers differ", columns, rows, key="pair_differences")


def _short(value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
