"""The controls of the Traffic page: linked slider, its numeric twin, and the mirror."""

from __future__ import annotations

import streamlit as st

from services.model import MAX_MIRROR_PERCENT
from ui import colours
from ui.components.traffic_slider import read_move, traffic_slider
from ui.draft import Draft

NOBODY = "Nobody"


def live_traffic(endpoint: str, draft: Draft, *, disabled: bool) -> None:
    """Draw the slider and one number field per deployment. Both change ``draft`` and follow each other."""
    slider_key = f"slider:{endpoint}"

    def moved() -> None:
        move = read_move(st.session_state.get(slider_key), list(draft.known))
        if move is not None and move.sequence > draft.sequence:
            draft.live, draft.sequence = move.shares, move.sequence

    traffic_slider(
        f"Live traffic of {endpoint}",
        draft.live,
        key=slider_key,
        colours=colours.of_deployments(draft.known),
        sequence=draft.sequence,
        revision=draft.revision,
        disabled=disabled or not any(draft.live.values()),
        on_move=moved,
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="shares"):
        for name in draft.known:
            _share(endpoint, draft, name, disabled=disabled)
    _extremes(endpoint, draft, disabled=disabled)


def _share(endpoint: str, draft: Draft, name: str, *, disabled: bool) -> None:
    key = f"share:{endpoint}:{name}"
    _follow(key, draft.live[name])
    st.number_input(
        f"{name}, %",
        min_value=0,
        max_value=100,
        step=1,
        key=key,
        width=132,
        disabled=disabled or len(draft.known) == 1,
        on_change=lambda: draft.set_share(name, int(st.session_state[key])),
    )


def _follow(key: str, value: int | str) -> None:
    # A value that is set without need would overtake what the person is typing or holding down a key for.
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def _extremes(endpoint: str, draft: Draft, *, disabled: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="extremes"):
        for name in draft.known if len(draft.known) <= 4 else ():
            st.button(
                f"All to {name}",
                key=f"all:{endpoint}:{name}",
                disabled=disabled or draft.live[name] == 100,
                on_click=draft.set_all,
                args=({name: 100},),
            )
        st.button(
            "Stop all traffic",
            key=f"stop:{endpoint}",
            icon=":material/block:",
            disabled=disabled or not any(draft.live.values()),
            help="Sets every live share to 0 %. Callers then get 404 until a deployment has live traffic again.",
            on_click=draft.set_all,
            args=({},),
        )


def mirror_traffic(endpoint: str, draft: Draft, *, disabled: bool) -> None:
    """Draw the mirror's target and percentage."""
    candidates = draft.mirror_candidates()
    target_key, percent_key = f"mirror_target:{endpoint}", f"mirror:{endpoint}"
    shown = draft.mirror_target if draft.mirror_target in candidates else None
    _follow(target_key, shown or NOBODY)
    _follow(percent_key, draft.mirror_percent if shown else 0)

    def target_changed() -> None:
        chosen = st.session_state[target_key]
        draft.mirror_target = None if chosen == NOBODY else chosen
        draft.mirror_percent = (draft.mirror_percent or 10) if draft.mirror_target else 0

    def percent_changed() -> None:
        draft.mirror_percent = int(st.session_state[percent_key])

    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mirror"):
        st.selectbox(
            "Copy requests to",
            [NOBODY, *candidates],
            key=target_key,
            width=220,
            disabled=disabled or not candidates,
            on_change=target_changed,
        )
        st.slider(
            "Share of live requests that is copied, %",
            0,
            MAX_MIRROR_PERCENT,
            key=percent_key,
            width=380,
            disabled=disabled or shown is None,
            on_change=percent_changed,
        )
    st.caption(_mirror_words(draft, candidates))


def _mirror_words(draft: Draft, candidates: list[str]) -> str:
    missing = [name for name in draft.known if name not in candidates]
    text = (
        "The copy's answers are dropped: callers never see them. Azure mirrors to one deployment, "
        f"at most {MAX_MIRROR_PERCENT} %."
    )
    if not candidates:
        return f"{text} Every deployment has live traffic, and one with live traffic cannot be mirrored to."
    if missing:
        because = "it has" if len(missing) == 1 else "they have"
        return f"{text} {_listed(missing)} cannot be chosen: {because} live traffic."
    return text


def _listed(names: list[str]) -> str:
    escaped = [name.replace("_", r"\_") for name in names]
    return escaped[0] if len(escaped) == 1 else f"{', '.join(escaped[:-1])} and {escaped[-1]}"
