"""Latency and requests of deployments over time, as tidy frames for charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from services.azure.connection import Connection
from services.azure.monitor import DEPLOYMENT_NAMESPACE, Answer, read_metrics
from services.errors import SluiceError
from services.metrics.windows import settled_until, whole_point
from services.model import Deployment, Endpoint, Series, Window
from services.statuses import DEFAULT_SETS, StatusSets

PERCENTILES = ("P50", "P90", "P95", "P99")
RATE = "RequestsPerMinute"
P95 = "RequestLatency_P95"
_DEPLOYMENT_SPLIT = ("envoy_response_code",)


@dataclass(frozen=True)
class DeploymentMetrics:
    """What the deployments of an endpoint did in ``window``.

    ``latency``: columns ``at`` (datetime, UTC), ``deployment``, ``percentile`` (P50, P90, P95, P99), ``ms``.
    ``requests``: columns ``at``, ``deployment``, ``status`` (HTTP status as text), ``count`` (requests in the point),
    ``per_minute`` (the same over the minutes of the point that lie in the window).
    A point without data has no row. Points at or after ``settled_until`` may still change.
    ``is_counted``: ``count`` is what Azure says. Where it tells means alone, a point of several minutes counts as if
    each of its minutes had had the mean, which leaves out those without data: the most that can have been.
    Latency and requests are two questions to Azure: ``…_problem`` is why one got no answer, ``…_notes`` say what is
    missing of an answer. ``statuses`` says which of them count as errors. ``reading`` names the reading: two of one
    name hold the same numbers; without a name nothing is known of that.
    """

    latency: pd.DataFrame
    requests: pd.DataFrame
    window: Window
    settled_until: datetime
    latency_problem: SluiceError | None = None
    requests_problem: SluiceError | None = None
    latency_notes: tuple[str, ...] = ()
    requests_notes: tuple[str, ...] = ()
    is_counted: bool = True
    statuses: StatusSets = DEFAULT_SETS
    reading: str = ""


def deployment_metrics(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    window: Window,
    now: datetime | None = None,
) -> DeploymentMetrics:
    """Latency percentiles and requests by status of each deployment of ``endpoint``.

    ``now`` decides what is settled; without it the window ends now. Raises SluiceError when neither could be read.
    """
    names = {found.id.lower(): found.name for found in deployments if found.endpoint == endpoint.name}
    percentiles = [f"RequestLatency_{percentile}" for percentile in PERCENTILES]
    with ThreadPoolExecutor(2, thread_name_prefix="metrics") as pool:
        asked = [
            pool.submit(_answer, conn, endpoint, list(names), metrics, split, window)
            for metrics, split in ((percentiles, ()), ([RATE], _DEPLOYMENT_SPLIT))
        ]
        (latency, latency_problem), (rates, requests_problem) = (each.result() for each in asked)
    if latency_problem and requests_problem:
        raise latency_problem
    mine = [one for one in rates.series if one.resource_id.lower() in names]
    return DeploymentMetrics(
        latency=tidy(
            ("at", "deployment", "percentile", "ms"),
            (
                (at, names[one.resource_id.lower()], one.metric.rsplit("_", 1)[-1].upper(), value)
                for one in latency.series
                if one.resource_id.lower() in names
                for at, value in points(one)
            ),
        ),
        requests=_requests(
            (
                (at, names[one.resource_id.lower()], one.dimensions.get("envoy_response_code", ""), number)
                for one in mine
                for at, number in counts(one, window)
            ),
            window,
        ),
        window=window,
        settled_until=whole_point(settled_until(now or window.end_at), window.grain_seconds),
        latency_problem=latency_problem,
        requests_problem=requests_problem,
        latency_notes=latency.notes,
        requests_notes=rates.notes,
        is_counted=window.grain_seconds == 60 or all(has_totals(one) for one in mine),
        statuses=conn.settings.statuses,
    )


def _answer(
    conn: Connection,
    endpoint: Endpoint,
    ids: Sequence[str],
    metrics: Sequence[str],
    split: Sequence[str],
    window: Window,
) -> tuple[Answer, SluiceError | None]:
    try:
        found = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, metrics, window, split_by=split, region=endpoint.location)
    except SluiceError as error:
        return Answer([]), error
    return found, None


def read_deployments(
    conn: Connection, endpoint: Endpoint, ids: Sequence[str], percentiles: Sequence[str], window: Window
) -> tuple[list[Series], list[Series]]:
    """Latency percentiles, and requests per minute by status, of the deployments in ``ids``.

    Raises SluiceError, also when Azure answers only a part.
    """
    wanted = [f"RequestLatency_{percentile}" for percentile in percentiles]
    region = endpoint.location
    latency = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, wanted, window, region=region)
    rates = read_metrics(conn, ids, DEPLOYMENT_NAMESPACE, [RATE], window, split_by=_DEPLOYMENT_SPLIT, region=region)
    return latency.whole(), rates.whole()


def points(series: Series) -> list[tuple[datetime, float]]:
    """The points of ``series`` that have data: a number that is one, neither NaN nor infinite."""
    pairs = zip(series.times, series.values, strict=True)
    return [(at, value) for at, value in pairs if value is not None and math.isfinite(value)]


def counts(series: Series, window: Window) -> list[tuple[datetime, float]]:
    """The number of events in each point that has data: what Azure says, else the mean of all its minutes.

    ``window`` is what ``series`` was read for. For metrics that count per minute.
    """
    totals = series.totals or (None,) * len(series.times)
    known = {at: total for at, total in zip(series.times, totals, strict=True) if total is not None}
    return [(at, known[at] if at in known else mean * minutes_of(at, window)) for at, mean in points(series)]


def has_totals(series: Series) -> bool:
    """Whether Azure says the number of events of every point that has data."""
    pairs = zip(series.values, series.totals or (None,) * len(series.values), strict=True)
    return all(value is None or total is not None for value, total in pairs)


def minutes_of(at: datetime, window: Window) -> float:
    """How many minutes of the point that begins at ``at`` lie in ``window``: the last one may be cut short."""
    length = min(window.grain_seconds, (window.end_at - at).total_seconds())
    return (length if length > 0 else window.grain_seconds) / 60


def _requests(rows: Iterable[tuple[datetime, str, str, float]], window: Window) -> pd.DataFrame:
    return with_rates(tidy(("at", "deployment", "status", "count"), rows), window)


def with_rates(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    """``frame`` with the column ``per_minute`` beside ``count``."""
    minutes = [minutes_of(at.to_pydatetime(), window) for at in frame["at"]]
    return frame.assign(per_minute=(frame["count"] / minutes).astype("float64"))


def tidy(columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """A tidy frame in the order of time, its first column UTC datetimes and its last one floats, also when empty."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    frame[columns[0]] = pd.to_datetime(frame[columns[0]], utc=True)
    frame[columns[-1]] = frame[columns[-1]].astype("float64")
    return frame.sort_values(list(columns[:-1]), ignore_index=True)
