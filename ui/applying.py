"""A plan on its way: the confirmation, the phases while it runs, and what was read back afterwards."""

from __future__ import annotations

from datetime import UTC
from html import escape

import streamlit as st

from services.errors import Conflict, SluiceError
from services.model import Deployment, Split
from services.traffic import Application, Plan
from ui import context, draft, problem, readers, tables, words
from ui.components.table import table

POLL_SECONDS = 0.7
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
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="cancel_shift"):
            st.rerun()
        if st.button("Shift traffic", key="confirm_shift", type="primary", on_click=_begin, args=(plan,)):
            st.rerun()


def show(endpoint: str) -> bool:
    """Draw the running or the last application of a plan. Returns whether one is running."""
    refused: SluiceError | None = st.session_state.get(_refused(endpoint))
    if refused is not None:
        problem.show(refused, key="refused", retry=lambda: st.session_state.pop(_refused(endpoint), None))
    application = context.applier().current(endpoint)
    if application is None:
        return False
    if application.is_running:
        _running(endpoint)
        return True
    if st.session_state.get(_dismissed(endpoint)) != application.started_at:
        _result(endpoint, application)
    return False


def _begin(plan: Plan) -> None:
    st.session_state.pop(_refused(plan.endpoint_name), None)
    try:
        context.applier().start(plan)
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
    wanted = escape(tables.split_words(application.plan.after))
    return (
        f'<section class="applying" role="status"><h2>Shifting traffic to {wanted}</h2><ol>{steps}</ol>'
        f"<p>{words.elapsed(application.elapsed_seconds)} so far. Usually a few seconds, at most some minutes. "
        "You can leave this page: it goes on, and you find it here again.</p></section>"
    )


def _result(endpoint: str, application: Application) -> None:
    if application.error is not None:
        problem.show(application.error, key="applied")
        if isinstance(application.error, Conflict) and application.error.theirs is not None:
            theirs = application.error.theirs
            st.html(
                '<dl class="facts">'
                f"<div><dt>You saw</dt><dd>{escape(split_and_mirror(application.plan.before))}</dd></div>"
                f"<div><dt>Azure holds now</dt><dd>{escape(split_and_mirror(theirs))}</dd></div>"
                f"<div><dt>You wanted</dt><dd>{escape(split_and_mirror(application.plan.after))}</dd></div></dl>"
            )
        label = "Start from the current split"
    else:
        at = application.finished_at.astimezone(UTC).strftime("%H:%M:%S UTC") if application.finished_at else ""
        st.html(
            '<section class="applied" role="status"><h2>Traffic shifted</h2>'
            f"<p>Azure now holds: {escape(split_and_mirror(application.plan.after))}. Read back at {at}, "
            f"{words.elapsed(application.elapsed_seconds)} after the start.</p></section>"
        )
        label = "Dismiss"
    st.button(label, key="dismiss_applied", on_click=_dismiss, args=(endpoint, application))


def _dismiss(endpoint: str, application: Application) -> None:
    st.session_state[_dismissed(endpoint)] = application.started_at
    if application.error is not None:
        readers.forget_resources()
        draft.drop(endpoint)


def split_and_mirror(split: Split) -> str:
    """A whole split in words: ``blue 100 %; mirror 10 % to green``."""
    return f"{tables.split_words(split)}; mirror {tables.mirror_words(split)}"


def _dismissed(endpoint: str) -> str:
    return f"applied_seen:{endpoint}"


def _refused(endpoint: str) -> str:
    return f"apply_refused:{endpoint}"
