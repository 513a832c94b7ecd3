"""Platform metrics from Azure Monitor: the batch service first, one request per resource where that is not allowed.

The batch service has an address in each region, and wants the role Monitoring Reader on the whole subscription; many
people have it on a resource group only. What it refuses of a subscription in a region is not asked of it again for a
quarter of an hour: about as long as a new role takes to work everywhere.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineResponse
from azure.monitor.querymetrics import MetricsClient

from services.azure.connection import Connection, workspace
from services.azure.metric_answers import from_arm, from_batch, has_totals
from services.azure.slices import Kept, ask_each, is_settled, joined, missing, slices
from services.azure.translation import Call, translated, understood
from services.errors import NotFound, RuleBroken, ServiceFailed, SluiceError
from services.model import Series, Window

ENDPOINT_NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
DEPLOYMENT_NAMESPACE = ENDPOINT_NAMESPACE + "/deployments"

_ROLE = "Monitoring Reader"
_API_VERSION = "2024-02-01"
_MOST_RESOURCES = 50
"""Resources in one batch query (Azure Monitor metrics batch API)."""
_MOST_SERIES = 1000
"""Series in one answer. Azure's default is 10 and it drops the rest without a word."""
_FALLBACK_THREADS = 4
_REFUSED_SECONDS = 900.0
_REFUSALS = frozenset({400, 403, 404, 501})
_GRAINS = {
    60: "PT1M",
    300: "PT5M",
    900: "PT15M",
    1800: "PT30M",
    3600: "PT1H",
    21600: "PT6H",
    43200: "PT12H",
    86400: "P1D",
}
"""Time grains that Azure Monitor offers for platform metrics, in seconds and in ISO 8601."""
_MEAN = ("Average",)
"""The one aggregation that Azure documents for latencies and for requests."""
_SUMS = ("Average", "Count", "Total")
"""What a count is asked with: the mean of the minutes says nothing of how many there were."""
_NO_SUMS_SECONDS = 3600.0
"""How long it is remembered that Azure does not offer sums. Which aggregations a metric has changes hardly ever."""
_PART_FAILED = re.compile(r'"errorCode"\s*:\s*"(?!Success")(\w+)"')
"""One metric of an answer may fail on its own; the batch client does not keep its code."""
_SILENCE = "Azure answered, and named none of the metrics that it was asked for: what is missing here may exist."
"""A metric without data is named too. An answer without any is what the service gives when it is too busy, with 200."""
_KEPT = ("monitor", "kept")

GRAIN_SECONDS = tuple(_GRAINS)
"""The grains a Window may have, in seconds."""


@dataclass(frozen=True)
class Answer:
    """The series that Azure answered, and what is missing of them: whole sentences, none when all is there."""

    series: list[Series]
    notes: tuple[str, ...] = ()

    def whole(self) -> list[Series]:
        """The series when none is missing: for sums and verdicts that a part makes wrong. Raises ServiceFailed."""
        if self.notes:
            raise ServiceFailed("The metrics could not be read whole.", " ".join(self.notes), "Try again in a minute.")
        return self.series


@dataclass(frozen=True)
class _Question:
    """What is asked of each resource."""

    namespace: str
    metrics: tuple[str, ...]
    window: Window
    split_by: tuple[str, ...]
    aggregations: tuple[str, ...] = _MEAN


