"""The few numbers above the charts, from settled points alone. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from services.metrics import PERCENTILES, DeploymentMetrics
from services.metrics.series import minutes_of
from services.model import Window

_NOT_COUNTED: dict[str, Any] = {"requests": None, "server_error_percent": None, "client_error_percent": None}


@dataclass(frozen=True)
class KeyFigures:
    """One deployment over the settled part of a window; None means no data.

    ``requests`` is what Azure counted, ``per_minute`` the same over all minutes from the first point with data to the
    newest: a rate over the minutes with data alone would depend on the grain. Without totals (``is_exact`` is False)
    both are the most that can have been: Azure's mean leaves out the minutes without data, and a rare status counts too
    much among the others. ``newest`` holds each percentile of the newest settled point, which lies at ``newest_at``:
    percentiles of several points cannot be combined into one. ``mean`` holds the mean of each percentile's points,
    which is no percentile but can be compared with that of another period.
    """

    deployment: str
    requests: float | None
    per_minute: float | None
    server_error_percent: float | None
    client_error_percent: float | None
    newest: dict[str, float]
    newest_at: datetime | None
    is_exact: bool = True
    mean: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """How one deployment's figures differ from those of the period before; None where either period has no data.

    Requests and percentiles change by percent, the error rates by percentage points.
    """

    requests: float | None
    server_error_points: float | None
    client_error_points: float | None
    mean: dict[str, float]


def key_figures(data: DeploymentMetrics, deployment: str) -> KeyFigures:
    """The key figures of one deployment."""
    requests = _settled(data.requests, data, deployment)
    latency = _settled(data.latency, data, deployment)
    total, per_minute = _totals(requests, data.window)
    newest_at = latency["at"].max() if len(latency) else None
    newest = latency[latency["at"] == newest_at].set_index("percentile")["ms"] if newest_at is not None else {}
    return KeyFigures(
        deployment=deployment,
        requests=total,
        per_minute=per_minute,
        server_error_percent=_share(requests, data.statuses.is_server_error),
        client_error_percent=_share(requests, data.statuses.is_client_error),
        newest={name: float(newest[name]) for name in PERCENTILES if name in newest},
        newest_at=newest_at.to_pydatetime() if newest_at is not None else None,
        is_exact=data.is_counted,
        mean={str(name): float(value) for name, value in latency.groupby("percentile")["ms"].mean().items()},
    )


def changes(data: DeploymentMetrics, before: DeploymentMetrics, deployment: str) -> Changes:
    """What has changed since the period before, over equally long settled parts of both.

    What was read in part only is not compared: the part that is missing would be a change.
    """
    settled = data.settled_until - (data.window.start_at - before.window.start_at)
    now, then = key_figures(data, deployment), key_figures(replace(before, settled_until=settled), deployment)
    if data.requests_notes or before.requests_notes:
        now, then = replace(now, **_NOT_COUNTED), replace(then, **_NOT_COUNTED)
    if data.latency_notes or before.latency_notes:
        now, then = replace(now, mean={}), replace(then, mean={})
    return Changes(
        requests=_percent(now.requests, then.requests),
        server_error_points=_difference(now.server_error_percent, then.server_error_percent),
        client_error_points=_difference(now.client_error_percent, then.client_error_percent),
        mean={
            name: changed for name in now.mean if (changed := _percent(now.mean[name], then.mean.get(name))) is not None
        },
    )


def errors_together(rows: pd.DataFrame, data: DeploymentMetrics) -> pd.DataFrame:
    """Columns ``at``, ``deployment`` (empty), ``per_minute``: the failed requests in ``rows`` of all deployments.

    ``rows`` have ``at``, ``status`` and ``count`` and are of ``data``. A point without requests has no row; one without
    errors is 0.
    """
    failed = rows["count"].where(rows["status"].map(data.statuses.is_error).astype(bool), 0.0)
    sums = rows.assign(failed=failed)[rows["count"] > 0].groupby("at", as_index=False)[["failed"]].sum()
    minutes = [minutes_of(at.to_pydatetime(), data.window) for at in sums["at"]]
    return sums.assign(deployment="", per_minute=(sums["failed"] / minutes).astype("float64")).drop(columns="failed")


def error_rates(data: DeploymentMetrics) -> pd.DataFrame:
    """Columns ``at``, ``deployment``, ``kind`` (server, client), ``percent`` of the requests of that point.

    A point without requests has no row; one without errors is 0.
    """
    counts, seen = data.requests["count"], data.requests["status"]
    rows = data.requests.assign(
        server=counts.where(seen.map(data.statuses.is_server_error).astype(bool), 0.0),
        client=counts.where(seen.map(data.statuses.is_client_error).astype(bool), 0.0),
    )
    sums = rows.groupby(["at", "deployment"], as_index=False)[["count", "server", "client"]].sum()
    sums = sums[sums["count"] > 0]
    long = sums.melt(["at", "deployment", "count"], ["server", "client"], "kind", "percent")
    long["percent"] = 100 * long["percent"] / long["count"]
    return long.drop(columns="count")


def failing_statuses(data: DeploymentMetrics) -> list[str]:
    """Every status that counts as an error and was seen in the window, sorted."""
    seen = data.requests[data.requests["count"] > 0]["status"].unique()
    return sorted(status for status in seen if data.statuses.is_error(status))


def _settled(rows: pd.DataFrame, data: DeploymentMetrics, deployment: str) -> pd.DataFrame:
    return rows[(rows["deployment"] == deployment) & (rows["at"] < pd.Timestamp(data.settled_until))]


def _totals(requests: pd.DataFrame, window: Window) -> tuple[float | None, float | None]:
    if not len(requests):
        return None, None
    first, last = (at.to_pydatetime() for at in (requests["at"].min(), requests["at"].max()))
    minutes = (last - first).total_seconds() / 60 + minutes_of(last, window)
    total = float(requests["count"].sum())
    return total, total / minutes


def _percent(now: float | None, then: float | None) -> float | None:
    return None if now is None or not then else 100 * (now - then) / then


def _difference(now: float | None, then: float | None) -> float | None:
    return None if now is None or then is None else now - then


def _share(requests: pd.DataFrame, counts: Callable[[str], bool]) -> float | None:
    total = float(requests["count"].sum())
    if total <= 0:
        return None
    return 100 * float(requests[requests["status"].map(counts).astype(bool)]["count"].sum()) / total
