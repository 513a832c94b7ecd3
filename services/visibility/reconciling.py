"""Whether the endpoint's metrics and its traffic log count the same requests, and if not, what probably explains it.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.traffic.counting import Minutes
from services.visibility.judging import ENDPOINT_METRICS, NOT_VISIBLE, TRAFFIC_LOG, VISIBLE
from services.visibility.reading import Read

SAME = 0.02
"""The part by which two counts of the same requests may differ: their minutes begin and end differently."""
_MOSTLY = 0.9
"""An explanation must account for this part of a difference."""
_REFUSED = "Refused before a deployment was chosen: metrics that are split by deployment leave these out."
_IN_METRICS = "Mirrored copies: the endpoint metrics count them, the traffic log does not."
_IN_LOG = "Mirrored copies: the traffic log counts them, the endpoint metrics do not."


@dataclass(frozen=True)
class Agreement:
    """One deployment's requests in both sources; "" is what no deployment answered. ``reason`` is a sentence, or ""."""

    deployment: str
    metrics: int
    rows: int
    agrees: bool
    reason: str


@dataclass(frozen=True)
class Reconciliation:
    """Requests from ``since`` to ``until`` in metrics and log. ``problem`` is why they cannot be compared, or ""."""

    since: datetime
    until: datetime
    agreements: tuple[Agreement, ...] = ()
    problem: str = ""


def reconcile(
    metrics: Read,
    log: Read,
    deployments: Sequence[str],
    target: str | None,
    verdicts: Mapping[str, str],
    since: datetime,
    until: datetime,
) -> Reconciliation:
    """Compare both sources over the same settled minutes. ``verdicts``: source → whether it shows mirrored copies."""
    problem = metrics.problem or log.problem
    if problem:
        return Reconciliation(since, until, problem=problem)
    ours = {name: _within(minutes, since, until) for name, minutes in metrics.by_deployment.items()}
    theirs = {name: _within(minutes, since, until) for name, minutes in log.by_deployment.items()}
    if not any(ours.values()) and not any(theirs.values()):
        return Reconciliation(since, until, problem="Neither source has a request in these minutes.")
    spans = _Spans.of(ours), _Spans.of(theirs)
    shown = {each.lower(): each for each in deployments}
    made = []
    for name in sorted({*ours, *theirs}, key=lambda each: (not each, each)):
        counted, rows = ours.get(name, {}), theirs.get(name, {})
        if counted or rows:
            is_target = target is not None and name == target.lower()
            made.append(_agreement(shown.get(name, name), counted, rows, spans, verdicts if is_target else {}))
    return Reconciliation(since, until, tuple(made))


@dataclass(frozen=True)
class _Spans:
    """The first and the newest minute that a source has of any deployment; None when it has none."""

    first: datetime | None
    newest: datetime | None

    @staticmethod
    def of(source: Mapping[str, Minutes]) -> _Spans:
        times = [at for minutes in source.values() for at in minutes]
        return _Spans(min(times, default=None), max(times, default=None))


def _agreement(
    name: str, counted: Minutes, rows: Minutes, spans: tuple[_Spans, _Spans], verdicts: Mapping[str, str]
) -> Agreement:
    metrics, logged = round(sum(counted.values())), round(sum(rows.values()))
    difference = abs(metrics - logged)
    if not difference:
        return Agreement(name, metrics, logged, agrees=True, reason="")
    if difference <= max(1.0, SAME * max(metrics, logged)):
        reason = "At the edges of minutes the two may count a request in different ones."
        return Agreement(name, metrics, logged, agrees=True, reason=reason)
    if not name:
        return Agreement(name, metrics, logged, agrees=False, reason=_REFUSED)
    in_metrics, in_log = verdicts.get(ENDPOINT_METRICS), verdicts.get(TRAFFIC_LOG)
    if metrics > logged:
        if in_metrics == VISIBLE and in_log == NOT_VISIBLE:
            return Agreement(name, metrics, logged, agrees=False, reason=_IN_METRICS)
        return Agreement(name, metrics, logged, agrees=False, reason=_rows_missing(counted, rows, spans[1]))
    if in_log == VISIBLE and in_metrics == NOT_VISIBLE:
        return Agreement(name, metrics, logged, agrees=False, reason=_IN_LOG)
    return Agreement(name, metrics, logged, agrees=False, reason=_metrics_missing(counted, rows, spans[0]))


def _rows_missing(counted: Minutes, rows: Minutes, log: _Spans) -> str:
    if log.first is None or log.newest is None:
        return "The log has no row of these minutes: rows come 3 to 10 minutes late, in the first hour up to an hour."
    missing = {at: count - rows.get(at, 0.0) for at, count in counted.items()}
    whole = sum(missing.values())
    if sum(count for at, count in missing.items() if at >= log.newest) >= _MOSTLY * whole:
        return f"Delay: the log's newest row is of {_clock(log.newest)}, and later ones are still on their way."
    if sum(count for at, count in missing.items() if at <= log.first) >= _MOSTLY * whole:
        return f"The log begins at {_clock(log.first)}: it was probably switched on then."
    return (
        "Rows are missing between others: a daily cap, a transformation or a sampling rule of the Log Analytics "
        "workspace may drop them."
    )


def _metrics_missing(counted: Minutes, rows: Minutes, metrics: _Spans) -> str:
    extra = {at: count - counted.get(at, 0.0) for at, count in rows.items()}
    if metrics.newest is None:
        return "The metrics have no data of these minutes."
    if sum(count for at, count in extra.items() if at >= metrics.newest) >= _MOSTLY * sum(extra.values()):
        return f"Delay: the newest minute of the metrics is {_clock(metrics.newest)}."
    return "The metrics count fewer: Azure answers the mean where it keeps several values of one minute."


def _within(minutes: Minutes, since: datetime, until: datetime) -> dict[datetime, float]:
    return {at: count for at, count in minutes.items() if since <= at < until}


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M} UTC"
