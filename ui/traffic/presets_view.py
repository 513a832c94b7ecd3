"""The usual moves at one press: a share for one deployment, swap, even, stop."""

from __future__ import annotations

import streamlit as st

from services.traffic import presets
from services.traffic.presets import CANARY_PERCENTS, Wish
from ui.labels import plain
from ui.traffic.controls import showing
from ui.traffic.draft import Draft

ALL = 100


def show(endpoint: str, draft: Draft, *, disabled: bool) -> None:
    """Draw the presets. They change ``draft``; nothing is sent anywhere."""
    now = Wish(draft.live, draft.mirror_target, draft.mirror_percent)
    with st.container(horizontal=True, vertical_alignment="bottom", key="presets"):
        if len(draft.known) > 1:
            _share_of_one(endpoint, draft, now, disabled=disabled)
            _button(endpoint, draft, "Swap", "swap", presets.swap(now), _SWAP, disabled=disabled)
            _button(endpoint, draft, "Even", "even", presets.even(now), _EVEN, disabled=disabled)
        else:
            only = presets.all_to(now, draft.known[0])
            _button(endpoint, draft, "Start traffic", "all", only, "All live traffic to it.", disabled=disabled)
        _button(endpoint, draft, "Stop all traffic", "stop", presets.zero(now), _STOP, disabled=disabled)


_SWAP = "Exchanges the biggest live deployment and its mirror; without a mirror, the two biggest shares."
_EVEN = "The same live share for every deployment."
_STOP = "Sets every live share and the mirror to 0 %. Callers then get 404 until a deployment has live traffic again."


def first_target(draft: Draft) -> str:
    """The deployment that a canary is most likely meant for: the mirror's target, else the smallest live share."""
    if draft.mirror_target in draft.known:
        return draft.mirror_target
    return min(draft.known, key=lambda name: (draft.live[name], name))


def _share_of_one(endpoint: str, draft: Draft, now: Wish, *, disabled: bool) -> None:
    target_key = f"preset_target:{endpoint}"
    if st.session_state.get(target_key) not in draft.known:
        st.session_state[target_key] = first_target(draft)
    target = str(st.selectbox("Give", draft.known, key=target_key, width=200, disabled=disabled))
    share = draft.live[target]
    percents = showing(f"preset_percent:{endpoint}", share if share in (*CANARY_PERCENTS, ALL) else None)

    def chosen() -> None:
        percent = st.session_state[percents.key] if percents.is_in_use else None
        if percent == ALL:
            apply(draft, presets.all_to(now, target))
        elif percent is not None:
            apply(draft, presets.canary(now, target, percent))

    st.segmented_control(
        f"of live traffic to {plain(target)}",
        (*CANARY_PERCENTS, ALL),
        key=percents.key,
        format_func=lambda percent: "All" if percent == ALL else f"{percent} %",
        disabled=disabled,
        on_change=chosen,
    )


def _button(endpoint: str, draft: Draft, label: str, name: str, wish: Wish | None, tip: str, *, disabled: bool) -> None:
    st.button(
        label,
        key=f"{name}:{endpoint}",
        help=tip,
        disabled=disabled or wish is None or _is_there(draft, wish),
        on_click=apply,
        args=(draft, wish),
    )


def _is_there(draft: Draft, wish: Wish) -> bool:
    mirror = (wish.mirror_target, wish.mirror_percent)
    return dict(wish.live) == draft.live and mirror == (draft.mirror_target, draft.mirror_percent)


def apply(draft: Draft, wish: Wish) -> None:
    """Put a preset's wish into the draft.

    A mirror that ends because its target is given live traffic stays named in the draft, so that the plan says so.
    """
    draft.set_all(wish.live)
    if wish.mirror_target or not draft.live.get(draft.mirror_target or ""):
        draft.set_mirror(wish.mirror_target, wish.mirror_percent)
