"""The question before a running endpoint is changed: exactly what changes, and what else to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Literal
from uuid import uuid4

import streamlit as st

from services.deploying.model import Job
from services.errors import SluiceError
from services.model import Endpoint
from services.operating import operating
from services.operating.change import Change, Line, Plan
from ui import context, problem, readers, scope
from ui.components.table import Cell, Column, Row, table
from ui.operate import refusals, running
from ui.operate.pending import Pending
from ui.turns import Turns

POLL_SECONDS = 0.3
_ASKED, _FAILED, _TURN, _PENDING = "operate_asked", "operate_failed", "operate_turn", "operate_pending"
_COLUMNS = (Column("What", wraps=True), Column("Now", wraps=True), Column("Then", wraps=True))


@dataclass(frozen=True)
class Question:
    """What is about to be done. ``job_id`` is made when the question is asked, so that it is done once."""

    plan: Plan
    job_id: str


def turn() -> int:
    """Part of the keys of all fields: it grows with every change that was begun, so that what was typed is gone."""
    return int(st.session_state.get(_TURN, 0))


def review(endpoint: Endpoint, change: Change | Callable[[], Change]) -> None:
    """Ask Azure behind the scenes what a change would do, and the person about it once that is known. For callbacks."""
    dismiss()
    if _is_beginning():
        return
    try:
        wanted = change() if callable(change) else change
        conn, jobs = readers.key(endpoint.workspace_ref)[0], context.jobs()
    except SluiceError as error:
        _fail(endpoint.id, error)
        return
    _wait_for(
        Pending(
            endpoint.id, "Asking Azure what would change.", lambda: operating.review(conn, endpoint.name, wanted, jobs)
        )
    )


def dismiss() -> None:
    """Take away why the last change could not be begun: something else is done now. For callbacks."""
    st.session_state.pop(_FAILED, None)


def settle(endpoint: Endpoint) -> None:
    """Take over what was waited for, if it is there. Before anything else of the view is drawn."""
    pending: Pending | None = st.session_state.get(_PENDING)
    if pending is None:
        untold = refusals.take(endpoint.id)
        if untold is not None:
            _fail(endpoint.id, untold)
        return
    is_other = pending.endpoint_id != endpoint.id
    look = pending.look()
    if look.is_reading:
        if is_other and not pending.is_beginning:
            # It may hold typed values, and its question would come up when nobody thinks of it.
            st.session_state.pop(_PENDING)
        return
    st.session_state.pop(_PENDING)
    refusals.told(pending.decision)
    if look.problem is not None:
        _fail(pending.endpoint_id, look.problem)
    elif isinstance(look.value, Job):
        st.session_state[_TURN] = turn() + 1
        # The table above says that it is being changed.
        readers.forget_resources()
        running.look_at(look.value.id)
    elif look.value is not None and not is_other:
        st.session_state[_ASKED] = Question(look.value, uuid4().hex)


def show(endpoint: Endpoint) -> None:
    """Draw why the last change could not be begun, what is waited for, and the open question. Below the form, where
    the button is."""
    failed: tuple[str, SluiceError] | None = st.session_state.get(_FAILED)
    if failed is not None and failed[0] == endpoint.id:
        problem.show(failed[1], key="operate", retry=dismiss, label="Dismiss")
    pending: Pending | None = st.session_state.get(_PENDING)
    if pending is not None and pending.endpoint_id == endpoint.id:
        st.fragment(run_every=POLL_SECONDS)(_waiting)(pending, Turns())
    asked: Question | None = st.session_state.get(_ASKED)
    if asked is not None and (asked.plan.endpoint, asked.plan.workspace) == (endpoint.name, endpoint.workspace_ref):
        # A dialog that is not drawn in every run closes under the person's hands.
        st.dialog(asked.plan.title, width="large", on_dismiss=_close)(_question)(asked, endpoint)
    elif asked is not None:
        # It may hold typed values, and would come up again when nobody thinks of it.
        _close()


def _waiting(pending: Pending, turns: Turns) -> None:
    if turns.is_by_itself() and not pending.look().is_reading:
        st.rerun()
    st.html(f'<p class="working" role="status"><b>{escape(pending.words)}</b></p>')


def rows(lines: tuple[Line, ...]) -> list[Row]:
    """What changes, one row each."""
    return [
        Row(
            str(number),
            (
                Cell(line.what, strong=True),
                Cell(line.before or "nothing", muted=not line.before),
                _then(line),
            ),
        )
        for number, line in enumerate(lines)
    ]


def _then(line: Line) -> Cell:
    if line.after == line.before:
        return Cell("stays", muted=True)
    return Cell(line.after or "nothing", muted=not line.after)


def _question(asked: Question, endpoint: Endpoint) -> None:
    plan = asked.plan
    does = "creates" if plan.action == "create" else "changes"
    where = escape(context.connection().cloud_name)
    st.html(f"<p>This {does} <b>{escape(plan.deployment or plan.endpoint)}</b> on {where}.</p>")
    table("What changes", _COLUMNS, rows(plan.lines), key="operate_lines", compact=True)
    st.html(f'<ul class="callers">{"".join(f"<li>{escape(note)}</li>" for note in plan.notes)}</ul>')
    if plan.is_autoscaled:
        st.page_link(
            context.ROOT / "pages" / "autoscale.py",
            label=f"Autoscale of {plan.deployment}",
            icon=":material/arrow_forward:",
            query_params=scope.link(endpoint.workspace_ref, endpoint.name) | {"deployment": plan.deployment},
        )
    if plan.is_final:
        st.html('<p class="note">This cannot be taken back.</p>')
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="cancel_operate", on_click=_close):
            st.rerun()
        verb = f"{plan.action.capitalize()} anyway" if plan.is_refused else plan.action.capitalize()
        kind: Literal["primary", "secondary"] = "secondary" if plan.is_refused else "primary"
        if st.button(verb, key="confirm_operate", type=kind, on_click=_begin, args=(asked, endpoint)):
            st.rerun()


def _close() -> None:
    st.session_state.pop(_ASKED, None)


def _begin(asked: Question, endpoint: Endpoint) -> None:
    open_one: Question | None = st.session_state.get(_ASKED)
    if open_one is None or open_one.job_id != asked.job_id:
        # The second press of a double click.
        return
    _close()
    try:
        conn, worker, person = readers.key(endpoint.workspace_ref)[0], context.worker(), context.person()
    except SluiceError as error:
        _fail(endpoint.id, error)
        return
    # What has ended before would be taken for the end of this one.
    running.look_at("")
    _wait_for(
        Pending(
            endpoint.id,
            f"Looking once more, then: {asked.plan.title}.",
            refusals.keeping(
                endpoint.id,
                asked.job_id,
                lambda: operating.begin(conn, worker, asked.plan, person, job_id=asked.job_id),
            ),
            asked.job_id,
        )
    )


def _is_beginning() -> bool:
    pending: Pending | None = st.session_state.get(_PENDING)
    return pending is not None and pending.is_beginning and pending.look().is_reading


def _wait_for(pending: Pending) -> None:
    pending.look()
    st.session_state[_PENDING] = pending


def _fail(endpoint_id: str, error: SluiceError) -> None:
    # The session keeps the words alone.
    error.__cause__ = error.__context__ = None
    st.session_state[_FAILED] = (endpoint_id, error.with_traceback(None))
