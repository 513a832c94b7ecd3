"""What the Test page is made of: the request on one side, the answer on the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import streamlit as st

from services.azure.connection import Connection, Permissions
from services.errors import SluiceError
from services.json_text import formatted
from services.metrics import is_server_error
from services.model import Deployment, Endpoint
from services.payloads.samples import sample_for
from services.scoring.answer import Answer
from services.scoring.json_check import check_json
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from ui import colours, context, problem, tables, words
from ui.facts import Fact, facts

SPLIT = "Through the split"
_POLL_SECONDS = 0.5
_EDITOR_HEIGHT = 380
_log = logging.getLogger("sluice.ui")


@dataclass(frozen=True)
class Request:
    """What the person wants to send. ``deployment`` is None for the way through the split; ``send`` is the click."""

    body: str
    deployment: str | None
    send: bool


@dataclass
class Attempt:
    """One request on its way. Any page run of the session may draw it, also one that began while it was waiting."""

    outcome: Answer | SluiceError | None = None
    is_over: bool = False
    is_shown: bool = False


def compose(endpoint: Endpoint, deployments: Sequence[Deployment], permissions: Permissions) -> Request:
    """Draw the target, the payload editor and the button."""
    names = [each.name for each in deployments]
    target = _target(endpoint, names)
    body_key = f"body:{endpoint.name}"
    if body_key not in st.session_state:
        st.session_state[body_key] = _sample(endpoint) or "{}"
    body = st.text_area(
        "Payload, JSON",
        key=body_key,
        height=_EDITOR_HEIGHT,
        persist_state="session",
        placeholder='{"data": []}',
    )
    wrong = _json_problem(body or "")
    reason = wrong or _why_not(endpoint, names, permissions)
    with st.container(horizontal=True, vertical_alignment="center", key="send_row"):
        is_sent = st.button(
            "Send", key="send", type="primary", icon=":material/send:", shortcut="Ctrl+Enter", disabled=bool(reason)
        )
        st.button("Format", key="format", disabled=bool(wrong), on_click=_format, args=(body_key,))
        if _sample(endpoint):
            st.button("Use the sample", key="use_sample", on_click=_reset, args=(body_key, endpoint))
        st.caption(reason or words.count(len((body or "").encode()), "byte"), width="content")
    return Request(body or "", target, is_sent)


def _target(endpoint: Endpoint, names: list[str]) -> str | None:
    key = f"target:{endpoint.name}"
    if st.session_state.get(key) not in {SPLIT, *names}:
        st.session_state[key] = SPLIT
    chosen = st.segmented_control(
        "Send to", [SPLIT, *names], key=key, required=True, persist_state="session", wrap=True
    )
    if chosen in (None, SPLIT):
        st.caption(f"Azure picks the deployment by the live split: {tables.split_words(endpoint.split)}.")
        return None
    st.caption(
        "Pinned by the header azureml-model-deployment. Such a request passes the split by and is never mirrored."
    )
    return chosen


def _sample(endpoint: Endpoint) -> str | None:
    folder = context.settings().samples_dir
    return sample_for(endpoint.name, folder if folder.is_absolute() else context.ROOT / folder)


def _format(key: str) -> None:
    text = st.session_state.get(key) or ""
    if check_json(text) is None:
        st.session_state[key] = formatted(text)


def _reset(key: str, endpoint: Endpoint) -> None:
    st.session_state[key] = _sample(endpoint) or "{}"


def _json_problem(text: str) -> str:
    if not text.strip():
        return "The payload is empty."
    found = check_json(text)
    return f"Not JSON in line {found.line}, column {found.column}: {found.message.rstrip('.')}." if found else ""


def _why_not(endpoint: Endpoint, names: list[str], permissions: Permissions) -> str:
    if not names:
        return "This endpoint has no deployment that could answer."
    if not permissions.can_score:
        return "Your role may not read this endpoint's key, so nothing can be sent."
    return "" if endpoint.scoring_uri else "This endpoint has no scoring URI yet."


def send_and_show(endpoint: Endpoint, deployments: Sequence[Deployment], request: Request) -> None:
    """Send when asked to, and draw the newest answer of this session.

    A click while an answer is awaited, or has come but was not shown yet, sends nothing: it is impatience, not a wish
    for a second request.
    """
    key = f"answer:{endpoint.name}"
    attempt: Attempt | None = st.session_state.get(key)
    if request.send and (attempt is None or attempt.is_shown):
        attempt = Attempt()
        conn = context.connection()
        with st.spinner("Waiting for the answer", show_time=True):
            # Streamlit may end this page run at its next call: from here to the answer there must be none.
            st.session_state[key] = attempt
            send_request(conn, endpoint, request, attempt)
    if attempt is not None and not attempt.is_over:
        _await(attempt)
        return
    outcome = attempt.outcome if attempt else None
    if attempt is not None:
        attempt.is_shown = True
    if outcome is None:
        st.html('<p class="label">Answer</p><p class="lead">Nothing sent yet. The answer appears here.</p>')
    elif isinstance(outcome, SluiceError):
        st.html('<p class="label">No answer</p>')
        problem.show(outcome, key="send")
    else:
        _answer(outcome, [each.name for each in deployments])


def send_request(conn: Connection, endpoint: Endpoint, request: Request, attempt: Attempt) -> None:
    """Send ``request`` and note in ``attempt`` what came of it."""
    try:
        attempt.outcome = send(conn, endpoint, ScoringRequest(request.body.encode(), deployment=request.deployment))
        _remember(endpoint, attempt.outcome)
    except SluiceError as error:
        # Its traceback and its cause hold the request with the key; the session keeps the words alone.
        error.__cause__ = error.__context__ = None
        attempt.outcome = error.with_traceback(None)
    finally:
        attempt.is_over = True


def _remember(endpoint: Endpoint, answer: Answer) -> None:
    """Keep what the answer says about a deployment, for the preflight of a change of traffic."""
    is_telling = 200 <= answer.status < 300 or is_server_error(str(answer.status))
    if answer.deployment is None or not is_telling:
        return
    deployment = f"{endpoint.id}/deployments/{answer.deployment}"
    try:
        context.test_log().record(deployment, datetime.now(UTC), answer.status, answer.total_ms, answer.model_ms)
    except SluiceError as error:
        # The answer is here and is shown; that it could not be kept must not hide it.
        _log.warning("A test request could not be kept: %s", error)


@st.fragment(run_every=_POLL_SECONDS)
def _await(attempt: Attempt) -> None:
    if attempt.is_over:
        st.rerun()
    st.html('<p class="label">Answer</p><p class="working" role="status">Waiting for the answer.</p>')


def _answer(answer: Answer, names: list[str]) -> None:
    tone = "good" if answer.status < 300 else "bad"
    st.html(
        f'<p class="label">Answer</p><p class="answer"><b class="tone {tone}">{answer.status}</b> '
        f"{escape(answer.meaning)}</p>"
    )
    palette = colours.of_deployments([*names, *([answer.deployment] if answer.deployment else [])])
    facts(
        [
            Fact("Answered by", answer.deployment or "not said", colour=palette.get(answer.deployment or "", "")),
            Fact("Total", words.milliseconds(answer.total_ms)),
            Fact("In the model", words.milliseconds(answer.model_ms) if answer.model_ms is not None else "not said"),
            Fact("Size", words.count(len(answer.body), "byte")),
        ]
    )
    language, body = _pretty(answer.text)
    st.code(
        body or "(empty body)", language=language, wrap_lines=True, height=320 if body.count("\n") > 14 else "content"
    )
    st.html('<p class="label">Request id</p>')
    st.code(answer.request_id or "none", language=None)
    with st.expander(f"Headers, {len(answer.headers)}"):
        st.code("\n".join(f"{name}: {value}" for name, value in answer.headers.items()), language=None, wrap_lines=True)


def _pretty(body: str) -> tuple[str | None, str]:
    if check_json(body) is not None:
        return None, body
    return "json", formatted(body)
