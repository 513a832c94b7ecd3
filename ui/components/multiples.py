"""Many small charts on one time axis, three for each card: one element, however many cards there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_multiples",
    css=(_HERE / "multiples.css").read_text(encoding="utf-8"),
    js=(_HERE / "multiples.js").read_text(encoding="utf-8"),
)
_DIGITS = 4


@dataclass(frozen=True)
class Curve:
    """One line: a value for each minute, None where there is no data. Without a ``colour`` it has that of ``tone``."""

    name: str
    values: tuple[float | None, ...]
    colour: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Plot:
    """One small chart: ``words`` are its newest number in full, ``unit`` stands behind a single value."""

    label: str
    unit: str
    words: str
    curves: tuple[Curve, ...]
    nothing: str = "no data"


@dataclass(frozen=True)
class Card:
    """One thing with its charts. A click on its name opens it, a new tab follows ``href``.

    ``note`` says what is wrong with it.
    """

    id: str
    name: str
    place: str
    href: str
    plots: tuple[Plot, ...]
    note: str = ""


def multiples(
    label: str, cards: Sequence[Card], *, start_at: datetime | None, key: str, on_open: Callable[[], None]
) -> None:
    """Draw the cards. ``start_at`` is the first minute of every curve, None when no card has a curve.

    ``on_open`` is called when a card was opened; read which one with :func:`read_opened`.
    """
    drawn = [asdict(card) for card in cards]
    for card in drawn:
        for plot in card["plots"]:
            for curve in plot["curves"]:
                curve["values"] = [None if each is None else float(f"{each:.{_DIGITS}g}") for each in curve["values"]]
    start = None if start_at is None else int(start_at.timestamp())
    _mount(key=key, data={"label": label, "cards": drawn, "start": start}, on_open_change=on_open)


def read_opened(key: str) -> str | None:
    """The id of the card that was just opened in the element ``key``, inside its ``on_open``."""
    value: Any = st.session_state.get(key)
    return value.get("open") if hasattr(value, "get") else None
