"""Minimum, maximum and default of a profile."""

from __future__ import annotations

import streamlit as st

from services.autoscale import editing
from services.autoscale.lint import MOST_INSTANCES
from services.autoscale.settings import Profile
from services.model import Deployment
from ui.autoscale import draft

_FIELDS = (
    ("Minimum", "Never fewer than this, whatever the rules say."),
    ("Maximum", "Never more than this."),
    ("Without metrics", "As many when the metrics are missing, and there are fewer."),
)


def show(deployment: Deployment, made: draft.Draft, index: int, profile: Profile) -> None:
    """Draw the three fields; a change goes into the draft."""
    key = f"autoscale_limits:{deployment.name}:{made.revision}:{index}"
    values = (profile.minimum, profile.maximum, profile.default)
    with st.container(horizontal=True, gap="medium", key="autoscale_limits"):
        for number, ((label, note), value) in enumerate(zip(_FIELDS, values, strict=True)):
            st.number_input(
                label,
                min_value=0,
                max_value=max(MOST_INSTANCES, value or 0),
                value=max(0, value or 0),
                step=1,
                key=f"{key}:{number}",
                help=note,
                width=150,
                on_change=_changed,
                args=(deployment, made, index, key),
            )


def _changed(deployment: Deployment, made: draft.Draft, index: int, key: str) -> None:
    least, most, default = (int(st.session_state[f"{key}:{number}"]) for number in range(3))
    assert made.document is not None
    draft.change(deployment, editing.with_limits(made.document, index, least, most, default))
