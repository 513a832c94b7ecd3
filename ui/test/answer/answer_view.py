"""What came of one request: the answer with all that it says, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from http import HTTPStatus

import streamlit as st

from services import quantities
from services.errors import SluiceError, Stopped
from services.model import Deployment, Endpoint
from services.scoring.answer import Answer
from services.scoring.explanation import Explanation
from services.scoring.request import ScoringRequest
from ui import colours, problem, words
from ui.facts import Fact, facts
from ui.logs import request_links
from ui.logs.request_links import Told
from ui.test.answer import answer_body, failure_card, timing_bar


def show(
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    request: ScoringRequest,
    outcome: Answer | SluiceError,
    explanation: Explanation | None,
    key: str,
) -> None:
    """Draw the outcome of ``request``. ``key`` tells its controls apart from those of other answers on the page."""
    if isinstance(outcome, SluiceError):
        _no_answer(outcome, explanation, key)
        return
    st.html(status_line(outcome, is_explained=explanation is not None))
    facts(_facts(deployments, request, outcome))
    if outcome.is_cut:
        kept = quantities.size(len(outcome.body))
        st.html(f'<p class="note">The answer was longer than what is kept of it. Its first {kept} are here.</p>')
    told = Told(outcome.started_at, outcome.total_ms, outcome.deployment or "", outcome.request_id or "")
    if explanation is not None:
        failure_card.show(explanation)
        request_links.show(endpoint, told, key=key)
    answer_body.show(outcome, f"{endpoint.name}-{outcome.deployment or 'answer'}", key)
    timing_bar.show(outcome.timing, outcome.model_ms)
    _ids(outcome)
    if explanation is None:
        request_links.show(endpoint, told, key=key)
    _headers(outcome)


def status_line(answer: Answer, *, is_explained: bool) -> str:
    """The status as HTML: its number, its name in HTTP, and its meaning here unless a card says that."""
    tone = "good" if answer.is_good else "bad"
    try:
        name = HTTPStatus(answer.status).phrase
    except ValueError:
        name = "no standard status"
    meaning = "" if is_explained else f" {escape(answer.meaning)}"
    return f'<p class="answer"><b class="tone {tone}">{answer.status}</b> <b>{escape(name)}</b>{meaning}</p>'


def _no_answer(error: SluiceError, explanation: Explanation | None, key: str) -> None:
    if isinstance(error, Stopped):
        st.html(f'<p class="notice" role="status">{escape(f"{error.what} {error.why}")}</p>')
    elif explanation is not None:
        failure_card.show(explanation)
    else:
        problem.show(error, key=key)


def _facts(deployments: Sequence[Deployment], request: ScoringRequest, answer: Answer) -> list[Fact]:
    by = answer.deployment
    palette = colours.of_deployments({*(each.name for each in deployments), *([by] if by else [])})
    found = [
        Fact("Answered by", by or "not said", colour=palette[by] if by else ""),
        Fact("Total", words.milliseconds(answer.total_ms)),
        Fact("In the model", words.milliseconds(answer.model_ms) if answer.model_ms is not None else "not said"),
        Fact("Sent", quantities.size(len(request.body))),
        Fact("Received", quantities.size(len(answer.body)) + (" and more" if answer.is_cut else "")),
    ]
    if answer.attempts > 1:
        found.append(Fact("Attempts", f"{answer.attempts}, the first key was not accepted"))
    return found


def _ids(answer: Answer) -> None:
    ids = {"x-request-id": answer.request_id, "x-ms-client-request-id": answer.client_request_id}
    st.html('<p class="label">Request ids</p>')
    st.code(_lines({name: value for name, value in ids.items() if value}) or "not said", language=None, wrap_lines=True)


def _headers(answer: Answer) -> None:
    label = f"Headers, {len(answer.headers)}"
    if answer.trailers:
        label += f", and {words.count(len(answer.trailers), 'trailer')}"
    with st.expander(label):
        st.code(_lines(answer.headers) or "none", language=None, wrap_lines=True)
        if answer.trailers:
            st.html('<p class="label">Trailers, which came after the body</p>')
            st.code(_lines(answer.trailers), language=None, wrap_lines=True)


def _lines(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in pairs.items())
