"""Two deployments side by side on the Overview page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.model import Deployment, Endpoint
from services.resources import specification
from services.resources.specification import Line
from ui import words
from ui.components.table import Cell, Column, Row, table

_LONGEST = 60


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the choice of two deployments, and their settings with the differences marked."""
    if len(deployments) < 2:
        st.html(
            f'<p class="lead">{escape(endpoint.name)} has {words.count(len(deployments), "deployment")}. '
            "Two are needed to compare them.</p>"
        )
        return
    by_name = {each.name: each for each in deployments}
    first, second = _usual(endpoint, list(by_name))
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare_choice"):
        left = st.selectbox(
            "Compare", list(by_name), index=list(by_name).index(first), key=f"left:{endpoint.name}", width=240
        )
        right = st.selectbox(
            "with", list(by_name), index=list(by_name).index(second), key=f"right:{endpoint.name}", width=240
        )
        only = st.toggle("Only differences", value=True, key="only_differences")
    lines = specification.compare(by_name[left], by_name[right])
    different = sum(line.is_different for line in lines)
    if left == right:
        st.caption("This is the same deployment twice. Choose another one to compare it with.")
    elif different:
        verb = "differs" if different == 1 else "differ"
        st.caption(f"{different} of {words.count(len(lines), 'setting')} {verb}.")
    else:
        st.caption(f"All {words.count(len(lines), 'setting')} are the same.")
    shown = [line for line in lines if line.is_different or not only]
    if shown:
        table(
            f"Settings of {left} and {right}",
            (Column("Setting"), Column(left), Column(right), Column("Same?")),
            rows(shown),
            key="specifications",
            compact=True,
        )


def rows(lines: Sequence[Line]) -> list[Row]:
    """One row per setting. A difference is a word and a mark, and the values stand out."""
    return [
        Row(
            f"{number}",
            (
                Cell(_short(line.label), title=line.label),
                *(_value(line, side) for side in (0, 1)),
                Cell("differs", tone="busy", sort=0) if line.is_different else Cell("same", sort=1, muted=True),
            ),
        )
        for number, line in enumerate(lines)
    ]


def _value(line: Line, side: int) -> Cell:
    text = line.values[side]
    if not text:
        return Cell("not set", muted=True)
    return Cell(_short(text), sort=text, title=line.full[side], strong=line.is_different)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _usual(endpoint: Endpoint, names: list[str]) -> tuple[str, str]:
    """The two that people compare: the one with most live traffic, and the mirrored one or the next."""
    ordered = sorted(names, key=lambda name: (-endpoint.split.live_percent(name), name))
    target = endpoint.split.mirror_target
    second = target if target in names and target != ordered[0] else ordered[1]
    return ordered[0], second
