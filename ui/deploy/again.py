"""The way on after a deployment that failed when it was first made: delete it, and create it again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

import streamlit as st

from services.deploying import applying
from services.deploying.failed_checks import CODE
from services.deploying.model import Document, Job, Kind
from services.errors import SluiceError
from services.operating import recreating
from ui import context, problem, readers, scope
from ui.deploy import jobs_list
from ui.deploy.draft import Prepared

_OF_A_CHANGE = (CODE, "drops-fields")
"""Findings about a deployment that is there, which mean nothing once it has gone."""
_ASKED, _FAILED = "again_asked", "again_not_begun"


@dataclass(frozen=True)
class Question:
    """What is about to be deleted and made again. ``job_id`` is made once, so that a double click begins it once.
    ``source`` is the deployment that it was a clone of, "" when it came from files."""

    job: Job
    job_id: str
    source: str = ""


def show(job: Job, look_at: Callable[[str], None] = jobs_list.choose) -> None:
    """Offer it below a job that has left such a deployment behind. ``look_at`` shows the job that is begun."""
    if not job.stuck:
        return
    failed: tuple[str, SluiceError] | None = st.session_state.get(_FAILED)
    if failed is not None and failed[0] == job.id:
        problem.show(failed[1], key="again")
    try:
        kept = context.jobs().kept(job.id)
    except SluiceError:
        return
    name = job.stuck.rpartition("/")[2]
    source = recreating.source_of(kept) if kept is not None else ""
    if kept is not None and (source or applying.has_files(kept)):
        st.button(
            f"Delete {name} and create it again …",
            key="again",
            icon=":material/restart_alt:",
            on_click=_ask,
            args=(Question(job, uuid.uuid4().hex, source),),
            help=f"Like {source}, as it was asked for. To change that, delete it and clone anew."
            if source
            else "With the same files. To mend them first, go back to the files: Apply offers the same.",
        )
    else:
        endpoint = job.stuck.partition("/")[0]
        query = {**scope.link(job.workspace, endpoint), "view": "Operate"}
        label = f"Delete {name} in Operate"
        st.page_link(context.ROOT / "pages" / "overview.py", label=label, icon=":material/delete:", query_params=query)
    question: Question | None = st.session_state.get(_ASKED)
    if question is not None and question.job.id == job.id:
        _dialog(question, look_at)


def _ask(question: Question) -> None:
    st.session_state[_ASKED] = question
    st.session_state.pop(_FAILED, None)


def _close() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Delete and create again", icon=":material/restart_alt:", on_dismiss=_close)
def _dialog(question: Question, look_at: Callable[[str], None]) -> None:
    st.html(
        f'<div class="sentences"><p>{_what_happens(question)}</p>'
        "<p>It is deleted only while it is failed and has no traffic. Its container log goes with it; what was "
        "gathered when it failed stays here.</p><p>New instances are paid for from their start.</p></div>"
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="cancel_again", on_click=_close):
            st.rerun()
        if st.button(
            "Delete and create again", key="confirm_again", type="primary", on_click=_begin, args=(question, look_at)
        ):
            st.rerun()


def _what_happens(question: Question) -> str:
    """In sentences, as HTML. Pure."""
    name, source = f"<b>{escape(question.job.stuck)}</b>", f"<b>{escape(question.source)}</b>"
    if question.source:
        return (
            f"{name} is deleted, and then created again like {source}, as it was asked for. Where the cause is in "
            f"that, delete it alone and clone anew. When {source} was changed since, nothing is deleted."
        )
    return (
        f"{name} is deleted, and then created again from the same files. They are as they were: where the cause is in "
        "them, go back to the files and mend them first."
    )


def _begin(question: Question, look_at: Callable[[str], None]) -> None:
    _close()
    try:
        conn = readers.key(question.job.workspace)[0]
        begun = context.worker().deploy_again(conn, question.job, context.person(), job_id=question.job_id)
        look_at(begun.id)
    except SluiceError as error:
        # The session keeps the words alone.
        error.__cause__ = error.__context__ = None
        st.session_state[_FAILED] = (question.job.id, error.with_traceback(None))


def switches(prepared: Prepared, key: str) -> frozenset[str]:
    """Draw a switch for each deployment of the files that has to be deleted first. Those that are on, as
    ``shop/blue`` in lower case; ``key`` is the decision's."""
    chosen = set()
    for resource, name in stuck_in(prepared).items():
        label = f"Delete {name} first, then create it again"
        if st.checkbox(label, key=f"replace_{key}_{resource}", help="Refused while it has live or mirrored traffic."):
            chosen.add(resource)
    return frozenset(chosen)


def stuck_in(prepared: Prepared) -> dict[str, str]:
    """The deployments of the files that Azure does not change any more: ``shop/blue`` and their names. Pure."""
    places = {each.place for each in prepared.findings if each.code == CODE}
    return {
        _resource(each): each.name
        for each in prepared.bundle.documents
        if each.kind is Kind.DEPLOYMENT and each.place("name") in places
    }


def without(prepared: Prepared, chosen: frozenset[str]) -> Prepared:
    """What was checked, as it is when ``chosen`` are deleted first: they are made then, and not changed. Pure."""
    places = {each.place("name") for each in prepared.bundle.documents if _resource(each) in chosen}
    return replace(
        prepared,
        findings=tuple(each for each in prepared.findings if not (each.code in _OF_A_CHANGE and each.place in places)),
        changes=tuple(
            replace(each, exists=False, changes=(), state="") if _resource(each.document) in chosen else each
            for each in prepared.changes
        ),
    )


def _resource(document: Document) -> str:
    """``shop/blue`` of a deployment, "" of an endpoint."""
    return f"{document.endpoint}/{document.name}".lower() if document.kind is Kind.DEPLOYMENT else ""
