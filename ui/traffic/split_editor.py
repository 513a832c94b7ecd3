"""The controls of the Traffic page: linked slider, its numeric twin, and the mirror."""

from __future__ import annotations

import streamlit as st

from services.model import MAX_MIRROR_PERCENT
from ui import colours, words
from ui.components.traffic_slider import ALL_ON_THE_BAR, read_move, traffic_slider
from ui.labels import listed, plain
from ui.traffic.controls import Control, showing
from ui.traffic.draft import Draft

NOBODY = "Nobody"
_SHORT_NAME, _NARROW, _WIDE = 12, 132, 200
"""A number field is _NARROW while every name has at most _SHORT_NAME letters, else _WIDE. In pixels."""


def live_traffic(endpoint: str, draft: Draft, *, disabled: bool) -> None:
    """Draw the slider and one number field per deployment. Both change ``draft`` and follow each other."""
    slider_key = f"slider:{endpoint}"

    def moved() -> None:
        move = read_move(st.session_state.get(slider_key), list(draft.known))
        if move is not None and move.sequence > draft.sequence:
            draft.move(move.shares, move.sequence)

    traffic_slider(
        f"Live traffic of {endpoint}",
        draft.live,
        key=slider_key,
        bar=draft.bar,
        identity=draft.identity,
        colours=colours.of_deployments(draft.known),
        sequence=draft.sequence,
        revision=draft.revision,
        disabled=disabled or not any(draft.live.values()),
        on_move=moved,
    )
    first, others = numbered(draft)
    _shares(endpoint, draft, first, key="shares", disabled=disabled)
    st.caption(_live_words(draft))
    if others:
        with st.expander(f"Without live traffic now: {words.count(len(others), 'deployment')}"):
            _shares(endpoint, draft, others, key="other_shares", disabled=disabled)


def numbered(draft: Draft) -> tuple[list[str], list[str]]:
    """The deployments whose numbers are always in sight, and the others. Pure.

    Only what Azure holds decides, so that no field moves away from the person who is typing in it.
    """
    if len(draft.known) <= ALL_ON_THE_BAR:
        return list(draft.known), []
    first = [name for name in draft.known if draft.base.live.get(name)]
    return first, [name for name in draft.known if name not in first]


def _shares(endpoint: str, draft: Draft, names: list[str], *, key: str, disabled: bool) -> None:
    width = _NARROW if max(map(len, draft.known)) <= _SHORT_NAME else _WIDE
    with st.container(horizontal=True, vertical_alignment="bottom", key=key):
        for name in names:
            _share(endpoint, draft, name, width=width, disabled=disabled)


def _live_words(draft: Draft) -> str:
    if len(draft.known) == 1:
        return (
            "This endpoint has one deployment: it answers all requests or, when traffic is stopped, none. "
            "Shifting and mirroring need a second one."
        )
    text = "Whole percentages that add up to 100 %: when one share changes, the others keep their ratios."
    if not any(draft.live.values()):
        return "All live traffic is stopped. Callers get 404 until a deployment has a share again; type one to begin."
    if len(draft.known) > ALL_ON_THE_BAR:
        return f"{text} The bar has those with live traffic; bring in another one above, or by its number below."
    return text


def _share(endpoint: str, draft: Draft, name: str, *, width: int, disabled: bool) -> None:
    control = showing(f"share:{endpoint}:{name}", draft.live[name])

    def typed() -> None:
        if control.is_in_use:
            draft.set_share(name, int(st.session_state[control.key]))

    st.number_input(
        f"{plain(name)}, %",
        min_value=0,
        max_value=100,
        step=1,
        key=control.key,
        width=width,
        disabled=disabled or len(draft.known) == 1,
        on_change=typed,
    )


def mirror_traffic(endpoint: str, draft: Draft, *, disabled: bool) -> None:
    """Draw the mirror's target and percentage."""
    candidates = draft.mirror_candidates()
    shown = draft.mirror_target if draft.mirror_target in candidates else None
    percent = draft.mirror_percent if shown else 0
    targets = showing(f"mirror_target:{endpoint}", shown or NOBODY)
    slider, number = (showing(f"{kind}:{endpoint}", percent) for kind in ("mirror", "mirror_number"))

    def target_changed() -> None:
        if targets.is_in_use:
            chosen = st.session_state[targets.key]
            draft.mirror_target = None if chosen == NOBODY else chosen
            draft.mirror_percent = (draft.mirror_percent or 10) if draft.mirror_target else 0

    def percent_changed(control: Control) -> None:
        if control.is_in_use:
            draft.mirror_percent = int(st.session_state[control.key])

    off = disabled or shown is None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mirror"):
        st.selectbox(
            "Copy requests to",
            [NOBODY, *candidates],
            key=targets.key,
            width=220,
            disabled=disabled or not candidates,
            on_change=target_changed,
        )
        st.slider(
            "Share of live requests that is copied, %",
            0,
            MAX_MIRROR_PERCENT,
            key=slider.key,
            width=320,
            disabled=off,
            on_change=percent_changed,
            args=(slider,),
        )
        st.number_input(
            "Copied, %",
            0,
            MAX_MIRROR_PERCENT,
            step=1,
            key=number.key,
            width=_NARROW,
            disabled=off,
            on_change=percent_changed,
            args=(number,),
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
        return f"{text} {listed(missing)} cannot be chosen: {because} live traffic."
    return text