def read_metrics(
    conn: Connection,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    *,
    split_by: Sequence[str] = (),
    region: str = "",
) -> Answer:
    """``metrics`` of each resource per grain of ``window``, one Series per combination of the ``split_by`` values.

    All resources must be of the type ``namespace``, in one subscription, and in ``region``: the one of the connection's
    workspace when it is not given. Points without data are None, which is not 0; a resource that Azure does not know
    (any more) has no Series. Metrics of events and of what is there (:mod:`services.azure.metric_answers`) come with
    the totals of their points, unless Azure offers their means alone. A window of many points is asked for in pieces,
    and those of the past are kept for a while. A piece or a resource that fails is a note of the others' answer.
    Raises SluiceError.
    """
    if not resource_ids:
        return Answer([])
    question = _Question(namespace, tuple(metrics), window, tuple(split_by))
    now = conn.now()
    pieces = slices(window, now)
    if len(pieces) == 1:
        return _read(conn, resource_ids, question, region)
    kept = _kept(conn)

    def ask(piece: Window) -> Answer:
        key = (tuple(each.lower() for each in resource_ids), replace(question, window=piece))
        known = kept.get(key)
        if known is not None:
            return Answer(known)
        answer = _read(conn, resource_ids, replace(question, window=piece), region)
        if is_settled(piece, now) and not answer.notes:
            kept.put(key, answer.series)
        return answer

    answers = ask_each(pieces, ask)
    read = [each for each in answers if isinstance(each, Answer)]
    notes = dict.fromkeys([*missing(window, pieces, answers), *(note for each in read for note in each.notes)])
    return Answer(joined([each.series for each in read], window), tuple(notes))


def forget_kept(conn: Connection) -> None:
    """Ask for the pieces of the past again too."""
    conn.memory.pop(_KEPT, None)


def _kept(conn: Connection) -> Kept:
    found = conn.memory.setdefault(_KEPT, Kept())
    assert isinstance(found, Kept)
    return found


def _read(conn: Connection, resource_ids: Sequence[str], question: _Question, region: str) -> Answer:
    namespace, metrics = question.namespace, question.metrics
    if any(has_totals(metric) for metric in metrics):
        question = replace(question, aggregations=_SUMS)
    call = conn.call("The metrics could not be read.", _ROLE)
    address = batch_address(conn, region)
    refused = refusal_key(namespace, resource_ids[0], address)
    if conn.memory.get(refused, 0.0) <= time.monotonic():
        try:
            batched = partial(_batches, conn, address, resource_ids, call=call)
            return _with_sums_if_offered(conn, question, batched)
        except SluiceError as error:
            if getattr(error.__cause__, "status_code", None) not in _REFUSALS:
                raise
            conn.memory[refused] = time.monotonic() + _REFUSED_SECONDS
    return _with_sums_if_offered(conn, question, partial(_one_by_one, conn, resource_ids, call=call))


def _with_sums_if_offered(conn: Connection, question: _Question, ask: Callable[[_Question], Answer]) -> Answer:
    """The answer with totals and numbers of values; with the means alone, which are documented, when it is refused so.

    What is refused is remembered for a while, once it is known that the means alone are not.
    """
    if question.aggregations == _MEAN:
        return ask(question)
    modest = replace(question, aggregations=_MEAN)
    key = ("monitor", "sums refused", question.namespace, *question.metrics)
    if conn.memory.get(key, 0.0) > time.monotonic():
        return ask(modest)
    try:
        return ask(question)
    except RuleBroken:
        found = ask(modest)
        conn.memory[key] = time.monotonic() + _NO_SUMS_SECONDS
        return found


def refusal_key(namespace: str, resource_id: str, address: str) -> tuple[str, ...]:
    """Where a connection's memory says until when the batch service at ``address`` is not asked for such a resource."""
    subscription = "".join(resource_id.split("/")[2:3])
    return ("monitor", "batch refused", namespace, subscription.lower(), address)


def _batches(conn: Connection, address: str, resource_ids: Sequence[str], question: _Question, *, call: Call) -> Answer:
    """All resources, 50 at a time."""
    series: list[Series] = []
    failed: set[str] = set()
    is_silent = False

    def look(answer: PipelineResponse[Any, Any]) -> None:
        failed.update(_PART_FAILED.findall(answer.http_response.text()))

    client = _client(conn, address)
    call = replace(call, address=urlsplit(address).netloc)
    for first in range(0, len(resource_ids), _MOST_RESOURCES):
        with translated(call), understood(call):
            results = client.query_resources(
                resource_ids=list(resource_ids[first : first + _MOST_RESOURCES]),
                metric_namespace=question.namespace,
                metric_names=list(question.metrics),
                timespan=(question.window.start_at, question.window.end_at),
                granularity=timedelta(seconds=question.window.grain_seconds),
                aggregations=list(question.aggregations),
                filter=_filter(question.split_by),
                max_results=_MOST_SERIES if question.split_by else None,
                raw_response_hook=look,
            )
            for result in results:
                series.extend(from_batch(result))
            is_silent |= not any(result.metrics for result in results)
    return Answer(series, _notes(series, failed, is_silent=is_silent))


