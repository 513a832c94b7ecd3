"""The metrics of an endpoint whole: with the deployments that were deleted within the time that is looked at.

A deployment takes its own metrics along when it is deleted. The endpoint's metrics keep what it answered, so it is
drawn from those, under a name that says so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import pandas as pd

from services.azure import endpoints
from services.azure.connection import Connection
from services.azure.monitor import ENDPOINT_NAMESPACE, read_metrics
from services.errors import SluiceError
from services.metrics.groups import GroupData
from services.metrics.outcomes import Outcomes, endpoint_outcomes
from services.metrics.series import PERCENTILES, DeploymentMetrics, deployment_metrics, points, with_rates
from services.metrics.windows import SETTLE_SECONDS, settled_until, whole_point
from services.model import Deployment, Endpoint, Window

_DELETED = " (deleted)"
_KNOWN_SECONDS = 300.0
"""How long it is remembered that Azure does not list a deployment."""


@dataclass(frozen=True, kw_only=True)
class EndpointMetrics(DeploymentMetrics):
    """What the deployments of an endpoint did, and how its requests ended.

    ``gone`` are the deployments that answered requests in the window and exist no more, as they are called in
    ``latency``, ``requests`` and ``outcomes``: ``red (deleted)``. Their numbers come from the endpoint's metrics.
    """

    outcomes: Outcomes
    gone: tuple[str, ...] = ()


def endpoint_metrics(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    window: Window,
    now: datetime | None = None,
    *,
    lag_seconds: int = SETTLE_SECONDS,
    with_refused: bool = True,
) -> EndpointMetrics:
    """:func:`deployment_metrics` with the outcomes and the deleted deployments of ``endpoint``. Raises SluiceError.

    ``lag_seconds`` is how long minutes change. Requests that were refused before a deployment was chosen cost a
    question of their own, and are left out without ``with_refused``.
    """
    settled = whole_point(settled_until(now or window.end_at, lag_seconds), window.grain_seconds)
    with ThreadPoolExecutor(1, thread_name_prefix="metrics") as pool:
        outcomes = pool.submit(endpoint_outcomes, conn, endpoint, window, settled if with_refused else None)
        data = deployment_metrics(conn, endpoint, deployments, window, now)
        ended = outcomes.result()
    gone = _gone(conn, endpoint, deployments, ended)
    if not gone:
        return EndpointMetrics(**_fields(data), outcomes=ended)
    labels = {name: name + _DELETED for name in gone}
    ended = replace(ended, rows=ended.rows.assign(deployment=ended.rows["deployment"].replace(labels)))
    data = replace(
        data,
        requests=_with_requests(data, ended, [*labels.values()]),
        is_counted=data.is_counted and ended.is_counted,
        requests_notes=(*data.requests_notes, *(each for each in ended.notes if each not in data.requests_notes)),
    )
    data = _with_latency(conn, endpoint, data, labels)
    return EndpointMetrics(**_fields(data), outcomes=ended, gone=tuple(labels.values()))


def in_group(group: GroupData, gone: Sequence[str]) -> GroupData:
    """The charts of ``group`` with the deleted deployments under their names of :attr:`EndpointMetrics.gone`. Pure."""
    labels = {each.removesuffix(_DELETED): each for each in gone}
    if not labels:
        return group
    return replace(
        group,
        panels=tuple(
            replace(each, rows=each.rows.assign(deployment=each.rows["deployment"].replace(labels)))
            for each in group.panels
        ),
    )


def _fields(data: DeploymentMetrics) -> dict[str, Any]:
    return {each.name: getattr(data, each.name) for each in fields(data)}


def _gone(conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], ended: Outcomes) -> tuple[str, ...]:
    """The names that answered requests and that Azure does not list."""

    def unknown(listed: Sequence[Deployment]) -> list[str]:
        known = {each.name.lower() for each in listed if each.endpoint == endpoint.name} | {""}
        seen = ended.rows.loc[ended.rows["count"] > 0, "deployment"].unique()
        return sorted(str(name) for name in seen if str(name).lower() not in known)

    missing = unknown(deployments)
    place = ("metrics", "gone", endpoint.id.lower())
    until, known_gone = conn.memory.get(place, (0.0, frozenset()))
    if known_gone.issuperset(missing) and time.monotonic() < until:
        return tuple(missing)
    if not missing:
        return ()
    # A deployment that is new answers before the page's list has it.
    try:
        found = unknown(endpoints.list_deployments(conn, endpoint.name))
    except SluiceError:
        return tuple(missing)
    conn.memory[place] = (time.monotonic() + _KNOWN_SECONDS, frozenset(found))
    return tuple(found)


def _with_requests(data: DeploymentMetrics, ended: Outcomes, labels: Sequence[str]) -> pd.DataFrame:
    mine = ended.rows[ended.rows["deployment"].isin(labels)]
    sums = mine.groupby(["at", "deployment", "status"], as_index=False)[["count"]].sum()
    rows = pd.concat([data.requests.drop(columns="per_minute"), sums], ignore_index=True)
    return with_rates(rows.sort_values(["at", "deployment", "status"], ignore_index=True), data.window)


def _with_latency(
    conn: Connection, endpoint: Endpoint, data: DeploymentMetrics, labels: dict[str, str]
) -> DeploymentMetrics:
    wanted = [f"RequestLatency_{percentile}" for percentile in PERCENTILES]
    try:
        answer = read_metrics(
            conn,
            [endpoint.id],
            ENDPOINT_NAMESPACE,
            wanted,
            data.window,
            split_by=("deployment",),
            region=endpoint.location,
        )
    except SluiceError as error:
        missing = f"{', '.join(labels.values())}: {error.what} {error.why}"
        return replace(data, latency_notes=(*data.latency_notes, missing))
    rows = [
        (at, labels[name], one.metric.rsplit("_", 1)[-1].upper(), value)
        for one in answer.series
        if (name := one.dimensions.get("deployment", "")) in labels
        for at, value in points(one)
    ]
    added = pd.DataFrame(rows, columns=data.latency.columns)
    added["at"] = pd.to_datetime(added["at"], utc=True)
    added["ms"] = added["ms"].astype("float64")
    latency = pd.concat([data.latency, added], ignore_index=True) if len(data.latency) else added
    return replace(
        data,
        latency=latency.sort_values(["at", "deployment", "percentile"], ignore_index=True),
        latency_notes=(*data.latency_notes, *answer.notes),
    )
