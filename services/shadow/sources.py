"""What each source has of an endpoint's requests: all are read at the same time, and one that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from services.azure.connection import Connection
from services.azure.diagnostics import CONSOLE, TRAFFIC, are_sent
from services.azure.monitor import DEPLOYMENT_NAMESPACE, ENDPOINT_NAMESPACE, read_metrics
from services.errors import SluiceError
from services.metrics import RATE, counts
from services.model import Deployment, Endpoint, Window
from services.shadow import console_rows, traffic_rows
from services.shadow.cells import Cells, Collector
from services.shadow.choosing import LOGS, Choice, Mirror, Survey, choose
from services.shadow.model import Pair
from services.statuses import StatusSets
from services.visibility.judging import CONSOLE_LOG, DEPLOYMENT_METRICS, ENDPOINT_METRICS, TRAFFIC_LOG

CATEGORIES = {TRAFFIC_LOG: TRAFFIC, CONSOLE_LOG: CONSOLE}
"""The log category of each log."""
_METRICS = {
    DEPLOYMENT_METRICS: (DEPLOYMENT_NAMESPACE, ("envoy_response_code",), "envoy_response_code"),
    ENDPOINT_METRICS: (
        ENDPOINT_NAMESPACE,
        ("deployment", "statusCode", "statusCodeClass", "modelStatusCode"),
        "statuscode",
    ),
}
"""Source → namespace, every dimension (an average over fewer is a mean over the rest), and the status among them."""


@dataclass(frozen=True)
class Seen:
    """What all sources have, and which of them can be used. ``counted`` are the metrics, minute by minute; ``failures``
    are of those that could not be read."""

    surveys: Mapping[str, Survey]
    counted: Mapping[str, Cells]
    failures: Mapping[str, SluiceError]
    choice: Choice

    def is_usable(self, source: str) -> bool:
        """Whether ``source`` has the requests of both arms."""
        return source in self.surveys and source not in self.choice.refused


def look(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    pair: Pair,
    window: Window,
    mirror: Mirror | None,
    now: datetime,
    statuses: StatusSets,
) -> Seen:
    """What the sources have in ``window``, whose points are minutes. Raises SluiceError when none can be read.

    Logs are looked at up to ``now``: rows of later minutes show that those of earlier ones are there. ``statuses`` say
    what is an error.
    """
    span = window.start_at, max(now, window.end_at)
    own = [each for each in deployments if each.endpoint == endpoint.name]
    asked: dict[str, Callable[[], Cells | Survey]] = {
        **{name: partial(_counted, conn, endpoint, own, window, name, statuses) for name in _METRICS},
        TRAFFIC_LOG: partial(traffic_rows.survey, conn, endpoint, span),
        CONSOLE_LOG: partial(console_rows.survey, conn, endpoint, span),
    }
    with ThreadPoolExecutor(len(asked), thread_name_prefix="shadow") as pool:
        answers = dict(zip(asked, pool.map(_safely, asked.values()), strict=True))
    failures = {name: answer for name, answer in answers.items() if isinstance(answer, SluiceError)}
    if len(failures) == len(answers):
        raise failures[DEPLOYMENT_METRICS]
    surveys = {name: _survey(conn, endpoint, name, answer) for name, answer in answers.items()}
    counted = {name: answer for name, answer in answers.items() if isinstance(answer, Cells)}
    return Seen(surveys, counted, failures, choose(list(surveys.values()), pair, mirror))


def _safely(read: Callable[[], Cells | Survey]) -> Cells | Survey | SluiceError:
    try:
        return read()
    except SluiceError as error:
        return error


def _survey(conn: Connection, endpoint: Endpoint, name: str, answer: Cells | Survey | SluiceError) -> Survey:
    if isinstance(answer, SluiceError):
        request = f" Request id {answer.request_id}." if answer.request_id else ""
        return Survey(name, {}, answer.why + request)
    if isinstance(answer, Cells):
        return Survey(name, answer.requests())
    if answer.requests or name not in LOGS:
        return answer
    try:
        if are_sent(conn, endpoint, CATEGORIES[name]):
            return answer
    except SluiceError as error:
        return replace(answer, problem=error.why)
    why = f"No diagnostic setting sends the category {CATEGORIES[name]} to Log Analytics."
    return replace(answer, problem=why, is_sent=False)


def _counted(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    window: Window,
    source: str,
    statuses: StatusSets,
) -> Cells:
    """Requests and errors per minute, as one of the two metrics counts them. Raises SluiceError."""
    namespace, split_by, status = _METRICS[source]
    names = {each.id.lower(): each.name for each in deployments}
    ids = list(names) if source == DEPLOYMENT_METRICS else [endpoint.id]
    answer = read_metrics(conn, ids, namespace, [RATE], window, split_by=split_by, region=endpoint.location)
    gathered = Collector()
    for one in answer.whole():
        name = names.get(one.resource_id.lower(), one.dimensions.get("deployment", ""))
        said = one.dimensions.get(status, "")
        for at, number in counts(one, window):
            gathered.add(
                name,
                at,
                None,
                number,
                has_failed=statuses.is_server_error(said),
                is_refused=statuses.is_client_error(said),
            )
    return gathered.cells()
