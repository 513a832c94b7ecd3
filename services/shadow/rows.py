"""The settled minutes of two deployments: requests, errors, and the latency of single requests, of one source each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.azure.connection import Connection
from services.comparison.judge import Arm
from services.errors import SluiceError
from services.metrics.lag import meter
from services.metrics.windows import settled_until
from services.model import Deployment, Endpoint, Window
from services.shadow import advice, console_rows, traffic_rows
from services.shadow.cells import NO_LATENCIES, Cells
from services.shadow.choosing import COUNTING, LOGS, Mirror
from services.shadow.model import Minute, Pair, Reading
from services.shadow.sources import Seen, look
from services.statuses import StatusSets
from services.visibility.judging import CONTAINER_LOG, DEPLOYMENT_METRICS, TRAFFIC_LOG
from services.visibility.probe import LOGS_SETTLE

LOOK_BACK = timedelta(hours=1)
"""How far back sources are looked at to see which of them have both arms."""
_MINUTE = timedelta(minutes=1)
_LATE = 0.02
"""A minute of a log is whole when it lacks no more than this part of what is counted, or one request."""


def read(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    pair: Pair,
    since: datetime,
    until: datetime,
    *,
    began_at: datetime | None = None,
    source: str = "",
    statuses: StatusSets | None = None,
    now: datetime | None = None,
) -> Reading:
    """Every minute from ``since`` on that has settled in the sources and lies before ``until``, in order.

    Ask on from the end of the last minute: what has not settled yet comes with a later reading. ``began_at`` is from
    when on the endpoint's set-up is as it is now, such as the begin of a run: sources are judged by the minutes since.
    ``source`` is the one that latencies were read from so far, kept as long as it has both arms. Where no source counts
    both, the arms are empty and ``counts`` is "". ``statuses`` say which
    answers are errors, the setting of now without them. ``now`` is Azure's time; without it, Azure's clock says it.
    Raises SluiceError when nothing can be read.
    """
    now, statuses = now or conn.now(), statuses or conn.settings.statuses
    since, end = _ceiling(since), min(_floor(until), settled_until(now, meter(conn, endpoint.id).lag().seconds))
    if since >= end:
        return Reading((), "", "")
    begin = min(since, _floor(max(began_at or since - LOOK_BACK, end - LOOK_BACK)))
    mirror = _mirror(endpoint, pair, began_at)
    seen = look(conn, endpoint, deployments, pair, Window(begin, end, 60), mirror, now, statuses)
    rows, cells, problem = _latencies(conn, endpoint, pair, seen, source, statuses)
    counting = next((each for each in COUNTING if seen.is_usable(each)), "")
    if not counting and DEPLOYMENT_METRICS in seen.failures:
        # Asked again, they may have all: these minutes must not be lost.
        raise seen.failures[DEPLOYMENT_METRICS]
    if source in seen.failures or not counting:
        # Old ones alone are kept without it: a source that lags for once still gets these minutes.
        end = min(end, _floor(now - LOGS_SETTLE))
    if not cells:
        end = _settled(seen, pair, counting, rows, (since, end), now)
    minutes = _minutes(since, end)
    if not minutes:
        return Reading((), counting, rows)
    if rows and not cells:
        cells = _kept(conn, endpoint, pair, seen, rows, (since, end), statuses)
    counted = seen.counted.get(counting)
    if counting in LOGS:
        is_same = counting == rows and cells is not None
        counted = cells if is_same else _kept(conn, endpoint, pair, seen, counting, (since, end), statuses)
    notes = [*(counted.notes if counted else advice.without_counts(pair, seen.choice.refused)), *seen.choice.notes]
    # A few of a minute say nothing: metrics tell of the minutes before, too.
    seen_since = since if counting in LOGS or began_at is None else max(begin, _ceiling(began_at))
    refused = tuple(advice.of_callers(pair, counted, _minutes(seen_since, end))) if counted else ()
    notes += refused
    if cells is None:
        notes += advice.without_rows(pair, seen.surveys, seen.choice.refused, problem)
    else:
        notes += (*cells.notes, *(advice.of_container_log(pair, deployments) if rows == CONTAINER_LOG else ()))
    arms = (Minute(at, _arm(counted, cells, pair.live, at), _arm(counted, cells, pair.candidate, at)) for at in minutes)
    return Reading(tuple(arms), counting, rows, tuple(dict.fromkeys(notes)), (*seen.choice.notes, *refused))


def _mirror(endpoint: Endpoint, pair: Pair, began_at: datetime | None) -> Mirror | None:
    """How much the candidate gets, where it is sure since when: nothing was changed since Azure's last write."""
    known_since = began_at or endpoint.modified_at
    if endpoint.split.mirror_target != pair.candidate or known_since is None:
        return None
    return Mirror(endpoint.split.mirror_percent, _ceiling(known_since))


