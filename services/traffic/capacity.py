"""What the deployments of an endpoint have shown of themselves in Azure Monitor: instances, answers, time per request.

Everything is keyed by deployment name. Functions that read raise SluiceError.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, read_metrics
from services.metrics import counts, points
from services.model import Deployment, Series, Window
from services.traffic import queueing

ANSWERED_DAYS = 7
_PERCENTS = (50, 90, 95, 99)
_QUIET_LOAD = 0.2
"""Share of its time that a deployment may work in a minute whose latency is taken for its service time. At 0.2 the mean
wait in an M/M/1 queue is a quarter of a service time, and less with more servers."""
_IS_READY = {"ready": True, "notready": False}


@dataclass(frozen=True)
class Quiet:
    """The mean latency of a deployment in minutes in which hardly anything waited."""

    mean_seconds: float
    minutes: int


def ready_instances(conn: Connection, deployments: Sequence[Deployment], window: Window) -> dict[str, int]:
    """How many instances were ready in the newest minute that is known, for deployments where that is known.

    Azure does not document the values of the dimension State; a deployment with one that is not known here is left out.
    """
    split_by = ("instanceId", "State")
    found = _read(conn, deployments, ["DeploymentCapacity"], window, split_by)
    return {name: count for name, series in found.items() if (count := _ready(series)) is not None}


def have_answered(conn: Connection, deployments: Sequence[Deployment], now: datetime) -> dict[str, bool]:
    """Whether any request of the last 7 days was answered 2xx, copies included."""
    start = (now - timedelta(days=ANSWERED_DAYS)).replace(minute=0, second=0, microsecond=0)
    window = Window(start, now.replace(second=0, microsecond=0), 3600)
    found = _read(conn, deployments, ["RequestsPerMinute"], window, ("envoy_response_code",))
    return {
        each.name: any(
            series.dimensions.get("envoy_response_code", "").startswith("2")
            and any(value for _, value in points(series))
            for series in found.get(each.name, ())
        )
        for each in deployments
    }


def quiet_times(conn: Connection, deployments: Sequence[Deployment], window: Window) -> dict[str, Quiet]:
    """The service time that latencies of quiet minutes show, for deployments that had any."""
    metrics = [f"RequestLatency_P{percent}" for percent in _PERCENTS]
    latency = _read(conn, deployments, metrics, window)
    rates = _read(conn, deployments, ["RequestsPerMinute"], window, ("envoy_response_code",))
    found = {
        each.name: _quiet(each, latency.get(each.name, ()), rates.get(each.name, ()), window) for each in deployments
    }
    return {name: quiet for name, quiet in found.items() if quiet}


def mean_of_percentiles(p50: float, p90: float, p95: float, p99: float) -> float:
    """The mean of a distribution of which four percentiles are known, drawn as straight lines between them. Pure.

    Below the median it is taken to be as wide as up to the 90th percentile, but not below 0; above the 99th it stays
    there. An exponential distribution comes out 10 % too high, a constant one exact.
    """
    lowest = max(0.0, 2 * p50 - p90)
    corners = ((0.0, lowest), (0.5, p50), (0.9, p90), (0.95, p95), (0.99, p99), (1.0, p99))
    return sum((b - a) * (low + high) / 2 for (a, low), (b, high) in pairwise(corners))


def _quiet(deployment: Deployment, latency: Sequence[Series], rates: Sequence[Series], window: Window) -> Quiet | None:
    by_percent: dict[str, Mapping[datetime, float]] = {
        series.metric.rpartition("_")[2].upper(): dict(points(series)) for series in latency
    }
    if any(f"P{percent}" not in by_percent for percent in _PERCENTS):
        return None
    per_minute: defaultdict[datetime, float] = defaultdict(float)
    for series in rates:
        for at, number in counts(series, window):
            per_minute[at] += number
    servers = queueing.servers(
        max(1, deployment.instance_count), deployment.max_concurrent_requests, deployment.worker_count
    )
    weighted, requests, minutes = 0.0, 0.0, 0
    for at, number in per_minute.items():
        values = [by_percent[f"P{percent}"].get(at) for percent in _PERCENTS]
        known = [value for value in values if value is not None]
        if len(known) < len(values) or not number:
            continue
        mean = mean_of_percentiles(*known) / 1000
        if number / 60 * mean / servers <= _QUIET_LOAD:
            weighted, requests, minutes = weighted + number * mean, requests + number, minutes + 1
    return Quiet(weighted / requests, minutes) if requests else None


def _ready(found: Iterable[Series]) -> int | None:
    newest: dict[str, dict[str, tuple[datetime, float]]] = defaultdict(dict)
    for series in found:
        last = max(points(series), default=None)
        if last and last[1]:
            state = series.dimensions.get("state", "").replace(" ", "").lower()
            newest[series.dimensions.get("instanceid", "")][state] = last
    latest = max((last[0] for states in newest.values() for last in states.values()), default=None)
    total = 0.0
    for states in newest.values():
        at = max(last[0] for last in states.values())
        current = {state: last for state, last in states.items() if last[0] == at}
        if any(state not in _IS_READY for state in current):
            return None
        # An instance that was both in its newest minute has changed; the worse is taken. One that is gone is not there.
        if at == latest and all(_IS_READY[state] for state in current):
            total += sum(value for _, value in current.values())
    return round(total) if latest else None


def _read(
    conn: Connection,
    deployments: Sequence[Deployment],
    metrics: Sequence[str],
    window: Window,
    split_by: Sequence[str] = (),
) -> dict[str, list[Series]]:
    names = {each.id.lower(): each.name for each in deployments}
    found: dict[str, list[Series]] = {}
    if names:
        ids = [each.id for each in deployments]
        for series in read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, metrics, window, split_by=split_by).whole():
            if series.resource_id.lower() in names:
                found.setdefault(names[series.resource_id.lower()], []).append(series)
    return found
