"""A few facts side by side, each with its label above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st


@dataclass(frozen=True)
class Fact:
    """One fact. ``code`` sets it in monospace, ``colour`` puts a swatch before it, ``tone`` is good, busy or bad."""

    label: str
    value: str
    code: bool = False
    colour: str = ""
    tone: str = ""


def facts(items: Sequence[Fact]) -> None:
    """Draw the facts in one row that wraps on a narrow screen."""
    st.html(f'<dl class="facts">{"".join(_entry(item) for item in items)}</dl>')


def _entry(item: Fact) -> str:
    swatch = f'<span class="swatch" style="--colour:{escape(item.colour)}"></span>' if item.colour else ""
    classes = " ".join(filter(None, ("code" if item.code else "", f"tone {item.tone}" if item.tone else "")))
    return f'<div><dt>{escape(item.label)}</dt><dd class="{classes}">{swatch}{escape(item.value)}</dd></div>'
