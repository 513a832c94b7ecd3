"""A plan on its way: the confirmation, the phases while it runs, and what was read back afterwards."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Literal

import streamlit as st

from services.errors import SluiceError
from services.journal.entry import Who
from services.model import Deployment, Endpoint, Split
from services.traffic.application import Application
from services.traffic.plan import Plan
from ui import context, draft, problem, readers, tables, words
from ui.components.table import table
from ui.facts import Fact, facts

POLL_SECONDS = 0.7
SUCCESS_SECONDS = 600
FAILURE_SECONDS = 3600
"""How long the end of a change is news to whoever opens the page."""
Shown = Literal["nothing", "running", "failed"]
PHASES = {
    "reading": "Read what Azure holds",
    "writing": "Write the new split",
    "waiting": "Wait for Azure",
    "reading back": "Read it back",
}


def plan_table(plan: Plan, deployments: list[Deployment], *, key: str) -> None:
    """Draw before and after for every deployment, and the plan's notes."""
    table(
        f"Split of {plan.endpoint_name}, now and after",
        tables.PLAN_COLUMNS,
        tables.plan_rows(plan, deployments),
        key=key,
        sortable=False,
        compact=True,
    )
    for note in plan.notes:
        st.html(f'<p class="note">{escape(note)}</p>')


@st.dialog("Shift traffic", width="medium", icon=":material/call_split:")
def confirm(plan: Plan, deployments: list[Deployment]) -> None:
    """Ask once, showing exactly what will change."""
    st.html(
        f"<p>This changes what callers of <b>{escape(plan.endpoint_name)}</b> get, on "
        f"{escape(context.connection().cloud_name)}, as soon as Azure has accepted it.</p>"
    )
    plan_table(plan, deployments, key="plan_confirm")
    change_id = uuid.uuid4().hex
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="cancel_shift"):
            st.rerun()
        if st.button("Shift traffic", key="confirm_shift", type="primary", on_click=_begin, args=(plan, change_id)):
            st.rerun()


def show(endpoint: Endpoint, *, is_preparing: bool) -> Shown:
    """Draw the running or the last application of a plan, and say what was drawn.

    A success is not drawn any more once the person ``is_preparing`` the next change.
    """
    refused: SluiceError | None = st.session_state.get(_refused(endpoint.name))
    if refused is not None:
        problem.show(
            refused, key="refused", retry=lambda: st.session_state.pop(_refused(endpoint.name), None), label="Dismiss"
        )
    application = context.applier().current(endpoint.id)
    if application is None:
        return "nothing"
    if application.is_running:
        _running(endpoint.id)
        return "running"
    if not _is_news(endpoint.name, application) or (is_preparing and application.error is None):
        return "nothing"
    _result(endpoint, application)
    return "failed" if application.error else "nothing"


def _is_news(endpoint: str, application: Application) -> bool:
    age = datetime.now(UTC) - (application.finished_at or application.started_at)
    lasts = FAILURE_SECONDS if application.error else SUCCESS_SECONDS
    is_seen = st.session_state.get(_seen(endpoint)) == application.started_at
    return not is_seen and age < timedelta(seconds=lasts)


def _begin(plan: Plan, change_id: str) -> None:
    st.session_state.pop(_refused(plan.endpoint_name), None)
    try:
        who = Who(readers.standing().identity.name, context.person())
        conn = context.connection().at(plan.endpoint.workspace_ref)
        context.applier().start(conn, plan, change_id=change_id, who=who)
    except SluiceError as error:
        st.session_state[_refused(plan.endpoint_name)] = error


@st.fragment(run_every=POLL_SECONDS)
def _running(endpoint: str) -> None:
    application = context.applier().current(endpoint)
    if application is None or not application.is_running:
        readers.forget_resources()
        st.rerun()
    st.html(_phases(application))


def _phases(application: Application) -> str:
    order = list(PHASES)
    now = order.index(application.phase) if application.phase in order else len(order)
    marks = ["past"] * now + ["now"] + ["next"] * len(order)
    current = ' aria-current="step"'
    steps = "".join(
        f'<li class="{mark}"{current if mark == "now" else ""}>{escape(PHASES[phase])}</li>'
        for phase, mark in zip(order, marks, strict=False)
    )
    wanted = escape(tables.split_words(application.after))
    return (
        f'<section class="applying" role="status"><h2>Shifting traffic to {wanted}</h2><ol>{steps}</ol>'
        f"<p>{words.elapsed(application.elapsed_seconds)} so far. Usually a few seconds, at most some minutes. "
        "You can leave this page: it goes on, and you find it here again.</p></section>"
    )


def _result(endpoint: Endpoint, application: Application) -> None:
    error = application.error
    label = "Dismiss"
    if error is None:
        at = application.finished_at.astimezone(UTC).strftime("%H:%M:%S UTC") if application.finished_at else ""
        st.html(
            '<section class="applied" role="status"><h2>Traffic shifted</h2>'
            f"<p>Azure now holds: {escape(split_and_mirror(application.after))}. Read back at {at}, "
            f"{words.elapsed(application.elapsed_seconds)} after the start.</p></section>"
        )
    else:
        problem.show(error, key="applied")
        label = "Start from the current split"
        if application.held is not None:
            sides = {
                "You saw": application.before,
                "Azure holds now": application.held,
                "You wanted": application.after,
            }
            facts([Fact(side, split_and_mirror(split)) for side, split in sides.items()])
    st.button(label, key="dismiss_applied", on_click=_dismiss, args=(endpoint, application))


def _dismiss(endpoint: Endpoint, application: Application) -> None:
    st.session_state[_seen(endpoint.name)] = application.started_at
    if application.error is not None:
        readers.forget_resources()
        draft.drop(endpoint)


def split_and_mirror(split: Split) -> str:
    """A whole split in words: ``blue 100 %; mirror 10 % to green``."""
    return f"{tables.split_words(split)}; mirror {tables.mirror_words(split)}"


def _seen(endpoint: str) -> str:
    return f"applied_seen:{endpoint}"


def _refused(endpoint: str) -> str:
    return f"apply_refused:{endpoint}"