def _one_by_one(conn: Connection, resource_ids: Sequence[str], question: _Question, *, call: Call) -> Answer:
    """Each resource through Azure Resource Manager, a few at a time."""
    window = question.window
    params = {
        "timespan": f"{_zulu(window.start_at)}/{_zulu(window.end_at)}",
        "interval": _GRAINS[window.grain_seconds],
        "metricnames": ",".join(question.metrics),
        "aggregation": ",".join(question.aggregations),
        "metricnamespace": question.namespace,
    }
    if question.split_by:
        params |= {"$filter": str(_filter(question.split_by)), "top": str(_MOST_SERIES)}

    failed: set[str] = set()
    silent: list[str] = []

    def read(resource_id: str) -> list[Series] | SluiceError:
        path = f"{resource_id}/providers/Microsoft.Insights/metrics"
        try:
            reply = conn.send("GET", path, call, api_version=_API_VERSION, params=params)
        except NotFound:
            return []
        except RuleBroken:
            raise
        except SluiceError as error:
            return error
        with understood(call, reply.headers):
            codes = (str(metric.get("errorCode") or "Success") for metric in reply.body["value"])
            failed.update(code for code in codes if code != "Success")
            if not reply.body["value"]:
                silent.append(resource_id)
            return list(from_arm(resource_id, reply.body))

    with ThreadPoolExecutor(_FALLBACK_THREADS, thread_name_prefix="metrics") as pool:
        answers = list(pool.map(read, resource_ids))
    failures = [
        (each.rpartition("/")[2], answer)
        for each, answer in zip(resource_ids, answers, strict=True)
        if isinstance(answer, SluiceError)
    ]
    if len(failures) == len(resource_ids):
        raise failures[0][1]
    series = [one for found in answers if not isinstance(found, SluiceError) for one in found]
    unread = (f"{name} is missing: {error.why}" for name, error in failures)
    return Answer(series, (*dict.fromkeys(unread), *_notes(series, failed, is_silent=bool(silent))))


def _notes(series: Sequence[Series], failed: set[str], *, is_silent: bool) -> tuple[str, ...]:
    notes = [f"Azure answered only a part ({code}): what is missing here may exist." for code in sorted(failed)]
    if is_silent:
        notes.append(_SILENCE)
    lines = Counter((one.resource_id.lower(), one.metric) for one in series)
    if any(count >= _MOST_SERIES for count in lines.values()):
        notes.append(f"Azure was asked for {_MOST_SERIES:,} series and has more: the sums here are too small.")
    return tuple(notes)


def _client(conn: Connection, address: str) -> MetricsClient:
    """The batch client of a region, or of the address in the settings."""
    key = ("monitor", "client", address)
    client = conn.memory.get(key)
    if client is None:
        audience = f"https://{conn.cloud.metrics_domain}"
        client = MetricsClient(address, conn.credential, audience=audience, **conn.client_options)
        conn.memory[key] = client
    return client


def batch_address(conn: Connection, region: str) -> str:
    """Where the batch service is: in the settings, else in ``region``, else in the region of the workspace."""
    if conn.settings.metrics_endpoint:
        return conn.settings.metrics_endpoint
    if not region:
        key = ("monitor", "region", conn.workspace.address.lower())
        if key not in conn.memory:
            conn.memory[key] = workspace(conn).location
        region = str(conn.memory[key])
    return f"https://{region_name(region)}.{conn.cloud.metrics_domain}"


def region_name(region: str) -> str:
    """The short name of a region that a document may write for people: "West Europe" is "westeurope"."""
    return region.replace(" ", "").lower()


def _filter(split_by: Sequence[str]) -> str | None:
    return " and ".join(f"{dimension} eq '*'" for dimension in split_by) or None


def _zulu(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
