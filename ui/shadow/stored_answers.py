"""Answers that the data collectors of both deployments of a run have stored: what is missing, and reading them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.payloads.consent import Consent
from services.shadow import answers
from services.shadow.answering import Places
from services.shadow.model import Run
from services.shadow.runs import Answers
from services.shadow.stored_reading import StoredReading
from services.shadow.stored_words import missing, sampled, told_of
from ui import ask, context, problem, readers
from ui.latest import Latest
from ui.turns import Turns

PLACE = "stored_answers"
_POLL_SECONDS = 0.7


def show(endpoint: Endpoint, deployments: Sequence[Deployment], run: Run, kept: Sequence[Answers]) -> None:
    """Draw what the last reading was made of, and the button for the next while the run takes answers."""
    at_work = _all().of(run.id)
    told = [sentence for each in kept for sentence in told_of(each.content)]
    if run.verdict is None or told:
        st.subheader("Stored answers", anchor=False)
    for sentence in told:
        st.html(f'<p class="quiet">{escape(sentence)}</p>')
    if run.verdict is not None:
        return
    ask.show(PLACE)
    if at_work is not None and not at_work.is_over:
        st.fragment(_progress, run_every=_POLL_SECONDS)(at_work, Turns())
        return
    if at_work is not None and at_work.problem is not None:
        problem.show(at_work.problem, key=PLACE)
    elif at_work is not None and at_work.told:
        st.html(f'<p role="status">{escape(at_work.told)}</p>')
    _form(endpoint, deployments, run, kept)


def _form(endpoint: Endpoint, deployments: Sequence[Deployment], run: Run, kept: Sequence[Answers]) -> None:
    lacking = missing(deployments, run)
    if lacking:
        st.caption(f"Answers that were really given can be compared, too, when both are stored. {' '.join(lacking)}")
        return
    with st.container(horizontal=True, vertical_alignment="center", key="stored_answers_foot"):
        st.button(
            "Read stored answers",
            key="read_stored_answers",
            icon=":material/inventory_2:",
            on_click=_begin,
            args=(endpoint, deployments, run, kept),
        )
        st.caption(
            f"What the data collectors of {run.pair.live} and {run.pair.candidate} have stored since the start is read "
            "from the workspace's storage, paired and compared. Nothing is sent to the deployments. Bodies are "
            f"{'kept with the result, as you allow' if _keeps_bodies() else 'not kept'}. Whatever is found counts. "
            f"{sampled(deployments, run)}",
            width="stretch",
        )


def _begin(endpoint: Endpoint, deployments: Sequence[Deployment], run: Run, kept: Sequence[Answers]) -> None:
    # What the form above says of fields and decimals holds for stored answers, too.
    place = f"{run.id}:{len(kept)}"
    left_out = st.session_state.get(f"answers_left_out:{place}", answers.left_out_of(kept) or ())
    may_drift = st.session_state.get(f"answers_may_drift:{place}", True)
    try:
        conn, _, _ = readers.key(endpoint.workspace_ref)
        places = Places(context.shadow().runs, context.results(), _keeps_bodies())
        made = StoredReading(conn, endpoint, deployments, run, places, left_out=left_out, may_drift=may_drift)
        if _all().take(run.id, made):
            made.start()
    except SluiceError as error:
        ask.fail(PLACE, error)


def _progress(at_work: StoredReading, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    if at_work.is_over:
        if is_by_itself:
            st.rerun()
        return
    st.html('<p class="quiet" role="status">Reading what the data collectors have stored…</p>')


def _keeps_bodies() -> bool:
    return Consent(context.store()).keeps_bodies(context.person())


@st.cache_resource(show_spinner=False)
def _all() -> Latest[StoredReading]:
    return Latest()
