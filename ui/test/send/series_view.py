"""What came of a press of Send: what is on its way, and the answers when they are there."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.model import Deployment, Endpoint
from ui import words
from ui.test.answer import answer_view
from ui.test.send import pair_view, repeat_view
from ui.test.send.attempts import Attempt, Series
from ui.turns import Turns

POLL_SECONDS = 0.5


def show_nothing() -> None:
    """Say where the answer will be."""
    st.html('<p class="label">Answer</p><p class="lead">Nothing sent yet. The answer appears here.</p>')


def show(endpoint: Endpoint, deployments: Sequence[Deployment], series: Series) -> None:
    """Draw the summary of a series; of one request to one target, its answer."""
    if series.is_over:
        series.is_shown = True
        _summary(endpoint, deployments, series)
    else:
        _await(endpoint, deployments, series, Turns())


@st.fragment(run_every=POLL_SECONDS)
def _await(endpoint: Endpoint, deployments: Sequence[Deployment], series: Series, turns: Turns) -> None:
    if turns.is_by_itself() and series.is_over:
        st.rerun()
    _summary(endpoint, deployments, series)


def _summary(endpoint: Endpoint, deployments: Sequence[Deployment], series: Series) -> None:
    if not series.is_over:
        _waiting(series)
    elif series.is_stopped and series.repeat > 1:
        sent = sum(len(attempts) for attempts in series.attempts)
        st.html(f'<p class="note">Stopped after {words.count(sent, "request")}.</p>')
    if series.problem is not None:
        st.html(f'<p class="note">Not kept in the history: {escape(series.problem.why)}</p>')
    if series.repeat > 1:
        together = [attempt for attempts in series.attempts for attempt in attempts]
        repeat_view.show(together, deployments, series.repeat * len(series.targets))
    if len(series.targets) > 1:
        if series.repeat > 1:
            st.html('<p class="label">The first answers of both</p>')
        pair_view.show(series.targets, tuple(attempts[0].outcome if attempts else None for attempts in series.attempts))
    elif series.is_over or series.repeat == 1:
        answers(endpoint, deployments, series, 0)


def answers(endpoint: Endpoint, deployments: Sequence[Deployment], series: Series, place: int) -> None:
    """Draw the answer of one target; of several, the one that is chosen."""
    ended = [each for each in series.attempts[place] if each.outcome is not None]
    if not ended:
        return
    attempt = _chosen(ended, place) if len(ended) > 1 else ended[0]
    if attempt.outcome is None:
        return
    st.html(f'<p class="label">Answer of {attempt.at:%H:%M:%S} UTC</p>')
    if not attempt.is_whole:
        st.caption("Its body was not kept: the series is too long.")
    key = f"{place}:{attempt.number}"
    answer_view.show(endpoint, deployments, attempt.request, attempt.outcome, attempt.explanation, key)


def _chosen(ended: Sequence[Attempt], place: int) -> Attempt:
    """Let the person choose; the first failure is shown first, as it has been explained."""
    numbers = {each.number: each for each in ended}
    told = next((each.number for each in ended if each.explanation is not None), ended[0].number)
    key = f"attempt:{place}"
    if st.session_state.get(key) not in numbers:
        st.session_state[key] = told
    number = st.selectbox("Answer", list(numbers), key=key, format_func=lambda each: _title(numbers[each]))
    return numbers.get(number or told, ended[0])


def _title(attempt: Attempt) -> str:
    deployment, status = repeat_view.kind_of(attempt.outcome)
    times = repeat_view.answers_of([attempt])
    took = f", {words.milliseconds(times[0][1].total_ms)}" if times else ""
    return f"{attempt.number}: {status} by {deployment}{took}" if times else f"{attempt.number}: {status}"


def _waiting(series: Series) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="waiting"):
        st.html(f'<p class="working" role="status">{_waiting_words(series)}</p>', width="stretch")
        st.button("Stop", key="stop_sending", icon=":material/stop:", on_click=series.stop, disabled=series.is_stopped)


def _waiting_words(series: Series) -> str:
    if series.is_stopped:
        return "Stopping."
    if all(attempts and attempts[-1].outcome is not None for attempts in series.attempts):
        is_complete = all(len(attempts) == series.repeat for attempts in series.attempts)
        return "Looking for what explains it." if is_complete else "Sending."
    return "Waiting for the answer." if series.repeat == 1 else "Sending, one after the other."
