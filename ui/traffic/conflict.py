"""Theirs beside yours: what the person saw, what Azure holds now, and what they prepared, with the two ways on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.model import Endpoint, Split
from ui import colours
from ui.components.table import Cell, Column, Row, table
from ui.traffic import draft
from ui.traffic.draft import Draft

COLUMNS = (
    Column("Deployment"),
    Column("You saw", number=True),
    Column("Azure holds now", number=True),
    Column("You prepared", number=True),
)


def is_open(endpoint: Endpoint, wish: Draft) -> bool:
    """Whether Azure no longer holds what the person began with."""
    return wish.is_touched and wish.base != endpoint.split


def show(endpoint: Endpoint, wish: Draft) -> None:
    """Say that the split was changed meanwhile, and ask: take theirs, or plan mine on top of theirs."""
    mine = draft.merged(wish.base, wish.wanted(), endpoint.split)
    st.html(
        '<section class="problem" role="alert"><h2>The split was changed meanwhile</h2>'
        "<p>Somebody, or another tool, changed it after you began. Nothing of yours has been written. "
        "Decide what to go on with; you see the plan before anything is written.</p></section>"
    )
    sides(wish.base, endpoint.split, wish.wanted(), key="conflict")
    keeps = wish.restoring if mine == wish.wanted() else ""
    with st.container(horizontal=True, vertical_alignment="center", key="conflict_buttons"):
        st.button("Take theirs", key="take_theirs", on_click=draft.drop, args=(endpoint,))
        st.button("Plan mine on top of theirs", key="plan_mine", on_click=draft.wish, args=(endpoint, mine, keeps))


def sides(saw: Split, theirs: Split | None, mine: Split, *, key: str) -> None:
    """Draw the three splits side by side. ``theirs`` None is not known."""
    table(
        "What you saw, what Azure holds now, and what you prepared",
        COLUMNS,
        rows(saw, theirs, mine),
        key=key,
        sortable=False,
        compact=True,
    )


def rows(saw: Split, theirs: Split | None, mine: Split) -> list[Row]:
    """One row per deployment that any side gives traffic to. Pure."""
    given = [split for split in (saw, theirs, mine) if split is not None]
    names = sorted({name for split in given for name in (*split.live, *split.mirror)})
    palette = colours.of_deployments(names)
    return [
        Row(
            name,
            (
                Cell(name, colour=palette[name], strong=True),
                _cell(saw, name, saw),
                _cell(theirs, name, saw),
                _cell(mine, name, saw),
            ),
        )
        for name in names
    ]


def _cell(split: Split | None, name: str, saw: Split) -> Cell:
    if split is None:
        return Cell("not known", muted=True)
    is_other = _shares(split, name) != _shares(saw, name)
    live, mirror = _shares(split, name)
    said = [f"{live} %"] if live or not mirror else []
    if mirror:
        said.append(f"mirror {mirror} %")
    return Cell(", ".join(said), sort=live, strong=is_other, muted=not is_other and not live and not mirror)


def _shares(split: Split, name: str) -> tuple[int, int]:
    return split.live_percent(name), split.mirror.get(name, 0)


def show_gone(endpoint: Endpoint, gone: Sequence[str]) -> None:
    """Say that a wish was dropped, because a deployment in it no longer exists."""
    names = ", ".join(gone)
    st.html(
        f'<section class="problem" role="alert"><h2>{escape(names)} '
        f"{'does' if len(gone) == 1 else 'do'} not exist any more</h2>"
        f"<p>The split that was prepared gives traffic to {escape(names)}, and {escape(endpoint.name)} has no such "
        "deployment now. Below is what Azure holds; prepare it again from there.</p></section>"
    )
    st.button("Dismiss", key="dismiss_gone", on_click=draft.drop, args=(endpoint,))
