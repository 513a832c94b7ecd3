"""What the logs know of one minute: its failed requests, its slowest ones, and what the containers wrote in it.

Each source fails, and is late, on its own. Rows reach Log Analytics 3 to 10 minutes after what they tell of; the live
log of a container has its last lines only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from services.azure import endpoints
from services.azure.connection import Connection
from services.azure.diagnostics import CONSOLE, TRAFFIC, are_sent
from services.azure.log_analytics import Rows, ask_table, time_literal
from services.errors import SluiceError
from services.logs import container, kept, lines
from services.logs.container import TAIL, Filter
from services.logs.kept import Asked, Kept
from services.logs.lines import Entry
from services.logs.traffic_log import Request, request_of
from services.model import Deployment, Endpoint

MOST_FAILED, MOST_SLOW = 20, 10
"""Requests that are listed of each kind."""
_PARALLEL = 4
_AFTER = timedelta(hours=1)
"""Rows are looked for so long after the minute, to see whether the log has gone on."""

T = TypeVar("T")


@dataclass(frozen=True)
class Requests:
    """Rows of the traffic log: ``failed`` of ``total``, the newest failed ones, and the slowest of the others.

    ``newest_at`` is the newest row of the minute or of the hour after it, None without one: rows of a minute are all
    there when later ones are. ``is_sent`` says whether the log is sent now, None when that could not be read.
    ``partial`` says why rows are missing, else "".
    """

    total: int
    failed: int
    failing: tuple[Request, ...]
    slowest: tuple[Request, ...]
    newest_at: datetime | None
    is_sent: bool | None
    partial: str = ""


@dataclass(frozen=True)
class Lines:
    """What containers wrote, by time. ``notes`` say what is missing, ``problems`` which log could not be read."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[SluiceError, ...] = ()


def read_requests(conn: Connection, endpoint: Endpoint, since: datetime, until: datetime) -> Requests:
    """The rows of the traffic log from ``since`` to ``until``. Raises SluiceError."""
    what = f"The traffic log of {endpoint.name} could not be read."
    failed = f"({') or ('.join(conn.settings.statuses.kql('ResponseCode').values())})"
    within = f"TimeGenerated < {time_literal(until)}"
    begin = f"| where TimeGenerated >= {time_literal(since)}"

    def ask(kql: str) -> Rows:
        return ask_table(conn, what, endpoint.id, TRAFFIC, f"{begin} {kql}")

    def is_sent() -> bool | None:
        try:
            return are_sent(conn, endpoint, TRAFFIC)
        except SluiceError:
            return None

    counted, failing, slowest, sent = _together(
        lambda: ask(
            f"and TimeGenerated < {time_literal(until + _AFTER)} | summarize Requests = countif({within}),"
            f" Failed = countif({within} and ({failed})), Newest = max(TimeGenerated), Rows = count()"
        ),
        lambda: ask(f"and {within} | where {failed} | top {MOST_FAILED} by TimeGenerated desc"),
        lambda: ask(f"and {within} | where not({failed}) | top {MOST_SLOW} by TotalDurationMs desc"),
        is_sent,
    )
    [found] = counted.records() or [{}]
    newest = found.get("Newest")
    return Requests(
        total=int(found.get("Requests") or 0),
        failed=int(found.get("Failed") or 0),
        failing=_requests(failing),
        slowest=_requests(slowest),
        newest_at=newest.astimezone(UTC) if isinstance(newest, datetime) and found.get("Rows") else None,
        is_sent=sent,
        partial=counted.partial or failing.partial or slowest.partial,
    )


def read_lines(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], since: datetime, until: datetime
) -> Lines:
    """What the inference servers wrote from ``since`` to ``until``.

    The live log comes first: it is not late. Where it does not go back so far, the console log in Log Analytics has
    what came before, when it is sent. Never raises a SluiceError.
    """
    names = [each.name for each in deployments]
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="minute") as pool:
        tails = dict(zip(names, pool.map(lambda name: _tail(conn, endpoint, name), names), strict=True))
    live = {name: tail for name, tail in tails.items() if not isinstance(tail, SluiceError)}
    problems = [tail for tail in tails.values() if isinstance(tail, SluiceError)]
    short = [name for name in names if name not in live or not _reaches(live[name], since)]
    logs: list[Sequence[Entry]] = []
    notes: list[str] = []
    if short:
        try:
            found = kept.read(conn, endpoint, Asked(since=since, until=until, deployments=tuple(short)))
            logs += found.logs
            if found.partial:
                notes.append(f"Log Analytics left lines out: {found.partial}.")
            if found.is_cut:
                notes.append(f"Of the console log only the newest {kept.MOST_LINES:,} lines of this time were read.")
            newest = _newest(found)
            left = [name for name in short if name.lower() not in newest and name in live]
            # Rows come late: what the live log has beyond them is not in them yet.
            live |= {name: _later(live[name], newest.get(name.lower())) for name in short if name in live}
            if left:
                notes.append(_why_none(left, is_sent=are_sent(conn, endpoint, CONSOLE)))
        except SluiceError as error:
            problems.append(error)
    logs += live.values()
    return Lines(tuple(container.select(logs, Filter(since=since, until=until))), tuple(notes), tuple(problems))


def _tail(conn: Connection, endpoint: Endpoint, name: str) -> Sequence[Entry] | SluiceError:
    try:
        return lines.entries(name, lines.split(endpoints.logs(conn, endpoint.name, name, TAIL)).lines)
    except SluiceError as error:
        return error


def _reaches(tail: Sequence[Entry], since: datetime) -> bool:
    """Whether a live log begins before ``since``. One that begins later may have lost lines with its container."""
    first = next((entry.at for entry in tail if entry.at is not None), None)
    return first is not None and first <= since


def _newest(found: Kept) -> dict[str, datetime]:
    """The newest line of each deployment, by its name in lower case."""
    newest: dict[str, datetime] = {}
    for entry in (entry for log in found.logs for entry in log):
        if entry.at is not None:
            name = entry.deployment.lower()
            newest[name] = max(entry.at, newest.get(name, entry.at))
    return newest


def _later(tail: Sequence[Entry], than: datetime | None) -> Sequence[Entry]:
    return tail if than is None else [entry for entry in tail if entry.at is not None and entry.at > than]


def _why_none(names: Sequence[str], *, is_sent: bool) -> str:
    said = f"The lines that Azure keeps at hand of {', '.join(names)} begin after this time"
    if is_sent:
        return f"{said}, and the console log in Log Analytics has no line of it: rows come 3 to 10 minutes late."
    return f"{said}, and the console log is not sent to Log Analytics, which would keep it."


def _requests(rows: Rows) -> tuple[Request, ...]:
    return tuple(found for row in rows.records() if (found := request_of(row)) is not None)


def _together(
    counted: Callable[[], T], failing: Callable[[], T], slowest: Callable[[], T], sent: Callable[[], bool | None]
) -> tuple[T, T, T, bool | None]:
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="minute") as pool:
        asked = [pool.submit(each) for each in (counted, failing, slowest)]
        is_sent = pool.submit(sent)
        first, second, third = (each.result() for each in asked)
        return first, second, third, is_sent.result()
