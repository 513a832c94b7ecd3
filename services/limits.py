"""The limits of an endpoint, its service level objectives: what its metrics should stay below. Kept on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from services.errors import RuleBroken
from services.model import Endpoint
from services.store import LIMITS, Store

SERVER_ERROR_PERCENT = "ServerErrorPercent"
"""The share of server errors among the requests. Azure has no metric of this name: it is a ratio of two."""
LATENCIES = {f"RequestLatency_{name}": name for name in ("P50", "P90", "P95", "P99")}
"""Azure's name of each latency percentile, and how people call it."""
UTILIZATIONS = {"CpuUtilizationPercentage": "processor", "CpuMemoryUtilizationPercentage": "memory"}
"""Azure's name of each share of an instance that is in use, in percent, and how people call it."""
METRICS = (*LATENCIES, SERVER_ERROR_PERCENT, *UTILIZATIONS)
"""What can have a limit, in the order in which it is shown."""
MOST_MS = 600_000.0
"""Ten minutes: longer than any request may take, 180 s (request_timeout_ms of a managed online deployment)."""


@dataclass(frozen=True)
class Limit:
    """What one metric should stay below: ``value`` in milliseconds or percent. ``words`` are for a line in a chart."""

    metric: str
    value: float
    words: str


def limit(metric: str, value: float) -> Limit:
    """The limit ``value`` of ``metric``. Raises RuleBroken when nothing can be measured against it."""
    if metric not in METRICS:
        raise RuleBroken("The limit was not saved.", f"{metric} cannot have one.", f"Choose {', '.join(METRICS)}.")
    most = MOST_MS if metric in LATENCIES else 100.0
    if not math.isfinite(value) or not 0 < value <= most:
        raise RuleBroken(
            "The limit was not saved.", f"{value:,g} was given.", f"Choose a number above 0, {most:,.0f} at most."
        )
    return Limit(metric, value, f"Limit: {_in_words(metric, value)}")


def _in_words(metric: str, value: float | None) -> str:
    """A limit, or that there is none, as people say it."""
    if metric == SERVER_ERROR_PERCENT:
        return "no limit of server errors" if value is None else f"{value:g} % server errors"
    name = {**LATENCIES, **UTILIZATIONS}[metric]
    if value is None:
        return f"no limit of {name}"
    return f"{name} {value:g} %" if metric in UTILIZATIONS else f"{name} {value:,.10g} ms"


class Limits:
    """The limits of all endpoints of one cloud. Thread-safe. ``cloud`` is its ARM host."""

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def lines(self, endpoint: Endpoint) -> tuple[Limit, ...]:
        """The limits of ``endpoint`` in the order of METRICS. Raises StoreFailed."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(LIMITS.c.metric, LIMITS.c.value).where(*self._of(endpoint))).all()
        values = {row.metric: row.value for row in rows}
        return tuple(limit(metric, values[metric]) for metric in METRICS if metric in values)

    def save(self, endpoint: Endpoint, values: Mapping[str, float], known: Mapping[str, float] | None = None) -> None:
        """Replace the limits of ``endpoint``; a metric that is not named has none.

        With ``known``, the limits that somebody saw and made ``values`` of, only what differs from them is written, so
        that what somebody else has saved since then stays. Raises RuleBroken for a limit that both have changed, and
        StoreFailed.
        """
        wanted = {one.metric: one.value for one in (limit(metric, value) for metric, value in values.items())}
        with self._store.writing() as connection:
            mine = self._of(endpoint)
            if known is not None:
                rows = connection.execute(sa.select(LIMITS.c.metric, LIMITS.c.value).where(*mine)).all()
                wanted = _merged({row.metric: row.value for row in rows}, known, wanted)
            connection.execute(sa.delete(LIMITS).where(*mine))
            if wanted:
                key = {"cloud": self._cloud, "endpoint_id": endpoint.id.lower()}
                connection.execute(
                    sa.insert(LIMITS), [{**key, "metric": metric, "value": value} for metric, value in wanted.items()]
                )

    def _of(self, endpoint: Endpoint) -> tuple[sa.ColumnElement[bool], ...]:
        # Azure compares ids without case.
        return LIMITS.c.cloud == self._cloud, LIMITS.c.endpoint_id == endpoint.id.lower()


def _merged(held: Mapping[str, float], known: Mapping[str, float], wanted: Mapping[str, float]) -> dict[str, float]:
    """``held`` with what makes ``wanted`` another than ``known``. Raises RuleBroken where ``held`` is another too."""
    changed = [metric for metric in METRICS if wanted.get(metric) != known.get(metric)]
    taken = [each for each in changed if held.get(each) not in (known.get(each), wanted.get(each))]
    if taken:
        now = ", ".join(_in_words(each, held.get(each)) for each in taken)
        raise RuleBroken(
            "The limits were not saved.",
            f"Somebody else has changed the same meanwhile. Kept now: {now}.",
            "Look at the fields, which show it now, and change them again if you wish.",
        )
    unchanged = {metric: value for metric, value in held.items() if metric not in changed}
    return unchanged | {metric: wanted[metric] for metric in changed if metric in wanted}
