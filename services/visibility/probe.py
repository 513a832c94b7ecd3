"""Find out where an endpoint's mirrored requests are visible, and compare its metrics with its traffic log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.azure.connection import Connection
from services.metrics import settled_until
from services.model import Deployment, Endpoint, Window
from services.traffic.arrival import span
from services.traffic.counting import Minutes
from services.visibility.judging import (
    CONTAINER_LOG,
    DEPLOYMENT_METRICS,
    ENDPOINT_METRICS,
    NOT_YET_KNOWN,
    SOURCES,
    TRAFFIC_LOG,
    Seen,
    Source,
    judge,
)
from services.visibility.reading import Read, read_all
from services.visibility.reconciling import Reconciliation, reconcile

LOGS_SETTLE = timedelta(minutes=10)
"""Resource logs usually take 3 to 10 minutes (Azure Monitor, "Log data ingestion time")."""
COMPARED = timedelta(hours=1)
_METRICS = (DEPLOYMENT_METRICS, ENDPOINT_METRICS, CONTAINER_LOG)


@dataclass(frozen=True)
class Findings:
    """What was found out at ``at``. ``seen`` is empty without a mirror, else it has every source once."""

    at: datetime
    target: str | None
    seen: tuple[Seen, ...]
    reconciliation: Reconciliation


def probe(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    since: datetime | None,
    now: datetime,
    remembered: Mapping[str, str] | None = None,
) -> Findings:
    """Read all sources and judge them. A source that cannot be read is said to be so; nothing is raised for it.

    ``since`` is when the split took effect; None while that is not known, and then no source is judged.
    ``remembered``: source → the verdict that was reached before, for the reasons of differences.
    """
    start, end = span(since, now) if since is not None else (settled_until(now),) * 2
    until = settled_until(now - LOGS_SETTLE)
    window = Window(min(start, until - COMPARED), settled_until(now), 60)
    read = read_all(conn, endpoint, deployments, window)
    target = endpoint.split.mirror_target
    seen: tuple[Seen, ...] = ()
    if target is not None:
        seen = _seen(endpoint, target, read, start, end, until)
    verdicts = {**(remembered or {}), **{each.source: each.verdict for each in seen if each.verdict != NOT_YET_KNOWN}}
    names = [each.name for each in deployments]
    metrics, log = read[ENDPOINT_METRICS], read[TRAFFIC_LOG]
    return Findings(now, target, seen, reconcile(metrics, log, names, target, verdicts, until - COMPARED, until))


def _seen(
    endpoint: Endpoint, target: str, read: Mapping[str, Read], start: datetime, end: datetime, logs_end: datetime
) -> tuple[Seen, ...]:
    """All sources over the minutes that have settled in the logs too; what that leaves open, over all minutes."""
    percent = endpoint.split.mirror_percent
    sources = {name: _source(name, read[name], target) for name in SOURCES}
    slow = {each.source: each for each in judge(percent, list(sources.values()), start, max(start, min(end, logs_end)))}
    quick = {each.source: each for each in judge(percent, [sources[name] for name in _METRICS], start, end)}
    known = {name: one for name, one in slow.items() if one.verdict != NOT_YET_KNOWN}
    return tuple(known.get(name) or quick.get(name) or slow[name] for name in SOURCES)


def _source(name: str, read: Read, target: str) -> Source:
    live: dict[datetime, float] = {}
    for deployment, minutes in read.by_deployment.items():
        # What no deployment answered was never mirrored.
        if deployment and deployment != target.lower():
            for at, count in minutes.items():
                live[at] = live.get(at, 0.0) + count
    others: Minutes | None = None if name == CONTAINER_LOG else live
    return Source(name, read.by_deployment.get(target.lower(), {}), others, read.problem)
