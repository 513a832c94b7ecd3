"""The question before a shadow test starts: what is written, what it adds to the load, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from services.errors import RuleBroken, SluiceError
from services.model import Deployment, Endpoint
from services.shadow.model import Asked
from services.shadow.starting import plan_of
from services.traffic.evidence import Evidence
from services.traffic.plan import Plan
from services.traffic.preflight import assess
from ui import context, problem, readers, words
from ui.shadow import chooser, criteria_form, standing_words
from ui.traffic import preflight_view

_ASKED, _FAILED = "shadow_asked", "shadow_not_started"


@dataclass(frozen=True)
class Question:
    """What is about to start. ``run_id`` is made when the question is asked, so that it starts once."""

    endpoint: Endpoint
    asked: Asked
    run_id: str


def begin(question: Question) -> None:
    """Ask from the next drawing on. For callbacks."""
    st.session_state[_ASKED] = question
    st.session_state.pop(_FAILED, None)


def failure(endpoint: Endpoint) -> SluiceError | None:
    """Why the last start of this endpoint failed, None when it did not."""
    kept: tuple[str, SluiceError] | None = st.session_state.get(_FAILED)
    return kept[1] if kept is not None and kept[0] == endpoint.id else None


def show(endpoint: Endpoint, deployments: Sequence[Deployment], known: Evidence | None) -> None:
    """Draw the open question of this endpoint, if there is one."""
    question: Question | None = st.session_state.get(_ASKED)
    if question is not None and question.endpoint.id == endpoint.id:
        # A dialog that is not drawn in every run closes under the person's hands.
        _ask(question, deployments, known)


def _close() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Start shadow test", width="medium", icon=":material/compare:", on_dismiss=_close)
def _ask(question: Question, deployments: Sequence[Deployment], known: Evidence | None) -> None:
    endpoint, asked = question.endpoint, question.asked
    try:
        wanted = plan_of(endpoint, deployments, asked)
    except RuleBroken as error:
        # The endpoint was changed while the question was open.
        problem.show(error, key="shadow_question")
        return
    rate = known.requests.mean if known and known.requests else None
    sentences = told(wanted, asked, rate, context.connection().cloud_name)
    st.html(f'<div class="sentences">{"".join(f"<p>{each}</p>" for each in sentences)}</div>')
    findings = assess(wanted, deployments, known) if known else ()
    if known is None:
        st.html('<p class="note">What speaks against it is not known yet.</p>')
    elif any(each.kind != preflight_view.UNKNOWN for each in findings):
        st.html(preflight_view.listed(findings))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="cancel_shadow", on_click=_close):
            st.rerun()
        if st.button(
            "Start shadow test", key="confirm_shadow", type="primary", on_click=_start, args=(question, deployments)
        ):
            st.rerun()


def _start(question: Question, deployments: Sequence[Deployment]) -> None:
    _close()
    endpoint = question.endpoint
    keeper = context.shadow()
    try:
        keeper.begin(
            readers.key(endpoint.workspace_ref)[0], endpoint, deployments, question.asked, run_id=question.run_id
        )
        keeper.runs.save_criteria(endpoint.id, question.asked.criteria)
        chooser.forget()
    except SluiceError as error:
        # The session keeps the words alone.
        error.__cause__ = error.__context__ = None
        st.session_state[_FAILED] = (endpoint.id, error.with_traceback(None))


def told(wanted: Plan, asked: Asked, requests_per_minute: float | None, cloud: str) -> tuple[str, ...]:
    """What the start does, as HTML of paragraphs. ``requests_per_minute`` are the endpoint's live ones. Pure."""
    endpoint, candidate = escape(wanted.endpoint_name), escape(asked.pair.candidate)
    lasts = standing_words.span(asked.duration.total_seconds() / 60)
    judged = escape("; ".join(criteria_form.in_words(asked.criteria)))
    before = wanted.before
    if not wanted.changes:
        written = (
            f"<b>{endpoint}</b> mirrors {asked.percent} % to <b>{candidate}</b> already. It stays so for {lasts}; "
            "nothing is written now. At the end the mirror is cleared."
        )
    else:
        instead = ""
        if before.mirror_target:
            instead = f" The mirror to {escape(before.mirror_target)} ({before.mirror_percent} %) ends with it."
        written = (
            f"This copies {asked.percent} % of the live requests of <b>{endpoint}</b> to <b>{candidate}</b> for "
            f"{lasts}, on {escape(cloud)}.{instead} At the end the mirror is cleared."
        )
    return (
        written,
        "Callers notice nothing: they get the live answers as before, and those of the copies are thrown away.",
        load_words(asked.percent, requests_per_minute, asked.pair.candidate, html=True),
        f"Judged: {judged}. Neither these nor the deployments and shares can be changed while it runs.",
    )


def load_words(percent: int, requests_per_minute: float | None, candidate: str, *, html: bool = False) -> str:
    """What the copies add: work for the candidate, and bytes that count against the endpoint's bandwidth. Pure.

    Mirrored bytes count against the bandwidth of the endpoint (how-to-safely-rollout-online-endpoints).
    """
    name = escape(candidate) if html else candidate
    if requests_per_minute is None:
        added = f"How many copies {name} will get is not known yet."
    else:
        added = (
            f"{name} gets about {words.rate(requests_per_minute * percent / 100).replace(' /min', '')} copies a minute."
        )
    return f"{added} They count against the endpoint's bandwidth: about {percent} % more bytes go through it."
