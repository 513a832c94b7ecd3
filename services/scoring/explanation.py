"""Why a request failed, what the numbers say, and what to do next: the card below a failed answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from services.azure.connection import Connection
from services.azure.endpoints import logs
from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.scoring.answer import Answer
from services.scoring.cards import card
from services.scoring.case import NOT_SAID, Case, Explanation, Place, ms
from services.scoring.container_log import Found, Wanted, find
from services.scoring.request import ScoringRequest
from services.scoring.timeouts import NoAnswer, NoAnswerInTime, no_answer, no_answer_in_time
from services.tracebacks import newest_error

__all__ = ["Explanation", "explain"]

_WITH_LOG = frozenset({408, 424, 502, 503, 504})
"""Statuses whose reason the container may know."""
_LOG_LINES = 1000
_CLOCKS = timedelta(seconds=5)
"""A server's clock that is further off than this is taken for the container's, too."""


def explain(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    request: ScoringRequest,
    outcome: Answer | SluiceError,
) -> Explanation | None:
    """What to show for ``outcome``; None for a good answer and for a failure whose own words say everything.

    A page of HTML where JSON was expected is no good answer, whatever its status. Reads the container log when it may
    hold the reason, which takes one request to Azure. Never raises a SluiceError.
    """
    if isinstance(outcome, NoAnswer):
        return no_answer(endpoint, outcome)
    if isinstance(outcome, NoAnswerInTime):
        place = Place(endpoint, deployments, request)
        now = datetime.now(UTC)
        wanted = Wanted(now - timedelta(milliseconds=outcome.waited_ms), now)
        return _with_log(conn, place, no_answer_in_time(place, outcome), wanted)
    if isinstance(outcome, SluiceError):
        return None
    case = Case(Place(endpoint, deployments, request, outcome.deployment), outcome)
    if outcome.is_good and not case.is_page:
        return None
    made = card(case)
    if outcome.status not in _WITH_LOG or (case.is_page and case.is_foreign):
        return made
    return _with_log(conn, case.place, made, wanted_lines(outcome))


def wanted_lines(answer: Answer) -> Wanted:
    """What to look for in the container log for ``answer``. Its time is the server's where the clocks differ much."""
    began = answer.started_at or datetime.now(UTC) - timedelta(milliseconds=answer.total_ms)
    ended = began + timedelta(milliseconds=answer.total_ms)
    said = _date(answer.headers.get("date", ""))
    if said is not None and not began - _CLOCKS <= said <= ended + _CLOCKS:
        began, ended = said - (ended - began), said
    status = answer.headers.get("ms-azureml-model-error-statuscode", "")
    ids = tuple(each for each in (answer.request_id, answer.client_request_id) if each)
    is_plain = status.isdigit() and "content-encoding" not in answer.headers and not answer.is_cut
    return Wanted(began, ended, ids, int(status) if is_plain else None, len(answer.body) if is_plain else None)


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def _with_log(conn: Connection, place: Place, made: Explanation, wanted: Wanted) -> Explanation:
    name = place.name
    if name is None:
        return replace(made, log_note="The answer does not say which deployment took it, so no log was read.")
    try:
        text = logs(conn, place.endpoint.name, name, _LOG_LINES)
    except SluiceError as error:
        return replace(made, log_note=f"The log of {name} could not be read. {error.why}")
    found = find(text, wanted)
    made = replace(made, log_lines=found.lines, log_note=f"Container log of {name}. {found.note}")
    return _with_times(_with_words(made, found), found)


def _with_words(made: Explanation, found: Found) -> Explanation:
    """Let the script say itself what went wrong."""
    said = newest_error(found.lines) if found.is_own else None
    return replace(made, cause=f"{made.cause} It says: {said.splitlines()[-1]}") if said else made


def _with_times(made: Explanation, found: Found) -> Explanation:
    """Fill in the model's time from the log where the answer does not say it."""
    numbers = dict(made.numbers)
    if numbers.get("Model time") != NOT_SAID:
        return made
    if found.model_ms is not None:
        numbers["Model time"] = f"{ms(found.model_ms)} (log)"
    elif found.newest_ms:
        numbers["Newest model times in the log"] = ", ".join(ms(each) for each in found.newest_ms)
    return replace(made, numbers=tuple(numbers.items()))
