"""How long one point of the charts should be: ``?grain=1min`` in the URL, nothing there for what fits the time."""

from __future__ import annotations

import streamlit as st

from services.metrics import MOST_WISHED, grain_for

AUTO = "Auto"
GRAINS = {
    AUTO: 0,
    "1 min": 60,
    "5 min": 300,
    "15 min": 900,
    "30 min": 1800,
    "1 h": 3600,
    "6 h": 21_600,
    "12 h": 43_200,
    "1 d": 86_400,
}
"""What Azure Monitor offers, as people call it, in seconds."""
GRAIN = "grain"
_FIELD = "grain_field"
_MINUTES_OF_A_DAY = 24 * 60


def show() -> int:
    """Draw the field, and say what is wished for in seconds; 0 is whatever fits."""
    by_address = {_address(label): label for label in GRAINS}
    st.session_state[_FIELD] = by_address.get(st.query_params.get(GRAIN, ""), AUTO)

    def chosen() -> None:
        label = st.session_state[_FIELD]
        if label == AUTO:
            st.query_params.pop(GRAIN, None)
        else:
            st.query_params[GRAIN] = _address(label)

    picked = st.selectbox("One point is", list(GRAINS), key=_FIELD, width=112, on_change=chosen)
    return GRAINS[picked or AUTO]


def refusal(minutes: int, wish_seconds: int) -> str:
    """Why ``minutes`` are not shown in points as long as wished, and how they are; "" when they are. Pure."""
    shown = grain_for(minutes, wish_seconds)
    if not wish_seconds or shown == wish_seconds:
        return ""
    if shown < wish_seconds:
        return f"A line of points of {label(wish_seconds)} needs a longer time: one point is {label(shown)}."
    longest = MOST_WISHED * wish_seconds // 60
    days = f"{longest // _MINUTES_OF_A_DAY} d" if longest % _MINUTES_OF_A_DAY == 0 else f"{longest:,} min"
    return (
        f"Points of {label(wish_seconds)} are not shown for so long: each line would have "
        f"{minutes * 60 // wish_seconds:,}, and {MOST_WISHED:,} are the most that are read and drawn. "
        f"One point is {label(shown)} instead. For {label(wish_seconds)} choose at most {days}, or drag over a chart."
    )


def label(seconds: int) -> str:
    """How people call a grain."""
    return next(name for name, length in GRAINS.items() if length == seconds)


def _address(name: str) -> str:
    return name.replace(" ", "")
