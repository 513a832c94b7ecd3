"""What came of one request: the answer with all that it says, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.scoring.answer import Answer
from services.scoring.explanation import Explanation
from services.scoring.request import ScoringRequest
from ui import colours, problem, words
from ui.facts import Fact, facts


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
        problem.show(outcome, key=key)
        _explain(explanation)
        return
    tone = "good" if outcome.is_good else "bad"
    st.html(f'<p class="answer"><b class="tone {tone}">{outcome.status}</b> {escape(outcome.meaning)}</p>')
    palette = colours.of_deployments(
        {*(each.name for each in deployments), *([outcome.deployment] if outcome.deployment else [])}
    )
    facts(
        [
            Fact("Answered by", outcome.deployment or "not said", colour=palette.get(outcome.deployment or "", "")),
            Fact("Total", words.milliseconds(outcome.total_ms)),
            Fact("Sent", words.count(len(request.body), "byte")),
        ]
    )
    _explain(explanation)
    st.code(outcome.text or "(empty body)", language=None, wrap_lines=True)
    st.download_button("Download", outcome.body, file_name=f"{endpoint.name}-answer", key=f"download_answer:{key}")


def _explain(explanation: Explanation | None) -> None:
    if explanation is not None:
        st.html(f'<p class="note">{escape(explanation.cause)}</p>')
