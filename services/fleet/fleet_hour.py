"""The last hour of one endpoint, minute by minute: what small charts of many endpoints are drawn from. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import TypeAlias

from services.metrics import counts, points
from services.model import Series, Window
from services.statuses import StatusSets

MINUTES = 60
Minutes: TypeAlias = tuple[float | None, ...]
"""One value for each of the 60 minutes, the oldest first. None is a minute without data, which is not 0."""


@dataclass(frozen=True)
class Hour:
    """What an endpoint's own metrics said of 60 settled minutes from ``start_at`` on.

    ``requests`` counts every answer of a deployment, ``server_errors`` and ``client_errors`` those that failed. What
    was refused before one was chosen (401, 404) is not there: Azure leaves it out where it tells deployments apart. A
    minute with requests and without failures has 0 of them; a minute without requests has no data in all three.
    ``p95_ms`` is by deployment: percentiles of several deployments do not add up to one. It is empty when latency could
    not be read.
    """

    start_at: datetime
    requests: Minutes
    server_errors: Minutes
    client_errors: Minutes
    p95_ms: Mapping[str, Minutes]


def hour(rates: Sequence[Series], latency: Sequence[Series], window: Window, statuses: StatusSets) -> Hour:
    """The hour ``window``; ``rates`` are split by every dimension, ``latency`` is P95 split by deployment."""
    requests = _sums(rates, window, lambda _: True)
    failed, refused = _sums(rates, window, statuses.is_server_error), _sums(rates, window, statuses.is_client_error)
    by_deployment: dict[str, dict[datetime, float]] = {
        one.dimensions.get("deployment", ""): dict(points(one)) for one in latency
    }
    axis = [window.start_at + timedelta(minutes=minute) for minute in range(MINUTES)]
    p95 = {name: tuple(values.get(at) for at in axis) for name, values in sorted(by_deployment.items())}
    return Hour(
        start_at=window.start_at,
        requests=tuple(requests.get(at) for at in axis),
        server_errors=tuple(failed.get(at, 0.0) if at in requests else None for at in axis),
        client_errors=tuple(refused.get(at, 0.0) if at in requests else None for at in axis),
        p95_ms={name: values for name, values in p95.items() if any(value is not None for value in values)},
    )


def slowest(latency: Iterable[Series], live: Collection[str], window: Window) -> list[Series]:
    """The series of the ``live`` deployment whose minutes in ``window`` have the largest mean; of any when none is
    live.

    A mean over several deployments would be no percentile at all, and would take in a shadow that no caller waits for.
    """
    means: list[tuple[float, Series]] = []
    for one in latency:
        values = [value for at, value in points(one) if window.start_at <= at < window.end_at]
        if values and (not live or one.dimensions.get("deployment", "") in live):
            means.append((fmean(values), one))
    return [max(means, key=lambda each: each[0])[1]] if means else []


def _sums(rates: Sequence[Series], window: Window, is_meant: Callable[[str], bool]) -> dict[datetime, float]:
    """The requests of each minute whose status ``is_meant``."""
    totals: defaultdict[datetime, float] = defaultdict(float)
    for one in rates:
        if is_meant(one.dimensions.get("statuscode", "")):
            for at, number in counts(one, window):
                totals[at] += number
    return dict(totals)
