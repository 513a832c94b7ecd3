"""How long after its end a minute of metrics still changes, measured from successive readings of one endpoint.

Azure says that a metric is stored within about a minute and promises nothing. Two readings show more: a minute whose
numbers differ between them, or that had none before, was not settled at the first. How old it was at the second is the
most that it can have taken.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

import pandas as pd

from services.azure.connection import Connection
from services.metrics.groups import GroupData
from services.metrics.series import DeploymentMetrics
from services.metrics.windows import SETTLE_SECONDS, settled_until, whole_point

Metrics = TypeVar("Metrics", bound=DeploymentMetrics)

MINUTE = timedelta(minutes=1)
LEAST_SECONDS, MOST_SECONDS = 60, 1800
"""Bounds of what is measured. A minute that changes later is no lag but a correction, and the page shows it anyway."""
FOLLOWED = 10
"""How many minutes with data must have been followed until a shorter lag than the documented one is believed."""
_APART = timedelta(seconds=90)
"""Readings further apart say too little about when something has changed."""
_KEPT = timedelta(hours=1)
_STEP_SECONDS = 10
"""Lags are rounded up to this: readings come half a minute apart."""

Minutes: TypeAlias = Mapping[datetime, object]
"""Start of a minute → its numbers, in whatever form that tells them from others."""


@dataclass(frozen=True)
class Look:
    """One reading, ended at ``at`` by Azure's clock, that has all minutes from ``since`` to ``until``.

    ``began_at`` is when it was begun, the same when it is not given: what it has was stored at some moment in between.
    ``series``: what was read (latency or requests of one deployment) → its minutes with data. What was answered only in
    part, or not at all, is not in it.
    """

    at: datetime
    since: datetime
    until: datetime
    series: Mapping[str, Minutes]
    began_at: datetime | None = None


@dataclass(frozen=True)
class Lag:
    """From how many seconds after its end on a minute counts as settled.

    ``measured_seconds`` is how long minutes were seen to change within the last hour, rounded up; 0 when none did; None
    while too few minutes have been followed and none changed later than documented.
    """

    seconds: int = SETTLE_SECONDS
    measured_seconds: int | None = None


def look_of(
    data: DeploymentMetrics, deployments: Sequence[str], now: datetime, ended_at: datetime | None = None
) -> Look | None:
    """The newest minutes of a reading, None when it says nothing about them: another grain, or another time. Pure.

    It was begun at ``now`` and ended at ``ended_at``.
    """
    window = data.window
    if window.grain_seconds != 60 or now - window.end_at > 2 * MINUTE:
        return None
    since = max(window.start_at, whole_point(now, 60) - timedelta(seconds=MOST_SECONDS))
    series: dict[str, Minutes] = {}
    for what, rows, is_whole in (
        ("latency", data.latency, not data.latency_problem and not data.latency_notes),
        ("requests", data.requests, not data.requests_problem and not data.requests_notes),
    ):
        if is_whole:
            newest = rows[rows["at"] >= pd.Timestamp(since)]
            series |= {f"{what} {name}": _minutes(newest[newest["deployment"] == name]) for name in deployments}
    return Look(max(ended_at or now, now), since, window.end_at, series, now)


def changed(before: Look, after: Look) -> Iterator[datetime]:
    """The minutes that both readings have and whose numbers differ, each as often as it does. Pure."""
    since, until = max(before.since, after.since), min(before.until, after.until)
    for name in before.series.keys() & after.series.keys():
        old, new = before.series[name], after.series[name]
        yield from (at for at in old.keys() | new.keys() if since <= at < until and old.get(at) != new.get(at))


class LagMeter:
    """What the readings of one endpoint have shown. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Look | None = None
        self._changed: dict[datetime, float] = {}
        """Start of a minute → its age in seconds when it was last seen to have changed."""
        self._first: dict[datetime, float] = {}
        """Start of a minute → its age when it was first looked for, in readings without a pause."""
        self._followed: set[datetime] = set()
        """Minutes with data that were looked at from early on until the documented lag was over."""

    def add(self, look: Look) -> None:
        """Compare a reading with the one before it. One that was begun before that had ended is left out."""
        began_at = look.began_at or look.at
        with self._lock:
            last = self._last
            if last is not None and began_at <= last.at < look.at + _APART:
                return
            self._last = look
            self._forget(look.at - _KEPT)
            if last is None or abs(look.at - last.at) > _APART:
                self._first = {}
            else:
                for at in changed(last, look):
                    age = _age(at, look.at)
                    self._changed[at] = max(age, self._changed.get(at, 0.0))
            at = look.since
            while at < look.until:
                self._first.setdefault(at, _age(at, look.at))
                at += MINUTE
            for at in {at for minutes in look.series.values() for at in minutes}:
                if self._first.get(at, MOST_SECONDS) <= LEAST_SECONDS and _age(at, began_at) >= SETTLE_SECONDS:
                    self._followed.add(at)

    def lag(self) -> Lag:
        """What is known now."""
        with self._lock:
            most = _rounded(max(self._changed.values(), default=0.0))
            if len(self._followed) >= FOLLOWED:
                return Lag(min(max(most, LEAST_SECONDS), MOST_SECONDS), most)
            if most > SETTLE_SECONDS:
                return Lag(min(most, MOST_SECONDS), most)
            return Lag()

    def _forget(self, until: datetime) -> None:
        self._changed = {at: age for at, age in self._changed.items() if at >= until}
        self._first = {at: age for at, age in self._first.items() if at >= until}
        self._followed = {at for at in self._followed if at >= until}


def meter(conn: Connection, endpoint_id: str) -> LagMeter:
    """The meter of one endpoint, for the life of the connection."""
    found = conn.memory.setdefault(("metrics", "lag", endpoint_id.lower()), LagMeter())
    assert isinstance(found, LagMeter)
    return found


def settled(data: Metrics, lag: Lag, now: datetime) -> Metrics:
    """The same numbers, settled by a measured lag. Pure."""
    return replace(data, settled_until=whole_point(settled_until(now, lag.seconds), data.window.grain_seconds))


def settled_group(data: GroupData, lag: Lag, now: datetime) -> GroupData:
    """:func:`settled` for the charts of a group. Pure."""
    return replace(data, settled_until=whole_point(settled_until(now, lag.seconds), data.window.grain_seconds))


def newest_end(data: DeploymentMetrics) -> datetime | None:
    """The end of the newest point with data, None without any. Pure."""
    starts = [rows["at"].max() for rows in (data.latency, data.requests) if len(rows)]
    if not starts:
        return None
    end: datetime = max(starts).to_pydatetime() + timedelta(seconds=data.window.grain_seconds)
    return min(end, data.window.end_at)


def _minutes(rows: pd.DataFrame) -> Minutes:
    found: dict[datetime, list[object]] = {}
    for at, *numbers in zip(rows["at"], *(rows[name] for name in rows.columns if name != "at"), strict=True):
        found.setdefault(at.to_pydatetime(), []).append([_alike(each) for each in numbers])
    return found


def _alike(number: object) -> object:
    """The same for what two services of Azure write with other last digits."""
    return float(f"{number:.6g}") if isinstance(number, float) else number


def _age(minute: datetime, at: datetime) -> float:
    return (at - minute - MINUTE).total_seconds()


def _rounded(seconds: float) -> int:
    return math.ceil(seconds / _STEP_SECONDS) * _STEP_SECONDS
