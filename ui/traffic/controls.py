"""Controls that show a value which something else changes too: a preset, the slider, an undo, Azure itself.

A control whose value something else has changed is a new one from then on. What a browser still says of the old one is
what it showed before, and would be taken for a wish: an undo would be undone, and two controls of one value would pull
it to and fro. The control that the person uses stays, and with it the focus.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

_NUMBERS = "control_numbers"


@dataclass(frozen=True)
class Control:
    """A control of a page: ``number`` tells it from those that had its place before."""

    name: str
    number: int = 0

    @property
    def key(self) -> str:
        """The key to draw it with."""
        return f"{self.name}:{self.number}" if self.number else self.name

    @property
    def is_in_use(self) -> bool:
        """Whether it is the one that the person sees. Ask before believing what it says.

        Streamlit also calls back for a control that has gone, when the browser has not yet noticed that.
        """
        return _numbers().get(self.name, 0) == self.number


def showing(name: str, value: int | str | None) -> Control:
    """The control ``name`` as it is in this run of the page: drawn with its key, it shows ``value``."""
    control = Control(name, _numbers().get(name, 0))
    if st.session_state.get(control.key, value) != value:
        control = Control(name, control.number + 1)
        _numbers()[name] = control.number
    if control.key not in st.session_state:
        st.session_state[control.key] = value
    return control


def _numbers() -> dict[str, int]:
    numbers: dict[str, int] = st.session_state.setdefault(_NUMBERS, {})
    return numbers
