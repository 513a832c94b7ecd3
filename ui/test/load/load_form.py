"""What a load test is asked for: target, rate, time and payloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape

import streamlit as st

from services.azure.connection import Permissions
from services.errors import SluiceError
from services.loadtest.command import TIMEOUT_SECONDS
from services.loadtest.plan import FEWEST_SECONDS, MOST_RATE, MOST_SECONDS, Plan
from services.loadtest.running import LoadRuns, Wish
from services.loadtest.target import cautions, check_target
from services.model import Deployment, Endpoint
from services.scoring.request import LONGEST_TIMEOUT_SECONDS, ScoringRequest
from ui import ask, context, problem, readers, tables, words
from ui.labels import plain
from ui.test.load import load_results
from ui.test.send import composer, draft
from ui.test.send.draft import SPLIT

TYPED = "The request in Send"
FIXED, RAMP = "Fixed rate", "Ramp"
_REFUSED = "load_refused"


def show(endpoint: Endpoint, deployments: Sequence[Deployment], runs: LoadRuns, place: str) -> None:
    """Draw the form. A press of its button starts the test, or asks first when it disturbs live traffic."""
    st.header("Load test", anchor=False)
    deployment = _target(endpoint, [each.name for each in deployments])
    plan, timeout_seconds = _plan(endpoint)
    payloads = _payloads(endpoint)
    wish = Wish(endpoint, deployment, plan, payloads, timeout_seconds)
    why_not = _why_not(wish, deployments, readers.standing().permissions)
    with st.container(horizontal=True, vertical_alignment="center", key="load_row"):
        st.button(
            "Start load test",
            key="start_load",
            type="primary",
            icon=":material/speed:",
            disabled=bool(why_not),
            on_click=_ask,
            args=(wish, runs, place),
        )
        st.caption(plain(why_not or _words(plan)), width="content")
    for sentence in () if why_not else cautions(endpoint, deployment):
        st.html(f'<p class="note">{escape(sentence)}</p>')


def show_refusal(endpoint: Endpoint) -> None:
    """Say why the test that was asked for here last was not started: another one goes on."""
    refused: SluiceError | None = st.session_state.get(f"{_REFUSED}:{endpoint.id}")
    if refused is not None:
        problem.show(refused, key="load_start")


def forget_refusal(endpoint: Endpoint) -> None:
    """The other test is over."""
    st.session_state.pop(f"{_REFUSED}:{endpoint.id}", None)


def _target(endpoint: Endpoint, names: list[str]) -> str | None:
    key = f"load_target:{endpoint.name}"
    if st.session_state.get(key) not in {SPLIT, *names}:
        idle = [name for name in names if not cautions(endpoint, name)]
        st.session_state[key] = idle[0] if idle else SPLIT
    chosen = st.segmented_control(
        "Send to", [SPLIT, *names], key=key, required=True, persist_state="session", wrap=True
    )
    if chosen in (None, SPLIT):
        st.caption(plain(f"Azure picks the deployment by the live split: {tables.split_words(endpoint.split)}."))
        return None
    st.caption("Pinned by the header azureml-model-deployment. Such a request passes the split by.")
    return chosen


def _plan(endpoint: Endpoint) -> tuple[Plan, float]:
    name = endpoint.name
    with st.container(horizontal=True, vertical_alignment="top", gap="small", key="load_plan"):
        shape = st.segmented_control(
            "Rate", [FIXED, RAMP], default=FIXED, key=f"load_shape:{name}", required=True, persist_state="session"
        )
        is_ramp = shape == RAMP
        start = _number("From, requests/s" if is_ramp else "Requests/s", f"load_rate:{name}", 10.0, 0.1, MOST_RATE)
        end = _number("To, requests/s", f"load_end:{name}", 50.0, 0.1, MOST_RATE) if is_ramp else start
        seconds = _number("Duration, s", f"load_seconds:{name}", 30.0, FEWEST_SECONDS, MOST_SECONDS)
        timeout = _number(
            "Time limit of a request, s", f"load_timeout:{name}", TIMEOUT_SECONDS, 0.1, LONGEST_TIMEOUT_SECONDS
        )
    return Plan(start, end, seconds), timeout


def _number(label: str, key: str, default: float, lowest: float, highest: float) -> float:
    return float(
        st.number_input(
            label,
            min_value=lowest,
            max_value=highest,
            value=default,
            step=1.0,
            format="%g",
            key=key,
            persist_state="session",
            width=170,
        )
    )


def _payloads(endpoint: Endpoint) -> tuple[tuple[str, ScoringRequest], ...]:
    saved = {each.name: each.request() for each in context.library().all(endpoint.id)}
    found: Mapping[str, ScoringRequest] = {TYPED: _typed(endpoint), **saved}
    key = f"load_payloads:{endpoint.name}"
    kept = [name for name in st.session_state.get(key, [TYPED]) if name in found]
    if st.session_state.get(key) != kept:
        st.session_state[key] = kept
    chosen = st.multiselect(
        "Payloads",
        list(found),
        key=key,
        persist_state="session",
        help="Several take turns. Variables are put in before the test begins.",
    )
    return tuple((name, found[name]) for name in chosen)


def _typed(endpoint: Endpoint) -> ScoringRequest:
    """What the Send view holds, or would begin with."""
    made = draft.of(endpoint) or composer.first(endpoint)
    return ScoringRequest(made.bytes, made.content_type, made.headers)


def _why_not(wish: Wish, deployments: Sequence[Deployment], permissions: Permissions) -> str:
    """Why the test cannot begin, in a sentence; "" when it can."""
    if wish.endpoint.auth_mode != "aad_token" and not permissions.can_score:
        return "Your role may not read this endpoint's key, so nothing can be sent."
    if not deployments:
        return "This endpoint has no deployment that could answer."
    if not wish.payloads:
        return "Choose at least one payload."
    try:
        check_target(wish.endpoint, deployments, wish.deployment)
        wish.plan.check()
    except SluiceError as error:
        return f"{error.why} {error.next_step}"
    return ""


def _words(plan: Plan) -> str:
    return f"{words.count(plan.total, 'request')} in {words.elapsed(plan.seconds)}, from a process of its own."


def _ask(wish: Wish, runs: LoadRuns, place: str) -> None:
    warned = cautions(wish.endpoint, wish.deployment)
    if not warned:
        _begin(wish, runs)
        return
    agreed = replace(wish, may_disturb=True)
    sentence = f"{' '.join(warned)} You are about to send {wish.plan.words()}."
    act = partial(_begin, agreed, runs)
    ask.begin(ask.Question(place, "Load test on live traffic", sentence, "Start anyway", act, wish.endpoint.id))


def _begin(wish: Wish, runs: LoadRuns) -> None:
    load_results.close()
    try:
        runs.start(wish)
    except SluiceError as error:
        st.session_state[f"{_REFUSED}:{wish.endpoint.id}"] = error.with_traceback(None)
