"""Changing a rule of a profile: one at a time, in the form of a new one, filled in with what the rule says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from services.autoscale import editing
from services.autoscale.changing import changed, form_of
from services.autoscale.settings import Rule
from services.model import Deployment
from ui.autoscale import draft, rule_form

_WIDTH = 520


@dataclass(frozen=True)
class _Open:
    """Which rule is open, and what it said then: another one at its place is not the one that was opened."""

    index: int
    number: int
    document: Mapping[str, Any]
    times: int


def opener(deployment: Deployment, made: draft.Draft, index: int, number: int) -> None:
    """Draw the button that opens the form of a rule."""
    st.button(
        f"Change rule {number + 1}",
        key=f"autoscale_change:{deployment.name}:{made.revision}:{index}:{number}",
        icon=":material/edit:",
        type="tertiary",
        disabled=_opened(deployment, made, index, number) is not None,
        on_click=_open,
        args=(deployment, made, index, number),
    )


def show(deployment: Deployment, made: draft.Draft, index: int, number: int, shown: Rule) -> None:
    """Draw the form of a rule, if that one is open."""
    opened = _opened(deployment, made, index, number)
    if opened is None:
        return
    prefix = f"autoscale_change_{opened.times}"
    with st.container(border=True, width=_WIDTH, key="autoscale_changing"):
        rule_form.show(prefix, form_of(shown), deployment, shown.trigger.metric)
        with st.container(horizontal=True):
            st.button(
                f"Take the change of rule {number + 1}",
                key="autoscale_change_take",
                type="primary",
                help="Nothing is written yet: save it below.",
                on_click=_take,
                args=(deployment, made, opened, shown, prefix),
            )
            st.button("Cancel", key="autoscale_change_cancel", on_click=_close, args=(deployment,))


def _open(deployment: Deployment, made: draft.Draft, index: int, number: int) -> None:
    made = draft.now(deployment, made)
    before: int = st.session_state.get("autoscale_changes", 0)
    st.session_state["autoscale_changes"] = before + 1
    st.session_state[_key(deployment)] = _Open(index, number, _rule(made, index, number), before + 1)


def _take(deployment: Deployment, made: draft.Draft, opened: _Open, shown: Rule, prefix: str) -> None:
    new = changed(opened.document, form_of(shown), rule_form.given(prefix), deployment.id)
    _close(deployment)
    made = draft.now(deployment, made)
    assert made.document is not None
    draft.change(deployment, editing.with_rule(made.document, opened.index, opened.number, new))


def _close(deployment: Deployment) -> None:
    st.session_state.pop(_key(deployment), None)


def _opened(deployment: Deployment, made: draft.Draft, index: int, number: int) -> _Open | None:
    opened: _Open | None = st.session_state.get(_key(deployment))
    if opened is None or (opened.index, opened.number) != (index, number):
        return None
    return opened if opened.document == _rule(made, index, number) else None


def _rule(made: draft.Draft, index: int, number: int) -> Mapping[str, Any]:
    assert made.document is not None
    found: Mapping[str, Any] = made.document["properties"]["profiles"][index]["rules"][number]
    return found


def _key(deployment: Deployment) -> str:
    return f"autoscale_changing:{deployment.id.lower()}"
