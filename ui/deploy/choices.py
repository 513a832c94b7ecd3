"""What the forms of a draft hold, kept with the draft: a reload finds it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import streamlit as st

from ui.deploy.draft import Draft


class Kept(TypedDict):
    """What a control is given so that the draft keeps its value."""

    key: str
    on_change: Callable[[Draft, str], None]
    args: tuple[Draft, str]


def control(made: Draft, key: str, default: str | bool = "", options: Sequence[str] = ()) -> Kept:
    """Put what the draft has into the control ``key``, which is drawn with the result. One of ``options`` if given."""
    value = made.choices.get(key, default)
    if options and value not in options:
        value = options[0]
    st.session_state[key] = value
    return {"key": key, "on_change": _keep, "args": (made, key)}


def _keep(made: Draft, key: str) -> None:
    made.choices[key] = st.session_state[key]
