"""The question before files are applied: what is made, what changes, what is lost, and what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import streamlit as st

from services.deploying.model import Level
from services.errors import SluiceError
from ui import context, problem, readers, words
from ui.deploy import again, changes_view, findings_view, jobs_list, meanwhile, wishes
from ui.deploy.draft import Prepared

_ASKED, _FAILED = "deploy_asked", "deploy_not_begun"


@dataclass(frozen=True)
class Question:
    """What is about to be applied. ``job_id`` is made when the question is asked, so that it begins once."""

    prepared: Prepared
    job_id: str


def begin(question: Question) -> None:
    """Ask from the next drawing on. For callbacks."""
    st.session_state[_ASKED] = question
    st.session_state.pop(_FAILED, None)


def show_refusal(prepared: Prepared) -> None:
    """Draw why the last one could not be begun, if it could not, and the way to the job that is in the way."""
    failed: SluiceError | None = st.session_state.get(_FAILED)
    if failed is not None:
        problem.show(failed, key="deploy_not_begun", retry=lambda: st.session_state.pop(_FAILED, None), label="Dismiss")
        meanwhile.show(prepared, "below")


def show() -> None:
    """Draw the open question."""
    question: Question | None = st.session_state.get(_ASKED)
    if question is not None:
        # A dialog that is not drawn in every run closes under the person's hands.
        _ask(question)


def _close() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Apply to the workspace", width="large", icon=":material/rocket_launch:", on_dismiss=_close)
def _ask(question: Question) -> None:
    replacing = again.switches(question.prepared, question.job_id)
    prepared = again.without(question.prepared, replacing)
    st.html(f'<div class="sentences">{"".join(f"<p>{each}</p>" for each in sentences(prepared))}</div>')
    changes_view.show(prepared)
    serious = [each for each in prepared.findings if each.level is not Level.NOTE]
    if serious:
        st.html(f'<p class="label">What speaks against it: {findings_view.summary(serious)}</p>')
        st.html(findings_view.listed(serious, [""] * len(serious)))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="cancel_deploy", on_click=_close):
            st.rerun()
        if st.button(
            "Apply anyway" if wishes.serious(serious) else "Apply",
            key="confirm_deploy",
            type="primary",
            on_click=_apply,
            args=(question, replacing),
        ):
            st.rerun()


def sentences(prepared: Prepared) -> tuple[str, ...]:
    """What is about to happen, where and in which order, as HTML of paragraphs."""
    count = len(prepared.bundle.documents)
    where = f"<b>{escape(prepared.workspace.name)}</b> on {escape(context.connection().cloud_name)}"
    order = " One after the other: endpoints first." if count > 1 else ""
    return (
        f"This applies {words.count(count, 'document')} to the workspace {where}.{order}",
        "It uploads the files that they name and registers them, as <code>az ml … -f</code> does.",
        "New instances are paid for from their start.",
    )


def _apply(question: Question, replacing: frozenset[str]) -> None:
    _close()
    prepared = question.prepared
    try:
        conn = readers.key(prepared.workspace)[0]
        job = context.worker().deploy(
            conn,
            prepared.bundle,
            prepared.bundle.documents,
            context.person(),
            job_id=question.job_id,
            replacing=replacing,
            shown=prepared.splits,
        )
        jobs_list.choose(job.id)
    except SluiceError as error:
        # The session keeps the words alone.
        error.__cause__ = error.__context__ = None
        st.session_state[_FAILED] = error.with_traceback(None)
