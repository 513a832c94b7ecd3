"""The rules of a profile: listed in words, changed, taken out, ready-made ones and one of a person's own."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.autoscale import editing, words
from services.autoscale.rules import READY, Ready, rule
from services.autoscale.settings import IN, OUT, Profile, Rule
from services.model import Deployment
from ui.autoscale import change_view, draft, rule_form
from ui.menus import close, menu

_READY, _OWN = "autoscale_ready", "autoscale_own"
_FIELDS = "autoscale"


def show(deployment: Deployment, made: draft.Draft, index: int, profile: Profile) -> None:
    """Draw the rules of a profile, and the ways to add some."""
    if not profile.rules:
        st.html('<p class="hint">No rules: the number of instances stays within its limits and does not move.</p>')
    for number, each in enumerate(profile.rules):
        _row(deployment, made, index, number, each)
    with st.container(horizontal=True, key="autoscale_add"):
        with menu("Add ready-made rules", icon=":material/playlist_add:", key=_READY):
            for ready in READY:
                st.button(
                    ready.name,
                    key=f"autoscale_ready:{ready.name}",
                    width="stretch",
                    on_click=_add_ready,
                    args=(deployment, made, index, ready),
                )
                st.caption(ready.note)
        with menu("Add a rule of your own", icon=":material/add:", key=_OWN):
            _own(deployment, made, index)


def _row(deployment: Deployment, made: draft.Draft, index: int, number: int, shown: Rule) -> None:
    key = f"{deployment.name}:{made.revision}:{index}:{number}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"autoscale_rule:{number}"):
        mark = "out" if shown.action.is_out else "in" if shown.action.is_in else "none"
        st.html(
            f'<p class="rule {mark}"><b>{number + 1}</b> {escape(words.condition(shown.trigger))} → '
            f"{escape(words.effect(shown.action))}</p>",
            width="stretch",
        )
        if words.metric_of(shown.trigger) and shown.action.is_out and shown.trigger.is_below:
            st.button(
                "Make it scale in",
                key=f"autoscale_turn:{key}",
                on_click=_turn,
                args=(deployment, made, index, number, IN),
            )
        if words.metric_of(shown.trigger) and shown.action.is_in and shown.trigger.is_above:
            st.button(
                "Make it scale out",
                key=f"autoscale_turn:{key}",
                on_click=_turn,
                args=(deployment, made, index, number, OUT),
            )
        change_view.opener(deployment, made, index, number)
        st.button(
            f"Remove rule {number + 1}",
            key=f"autoscale_remove:{key}",
            icon=":material/close:",
            type="tertiary",
            on_click=_remove,
            args=(deployment, made, index, number),
        )
    change_view.show(deployment, made, index, number, shown)


def _own(deployment: Deployment, made: draft.Draft, index: int) -> None:
    rule_form.show(_FIELDS, rule_form.NEW, deployment)
    st.button(
        "Add the rule", key="autoscale_add_own", type="primary", on_click=_add_own, args=(deployment, made, index)
    )


def _add_own(deployment: Deployment, made: draft.Draft, index: int) -> None:
    close(_OWN)
    form = rule_form.given(_FIELDS)
    made = draft.now(deployment, made)
    assert made.document is not None
    draft.change(deployment, editing.with_rules(made.document, index, [rule(form.wish, deployment.id)]))


def _add_ready(deployment: Deployment, made: draft.Draft, index: int, ready: Ready) -> None:
    close(_READY)
    made = draft.now(deployment, made)
    assert made.document is not None
    rules = [rule(each, deployment.id) for each in ready.wishes]
    draft.change(deployment, editing.with_rules(made.document, index, rules))


def _remove(deployment: Deployment, made: draft.Draft, index: int, number: int) -> None:
    made = draft.now(deployment, made)
    assert made.document is not None
    draft.change(deployment, editing.without_rule(made.document, index, number))


def _turn(deployment: Deployment, made: draft.Draft, index: int, number: int, direction: str) -> None:
    made = draft.now(deployment, made)
    assert made.document is not None
    draft.change(deployment, editing.with_direction(made.document, index, number, direction))
