"""From the draft to requests on their way: one press of Send begins one series, an impatient second press none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import SystemRandom

import streamlit as st

from services.model import Deployment, Endpoint
from services.payloads import variables
from services.payloads.consent import Consent
from services.scoring.answer import Answer
from services.scoring.request import ScoringRequest
from services.statuses import StatusSets
from ui import context, readers
from ui.test.send.attempts import Attempt, Series, Surroundings
from ui.test.send.draft import SPLIT, Draft

DOUBLE_CLICK_SECONDS = 0.6
"""The same request again within this time is the second half of a double click."""
QUICK_SECONDS = 0.4
"""So long is waited for the answers before the page says that it waits: most are there by then."""


@dataclass(frozen=True)
class _Begun:
    series: Series
    at: float


def series_of(endpoint: Endpoint) -> Series | None:
    """What was sent last in this session, None when nothing was."""
    begun = _begun(endpoint)
    return begun.series if begun else None


def requests_of(made: Draft) -> tuple[ScoringRequest, ...]:
    """One request for each target of the draft, with its variables as they stand."""
    return tuple(
        ScoringRequest(
            made.bytes, made.content_type, made.headers, None if target == SPLIT else target, made.timeout_seconds
        )
        for target in made.targets
    )


def begin(
    endpoint: Endpoint, deployments: Sequence[Deployment], made: Draft, clock: Callable[[], float] = time.monotonic
) -> bool:
    """Send the draft, and say whether that was done. Raises SluiceError when nothing can be read or kept here.

    Nothing is sent while answers are awaited, or have come but were not shown yet, nor for a double click.
    """
    series = Series(made.targets, requests_of(made), made.repeat)
    before, now = _begun(endpoint), clock()
    if before is not None:
        is_same = before.series.requests == series.requests
        is_impatient = not before.series.is_over or not before.series.is_shown
        if is_impatient or (is_same and now - before.at < DOUBLE_CLICK_SECONDS):
            return False
    around = _surroundings(endpoint, deployments, made)
    st.session_state[_key(endpoint)] = _Begun(series, now)
    series.start(around)
    series.over.wait(QUICK_SECONDS)
    return True


def _begun(endpoint: Endpoint) -> _Begun | None:
    found: _Begun | None = st.session_state.get(_key(endpoint))
    return found


def _key(endpoint: Endpoint) -> str:
    return f"sent:{endpoint.id}"


def _surroundings(endpoint: Endpoint, deployments: Sequence[Deployment], made: Draft) -> Surroundings:
    # The threads know no session: everything is taken out of it here.
    values, rng = context.library().variables(endpoint.id), SystemRandom()

    def fill(request: ScoringRequest) -> ScoringRequest:
        return variables.filled(request, values, now=datetime.now(UTC), rng=rng)

    conn, _, _ = readers.key(endpoint.workspace_ref)
    return Surroundings(conn, endpoint, tuple(deployments), fill, _keeper(endpoint, made.payload))


def _keeper(endpoint: Endpoint, payload: str) -> Callable[[Attempt], None]:
    history, log, person = context.history(), context.test_log(), context.person()
    statuses = context.settings().statuses
    keeps_bodies = Consent(context.store()).keeps_bodies(person)

    def keep(attempt: Attempt) -> None:
        answer = attempt.outcome
        if answer is None:
            return
        if isinstance(answer, Answer) and answer.deployment and _is_telling(answer, statuses):
            deployment = f"{endpoint.id}/deployments/{answer.deployment}"
            log.record(deployment, datetime.now(UTC), answer.status, answer.total_ms, answer.model_ms)
        history.record(
            endpoint.id, person, attempt.request, answer, at=attempt.at, payload=payload, keep_bodies=keeps_bodies
        )

    return keep


def _is_telling(answer: Answer, statuses: StatusSets) -> bool:
    """Whether the answer says something about the deployment, for the preflight of a change of traffic."""
    return answer.is_good or statuses.is_server_error(str(answer.status))
