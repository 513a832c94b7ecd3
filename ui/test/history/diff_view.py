"""Two texts laid side by side: where their JSON differs, and line by line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import streamlit as st

from services.json_text import formatted
from services.replay.differences import Difference, differences
from services.scoring.json_check import check_json
from ui import words
from ui.components.table import Cell, Column, Row, table
from ui.test.answer.body_text import text_of
from ui.test.history import line_diff

MOST_COMPARED = 2_000_000
"""Bytes of each side that are compared."""
MOST_LETTERS = 120
"""What a cell shows of a value; the whole is shown on hover and in the download."""
_KINDS = {"value": "another value", "missing": "only on the left", "added": "only on the right", "type": "another type"}


@dataclass(frozen=True)
class Sides:
    """Two bodies, and what each is called."""

    left: bytes
    right: bytes
    left_name: str
    right_name: str


def show(sides: Sides, key: str) -> None:
    """Draw what differs. Bodies that are no text are only told apart."""
    if sides.left == sides.right:
        st.html('<p class="lead">Both are the same, byte for byte.</p>')
        return
    left, right = _text(sides.left), _text(sides.right)
    if left is None or right is None:
        why = "too large to be compared here" if _is_too_large(sides) else "no text"
        st.html(f'<p class="lead">They differ. At least one of them is {why}.</p>')
        return
    if check_json(left) is None and check_json(right) is None:
        _by_place(sides, left, right, key)
        left, right = formatted(left), formatted(right)
    _by_line(left, right)


def rows(found: tuple[Difference, ...]) -> list[Row]:
    """One row for each place that differs. Pure."""
    return [
        Row(
            f"{number}",
            (
                Cell(each.path, code=True, sort=number),
                Cell(_KINDS[each.kind]),
                _value(each.left, is_there=each.kind != "added"),
                _value(each.right, is_there=each.kind != "missing"),
            ),
        )
        for number, each in enumerate(found)
    ]


def _by_place(sides: Sides, left: str, right: str, key: str) -> None:
    try:
        found = differences(json.loads(left), json.loads(right))
    except (ValueError, RecursionError):  # a whole number of thousands of digits, or lists within lists without end
        st.caption("The JSON is too unusual to be compared by place. Line by line:")
        return
    if not found:
        st.html('<p class="lead">They hold the same JSON, written in another way.</p>')
        return
    table(
        f"Places that differ, {words.count(len(found), 'place')}",
        (
            Column("Where", help="A JSONPath, counted from 0."),
            Column("How"),
            Column(sides.left_name, wraps=True),
            Column(sides.right_name, wraps=True),
        ),
        rows(found),
        key=f"diff:{key}",
        download="sluice-differences.csv",
    )


def _by_line(left: str, right: str) -> None:
    found = line_diff.lines(left, right)
    if found is None:
        st.caption(f"More than {line_diff.MOST_LINES:,} lines: they are not compared line by line.")
    elif found:
        st.html(line_diff.html(found))
    else:
        st.caption("Line by line they are the same; only the ends of lines differ.")


def _value(value: Any, *, is_there: bool) -> Cell:  # noqa: ANN401 - whatever JSON holds
    if not is_there:
        return Cell("nothing", muted=True)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # a whole number of thousands of digits
        text = "too long to be written out"
    if len(text) <= MOST_LETTERS:
        return Cell(text, code=True)
    return Cell(f"{text[:MOST_LETTERS]} …", code=True, title=text[:2000], csv=text)


def _text(body: bytes) -> str | None:
    return None if len(body) > MOST_COMPARED else text_of(body)


def _is_too_large(sides: Sides) -> bool:
    return max(len(sides.left), len(sides.right)) > MOST_COMPARED
