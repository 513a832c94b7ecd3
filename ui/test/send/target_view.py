"""Where a request goes: through the split, to one deployment, or to two side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Endpoint
from ui import tables
from ui.labels import plain
from ui.test.send.draft import SPLIT, Draft

NOBODY = "Nobody else"
_PINNED = "Pinned by the header azureml-model-deployment. Such a request passes the split by and is never mirrored."


def choose(endpoint: Endpoint, names: Sequence[str], made: Draft) -> None:
    """Draw the choice and note it in the draft."""
    first_key, second_key = f"target:{endpoint.name}", f"beside:{endpoint.name}"
    first = made.targets[0]
    if st.session_state.get(first_key) not in {SPLIT, *names}:
        st.session_state[first_key] = first if first in {SPLIT, *names} else SPLIT
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="send_targets"):
        first = st.segmented_control("Send to", [SPLIT, *names], key=first_key, required=True, wrap=True) or SPLIT
        others = [each for each in (SPLIT, *names) if each != first]
        if st.session_state.get(second_key) not in {NOBODY, *others}:
            second = made.targets[1] if len(made.targets) > 1 else NOBODY
            st.session_state[second_key] = second if second in others else NOBODY
        second = NOBODY
        if names:
            second = st.selectbox(
                "And also to",
                [NOBODY, *others],
                key=second_key,
                help="Sends the same request to both at the same time and lays the answers side by side.",
                width=200,
            )
    made.targets = (first,) if second == NOBODY else (first, second)
    st.caption(plain(_words(endpoint, made.targets)))


def forget(endpoint: Endpoint) -> None:
    """Draw what the draft says, not what was chosen before. For callbacks."""
    for key in (f"target:{endpoint.name}", f"beside:{endpoint.name}"):
        st.session_state.pop(key, None)


def _words(endpoint: Endpoint, targets: Sequence[str]) -> str:
    split = f"Azure picks the deployment by the live split: {tables.split_words(endpoint.split)}."
    if SPLIT not in targets:
        return _PINNED
    return split if len(targets) == 1 else f"{split} {_PINNED}"
