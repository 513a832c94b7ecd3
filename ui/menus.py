"""Menus that close when something in them is pressed. Streamlit leaves a popover open, above the question it asks."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def menu(label: str, *, icon: str, key: str) -> DeltaGenerator:
    """A popover that :func:`close` closes; use it with ``with``."""
    return st.popover(label, icon=icon, key=f"{key}:{st.session_state.get(_times(key), 0)}")


def close(key: str) -> None:
    """Close the menu of this key with the next drawing. For callbacks."""
    # One with another key is another one to the browser, and begins closed.
    st.session_state[_times(key)] = st.session_state.get(_times(key), 0) + 1


def _times(key: str) -> str:
    return f"{key}_closed"
