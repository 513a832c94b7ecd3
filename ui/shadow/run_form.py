"""What a shadow test is started with: candidate, percentage, duration and criteria."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from uuid import uuid4

import streamlit as st

from services.comparison.criteria import Criteria
from services.errors import SluiceError
from services.model import MAX_MIRROR_PERCENT, Deployment, Endpoint
from services.shadow.model import Asked, Pair
from services.shadow.starting import plan_of
from services.traffic.evidence import Evidence
from ui import context, problem, readers
from ui.shadow import criteria_form, standing_words, start_question
from ui.shadow.start_question import Question
from ui.traffic import known_evidence

INTRO = (
    "A shadow test copies a part of the live requests to a deployment that answers nobody, and compares the two: "
    "is the candidate as good as what is live? It says PASS, FAIL or NEED MORE, and stays right however often you look."
)
DEFAULT_PERCENT = 10
DEFAULT_DURATION = "2 h"
DURATIONS = {
    "30 min": timedelta(minutes=30),
    "1 h": timedelta(hours=1),
    "2 h": timedelta(hours=2),
    "4 h": timedelta(hours=4),
    "8 h": timedelta(hours=8),
    "24 h": timedelta(hours=24),
    "3 d": timedelta(days=3),
    "7 d": timedelta(days=7),
}
POLL_SECONDS = 2.0
_SAVED = "shadow_criteria_saved"


def why_not(endpoint: Endpoint, deployments: Sequence[Deployment]) -> str:
    """Why no shadow test can be started with these deployments, "" when one can. Pure."""
    if len(deployments) < 2:
        has = f"only {deployments[0].name}" if deployments else "none"
        return f"A shadow test needs two deployments, a live one and a candidate. This endpoint has {has}."
    if not endpoint.split.live:
        return (
            "All live traffic is stopped, so there is nothing to copy. Give a deployment a share on the Traffic page."
        )
    if not candidates(endpoint, deployments):
        return (
            "Every deployment has live traffic, and Azure mirrors only to one without. Two live deployments can be "
            "described side by side below; for a verdict, take the live share of one away on the Traffic page."
        )
    return ""


def candidates(endpoint: Endpoint, deployments: Sequence[Deployment]) -> list[str]:
    """Those that copies can go to, the present target of the mirror first. Pure."""
    idle = [each.name for each in deployments if not endpoint.split.live_percent(each.name)]
    return sorted(idle, key=lambda name: (name != endpoint.split.mirror_target, name))


def show(endpoint: Endpoint, deployments: Sequence[Deployment], *, disabled: bool) -> None:
    """Draw the form and the question before the start. Raises StoreFailed."""
    pair, percent, lasts = _what(endpoint, deployments, disabled=disabled)
    known = known_evidence.of(endpoint, deployments).value
    if known is None:
        _wait(endpoint, deployments, percent, lasts, pair.candidate)
    else:
        _say(amount(percent, lasts, pair.candidate, known))
    st.header(f"What {pair.candidate} must not be worse by", anchor=False)
    criteria = criteria_form.show(endpoint, context.shadow().runs.criteria(endpoint.id), disabled=disabled)
    prepares = st.checkbox(
        "When it passes, prepare the promotion on the Traffic page (it is never applied by itself)",
        key=f"shadow_prepares:{endpoint.name}",
        disabled=disabled,
        persist_state="session",
    )
    who = readers.standing().identity.name
    asked = Asked(pair, percent, criteria, DURATIONS[lasts], context.person(), who, prepares)
    _foot(endpoint, deployments, asked, disabled=disabled)
    start_question.show(endpoint, deployments, known)


def _what(endpoint: Endpoint, deployments: Sequence[Deployment], *, disabled: bool) -> tuple[Pair, int, str]:
    """Who is compared, the share that is copied in percent, and for how long, as a name in DURATIONS."""
    split = endpoint.split
    live = sorted(split.live, key=lambda name: (-split.live[name], name))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="shadow_run"):
        candidate = _choice("Candidate", candidates(endpoint, deployments), f"candidate:{endpoint.name}", disabled)
        compared = _choice("Compared with", live, f"live:{endpoint.name}", disabled)
        percent = st.number_input(
            "Copied, %",
            1,
            MAX_MIRROR_PERCENT,
            split.mirror_percent if candidate == split.mirror_target else DEFAULT_PERCENT,
            step=1,
            key=f"shadow_percent:{endpoint.name}:{candidate}",
            width=130,
            disabled=disabled,
            persist_state="session",
        )
        lasts = _choice("For", list(DURATIONS), f"lasts:{endpoint.name}", disabled, 130, DEFAULT_DURATION)
    return Pair(compared, candidate), int(percent), lasts


def _choice(label: str, options: list[str], key: str, disabled: bool, width: int = 220, default: str = "") -> str:
    chosen = st.selectbox(
        label,
        options,
        index=options.index(default) if default else 0,
        key=f"shadow_{key}",
        width=width,
        disabled=disabled,
        persist_state="session",
    )
    # One that is gone since it was chosen.
    return chosen if chosen in options else options[0]


@st.fragment(run_every=POLL_SECONDS)
def _wait(endpoint: Endpoint, deployments: Sequence[Deployment], percent: int, lasts: str, candidate: str) -> None:
    """Say it as soon as it is known, without drawing the fields again under the person's hands."""
    _say(amount(percent, lasts, candidate, known_evidence.of(endpoint, deployments).value))


def _say(text: str) -> None:
    st.html(f'<p class="hint">{escape(text)}</p>')


def amount(percent: int, lasts: str, candidate: str, known: Evidence | None) -> str:
    """What so many copies add, and how many there will be to judge. Pure."""
    rate = known.requests.mean if known and known.requests else None
    text = start_question.load_words(percent, rate, candidate)
    copies = round((rate or 0) * percent / 100 * (DURATIONS[lasts] / timedelta(minutes=1)))
    return f"{text} In {lasts} that makes about {standing_words.rounded(copies):,} to judge." if copies else text


def _foot(endpoint: Endpoint, deployments: Sequence[Deployment], asked: Asked, *, disabled: bool) -> None:
    why = ""
    try:
        plan_of(endpoint, deployments, asked)
    except SluiceError as error:
        problem.show(error, key="shadow_criteria")
        why = "It cannot start like this."
    failed = start_question.failure(endpoint)
    if failed is not None:
        problem.show(failed, key="shadow_start")
    with st.container(horizontal=True, vertical_alignment="center", key="shadow_foot"):
        st.button(
            "Start shadow test",
            key="start_shadow",
            type="primary",
            disabled=disabled or bool(why),
            on_click=lambda: start_question.begin(Question(endpoint, asked, uuid4().hex)),
        )
        st.button(
            "Save criteria", key="save_criteria", disabled=bool(why), on_click=_save, args=(endpoint, asked.criteria)
        )
        if st.session_state.pop(_SAVED, False):
            st.caption("The criteria are saved for this endpoint.", width="content")
        elif why:
            st.caption(why, width="content")


def _save(endpoint: Endpoint, criteria: Criteria) -> None:
    try:
        context.shadow().runs.save_criteria(endpoint.id, criteria)
        st.session_state[_SAVED] = True
    except SluiceError as error:
        st.toast(str(error))
