"""A list of what happened, newest first, with what can be done about each: one element, however long the list is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_timeline",
    css=(_HERE / "timeline.css").read_text(encoding="utf-8"),
    js=(_HERE / "timeline.js").read_text(encoding="utf-8"),
)
OPEN = "open"


@dataclass(frozen=True)
class Part:
    """One part of the bar that shows a split."""

    percent: int
    colour: str


@dataclass(frozen=True)
class Detail:
    """One line behind *Details*. ``code`` sets it in monospace."""

    label: str
    text: str
    code: bool = False


@dataclass(frozen=True)
class Act:
    """Something that can be done about an item. ``why_off`` turns the button off and says why."""

    id: str
    label: str
    why_off: str = ""


@dataclass(frozen=True)
class Link:
    """Where the thing happened. A click answers as the act ``OPEN``; a new tab follows ``href``."""

    label: str
    href: str
    note: str = ""


@dataclass(frozen=True)
class Item:
    """One thing that happened. ``tone`` is good, busy, bad or neutral; ``words`` say the split that ``parts`` draw."""

    id: str
    when: str
    outcome: str
    tone: str
    words: str
    parts: tuple[Part, ...]
    was: str = ""
    lines: tuple[str, ...] = ()
    quote: str = ""
    note: str = ""
    details: tuple[Detail, ...] = ()
    acts: tuple[Act, ...] = ()
    link: Link | None = None


def timeline(label: str, items: Sequence[Item], *, key: str, on_act: Callable[[], None]) -> None:
    """Draw the list. ``on_act`` is called when a button was pressed; read which one with :func:`read_act`."""
    _mount(key=key, data={"label": label, "items": [asdict(item) for item in items]}, on_act_change=on_act)


def read_act(key: str) -> tuple[str, str] | None:
    """The item and the act that were just chosen in the timeline ``key``, inside its ``on_act``."""
    value: Any = st.session_state.get(key)
    chosen = value.get("act") if hasattr(value, "get") else None
    return (str(chosen["item"]), str(chosen["act"])) if chosen else None
