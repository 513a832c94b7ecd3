"""A change on its way: its steps while it runs, and what was read back at its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Literal

import streamlit as st

from services.errors import Conflict
from services.journal.entry import APPLIED, CANCELLED, FAILED, REFUSED
from services.model import Endpoint, Split
from services.traffic.application import (
    READING,
    READING_BACK,
    WAITING,
    WAITING_FOR_OTHERS,
    WRITING,
    Application,
)
from ui import context, problem, readers, words
from ui.components.into_view import into_view
from ui.journal import entry_words
from ui.traffic import confirm, conflict, draft, known_evidence, refused
from ui.traffic.draft import Draft
from ui.turns import Turns

POLL_SECONDS = 0.7
SUCCESS_SECONDS = 600
FAILURE_SECONDS = 3600
"""How long the end of a change is news to whoever opens the page."""
Shown = Literal["nothing", "running"]
PHASES = {
    READING: "Read what Azure holds",
    WAITING_FOR_OTHERS: "Wait for another operation",
    WRITING: "Write the new split",
    WAITING: "Wait for Azure",
    READING_BACK: "Read it back",
}


def show(endpoint: Endpoint, wish: Draft | None) -> Shown:
    """Draw the running or the last change of the endpoint, and say what was drawn.

    A success is not drawn any more once the person prepares the next change.
    """
    refused.show(endpoint)
    application = context.applier().current(endpoint.id)
    if application is None:
        return "nothing"
    if application.is_running:
        if confirm.is_own(application.change_id):
            into_view(application.change_id, key="applying_in_view")
        _running(endpoint.id, Turns())
        return "running"
    is_over = wish is not None and wish.is_touched and application.outcome == APPLIED and application.error is None
    if _is_news(application) and not is_over:
        _result(endpoint, application, wish)
    return "nothing"


def _is_news(application: Application) -> bool:
    age = datetime.now(UTC) - (application.finished_at or application.started_at)
    is_good = application.outcome == APPLIED and application.error is None
    lasts = SUCCESS_SECONDS if is_good else FAILURE_SECONDS
    return not st.session_state.get(_seen(application)) and age < timedelta(seconds=lasts)


@st.fragment(run_every=POLL_SECONDS)
def _running(endpoint_id: str, turns: Turns) -> None:
    application = context.applier().current(endpoint_id)
    is_by_itself = turns.is_by_itself()
    if application is None or not application.is_running:
        if is_by_itself:
            readers.forget_resources()
            known_evidence.forget()
            st.rerun()
        return
    st.html(steps(application))
    if application.can_cancel:
        st.button("Cancel", key="cancel_application", icon=":material/close:", on_click=_cancel, args=(endpoint_id,))


def _cancel(endpoint_id: str) -> None:
    if not context.applier().cancel(endpoint_id):
        st.toast("Too late to cancel: the write has left for Azure. Undo it from the history when it is done.")


def steps(application: Application) -> str:
    """The steps of a running change, which one it is at, what it waits for and how long at most. Pure."""
    shown = [phase for phase in PHASES if phase != WAITING_FOR_OTHERS or application.phase == phase]
    now = shown.index(application.phase) if application.phase in shown else len(shown)
    marks = ["past"] * now + ["now"] + ["next"] * len(shown)
    current = ' aria-current="step"'
    items = "".join(
        f'<li class="{mark}"{current if mark == "now" else ""}>{escape(PHASES[phase])}</li>'
        for phase, mark in zip(shown, marks, strict=False)
    )
    note = f"<p><b>{escape(application.note)}</b></p>" if application.note else ""
    limit = application.limit_seconds
    most = f"This step ends after {words.elapsed(limit)} at most. " if limit else ""
    until = "It can be cancelled until the write. " if application.can_cancel else ""
    return (
        f'<section class="applying" role="status"><h2>Shifting traffic to '
        f"{escape(entry_words.split_words(application.after))}</h2><ol>{items}</ol>{note}"
        f"<p>{words.elapsed(application.elapsed_seconds)} so far. {most}{until}"
        "You can leave this page: it goes on, and you find it here again.</p></section>"
    )


def _result(endpoint: Endpoint, application: Application, wish: Draft | None) -> None:
    error = application.error
    is_asked = wish is not None and conflict.is_open(endpoint, wish)
    if is_asked and application.outcome == REFUSED and isinstance(error, Conflict):
        # The question that follows says it all: what they hold, what was prepared, and that nothing was written.
        return
    if application.outcome == APPLIED:
        st.html(_success(application, is_still_so=endpoint.split == application.after))
        if error is not None:
            problem.show(error, key="applied")
    elif application.outcome == CANCELLED:
        st.html(
            '<section class="notice" role="status"><b>Cancelled.</b> Nothing was written; '
            "what you prepared is still here.</section>"
        )
    elif error is not None:
        problem.show(error, key="applied")
    if _is_compared(application) and not is_asked:
        conflict.sides(application.before, _theirs(application), application.after, key="sides")
    with st.container(horizontal=True, key="result_buttons"):
        if application.outcome not in (APPLIED, CANCELLED):
            st.button("Look again", key="look_again", icon=":material/refresh:", on_click=readers.forget)
            if not is_asked and not (wish is not None and wish.is_touched) and _can_be_prepared(application, endpoint):
                st.button("Prepare it again", key="prepare_again", on_click=_prepare, args=(endpoint, application))
        st.button("Dismiss", key="dismiss_applied", on_click=_dismiss, args=(application,))


def _success(application: Application, *, is_still_so: bool) -> str:
    holds = "Azure now holds" if is_still_so else "Azure held, before it was changed again"
    at = f" at {application.finished_at.astimezone(UTC):%H:%M:%S UTC}" if application.finished_at else ""
    return (
        '<section class="applied" role="status"><h2>Traffic shifted</h2>'
        f"<p>{holds}: {escape(entry_words.whole(application.after))}. Read back{at}, "
        f"{words.elapsed(application.elapsed_seconds)} after the start.</p></section>"
    )


def _is_compared(application: Application) -> bool:
    if application.outcome == APPLIED:
        return isinstance(application.error, Conflict)
    return application.outcome != CANCELLED and (
        application.outcome != REFUSED or isinstance(application.error, Conflict)
    )


def _theirs(application: Application) -> Split | None:
    if application.held is None and isinstance(application.error, Conflict):
        return application.error.theirs
    return application.held


def _can_be_prepared(application: Application, endpoint: Endpoint) -> bool:
    return application.outcome in (REFUSED, FAILED) and application.after != endpoint.split


def _prepare(endpoint: Endpoint, application: Application) -> None:
    draft.wish(endpoint, draft.merged(application.before, application.after, endpoint.split))
    _dismiss(application)


def _dismiss(application: Application) -> None:
    st.session_state[_seen(application)] = True


def _seen(application: Application) -> str:
    return f"applied_seen:{application.change_id}"