def _latencies(
    conn: Connection, endpoint: Endpoint, pair: Pair, seen: Seen, source: str, statuses: StatusSets
) -> tuple[str, Cells | None, str]:
    """The source of latencies; its requests when it is the live log; and why the live log is none, "" if not asked."""
    log = next((each for each in (source, *LOGS) if each in LOGS and seen.is_usable(each)), "")
    if log and source != CONTAINER_LOG:
        return log, None, ""
    try:
        live = console_rows.read_live(conn, endpoint, pair, statuses)
    except SluiceError as error:
        if source == CONTAINER_LOG and not log:
            # Asked again, its lines are still there: these minutes must not be lost.
            raise
        return log, None, error.why
    if live.has(pair.live, pair.candidate):
        return CONTAINER_LOG, live, ""
    lacking = [name for name in (pair.live, pair.candidate) if not live.has(name)]
    return log, None, f"There is no line of a request to {' and '.join(lacking)}."


def _kept(
    conn: Connection,
    endpoint: Endpoint,
    pair: Pair,
    seen: Seen,
    log: str,
    span: tuple[datetime, datetime],
    statuses: StatusSets,
) -> Cells:
    reader = traffic_rows.read if log == TRAFFIC_LOG else console_rows.read
    return reader(conn, endpoint, pair, seen.surveys[log], *span, statuses)


def _settled(
    seen: Seen, pair: Pair, counting: str, rows: str, span: tuple[datetime, datetime], now: datetime
) -> datetime:
    """The end of the minutes that no log will add to. A log that is sent and has nothing yet is waited for too."""
    since, end = span
    old = _floor(now - LOGS_SETTLE)
    if not rows:
        is_awaited = any(not each.problem and not each.requests for name, each in seen.surveys.items() if name in LOGS)
        return min(end, old) if is_awaited else end
    log, counted = seen.surveys[rows], seen.surveys.get(counting)
    newest = max((at for minutes in log.requests.values() for at in minutes), default=since)
    at = max(since, min(end, old))
    while at < end and counted is not None and counting not in LOGS and newest > at:
        pairs = [(counted.of(name).get(at, 0.0), log.of(name).get(at, 0.0)) for name in (pair.live, pair.candidate)]
        if any(number - known > max(1.0, _LATE * number) for number, known in pairs):
            break
        at += _MINUTE
    return at


def _arm(counted: Cells | None, cells: Cells | None, name: str, at: datetime) -> Arm:
    latencies = NO_LATENCIES
    if cells is not None and (cells.since is None or at >= cells.since):
        latencies = cells.at(name, at).latencies_ms
    if counted is None:
        return Arm(0, 0, latencies)
    cell = counted.at(name, at)
    return Arm(cell.requests, cell.errors, latencies)


def _minutes(since: datetime, end: datetime) -> list[datetime]:
    return [since + number * _MINUTE for number in range(max(0, (end - since) // _MINUTE))]


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _ceiling(at: datetime) -> datetime:
    return at if at == _floor(at) else _floor(at) + _MINUTE
