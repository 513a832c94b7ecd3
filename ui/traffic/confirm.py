"""The question before a plan is applied: exactly what will change, what speaks against it, and why it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from uuid import uuid4

import streamlit as st

from services.errors import SluiceError
from services.journal.entry import Who
from services.model import Deployment, Endpoint
from services.traffic.evidence import Evidence
from services.traffic.plan import Plan, expected
from services.traffic.preflight import assess
from ui import context, readers
from ui.behind import Look
from ui.shadow import shadow_link
from ui.traffic import plan_view, preflight_view, refused

REASON_LETTERS = 500
_ASKED, _OWN = "asked", "own_changes"


@dataclass(frozen=True)
class Question:
    """What is about to be applied.

    ``change_id`` is made when the question is asked, so that it is applied once. ``restores`` is the entry of the
    journal that the plan comes from.
    """

    plan: Plan
    restores: str
    change_id: str


def begin(plan: Plan, restores: str) -> None:
    """Ask about ``plan`` from now on."""
    st.session_state[_ASKED] = Question(plan, restores, uuid4().hex)


def show(endpoint: Endpoint, deployments: Sequence[Deployment], known: Look[Evidence]) -> None:
    """Draw the open question of this endpoint, if there is one.

    It is drawn in every run of the page: a dialog that is not drawn again closes under the person's hands.
    """
    asked: Question | None = st.session_state.get(_ASKED)
    if asked is not None and asked.plan.endpoint.id == endpoint.id:
        _ask(asked, deployments, known.value)


def _close() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Shift traffic", width="medium", icon=":material/call_split:", on_dismiss=_close)
def _ask(asked: Question, deployments: Sequence[Deployment], known: Evidence | None) -> None:
    plan = asked.plan
    st.html(
        f"<p>This changes what callers of <b>{escape(plan.endpoint_name)}</b> get, on "
        f"{escape(context.connection().cloud_name)}, as soon as Azure has accepted it.</p>"
    )
    plan_view.show(plan, deployments, expected(plan, known) if known else {}, key="plan_confirm")
    shadow_link.warn(plan.endpoint, plan.after)
    findings = assess(plan, deployments, known) if known else ()
    if known is None:
        st.html('<p class="note">The preflight is not done: what speaks against it is not known yet.</p>')
    elif any(each.kind != preflight_view.UNKNOWN for each in findings):
        st.html(preflight_view.listed(findings))
    reason_key = f"reason:{asked.change_id}"
    st.text_input(
        "Why",
        key=reason_key,
        max_chars=REASON_LETTERS,
        placeholder="Kept in the journal, for whoever looks later",
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="cancel_shift", on_click=_close):
            st.rerun()
        if st.button("Shift traffic", key="confirm_shift", type="primary", on_click=_begin, args=(asked, reason_key)):
            st.rerun()


def is_own(change_id: str) -> bool:
    """Whether this session has asked for the change."""
    return change_id in st.session_state.get(_OWN, ())


def _begin(asked: Question, reason_key: str) -> None:
    _close()
    plan = asked.plan
    refused.forget(plan.endpoint)
    st.session_state[_OWN] = (*st.session_state.get(_OWN, ()), asked.change_id)
    try:
        context.applier().start(
            readers.key(plan.endpoint.workspace_ref)[0],
            plan,
            change_id=asked.change_id,
            who=Who(principal=readers.standing().identity.name, person=context.person()),
            reason=str(st.session_state.get(reason_key) or "").strip(),
            restores=asked.restores,
        )
    except SluiceError as error:
        refused.keep(plan.endpoint, error)
