"""Requests and their latencies from what containers write: a line with status and time for each that is answered.

``2026-11-22 16:25:24,463 I [17246] azmlinfsrv - POST /score 200 34.171ms 92`` is Microsoft's inference server's. Its
time is that of the script alone: what waits for a worker is not in it. A server of one's own may print such lines too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from services.azure import endpoints
from services.azure.connection import Connection
from services.azure.diagnostics import CONSOLE
from services.azure.log_analytics import ask_table, literal
from services.logs.kept import SERVER
from services.logs.lines import moment, split
from services.model import Endpoint
from services.shadow.cells import Cells, Collector, pieces
from services.shadow.choosing import Survey
from services.shadow.model import Pair
from services.statuses import StatusSets
from services.visibility.judging import CONSOLE_LOG

MOST_LINES = 300_000
"""Lines of requests that are read from Log Analytics; of more, those of the newest minutes are."""
TAIL = 10_000
"""Lines that are asked for of a container's log, live."""
MOST_ANSWERED = 5_000
"""Lines that Azure is known to answer with: a log of as many may go on before, although more were asked for."""
OWN_LINE = "azmlinfsrv - POST /score 200 34.2ms 92"
"""What a server of one's own may print for each request: status, milliseconds, bytes."""
_PIECE = 100_000
_DONE = re.compile(r"azmlinfsrv - POST /score\S* (?P<status>\d{3}) (?P<ms>\d+(?:\.\d+)?)ms\b")
_LINES = f'| where ContainerName == {literal(SERVER)} and Message contains "azmlinfsrv - POST /score"'
_MINUTE = timedelta(minutes=1)


def survey(conn: Connection, endpoint: Endpoint, span: tuple[datetime, datetime]) -> Survey:
    """How many lines of requests of each deployment the log has. Raises SluiceError."""
    kql = f"{_LINES} | summarize Requests = count() by DeploymentName, Minute = bin(TimeGenerated, 1m)"
    found: dict[str, dict[datetime, float]] = {}
    for row in ask_table(conn, _what(endpoint), endpoint.id, CONSOLE, kql, span).records():
        if isinstance(row.get("Minute"), datetime):
            minutes = found.setdefault(str(row["DeploymentName"] or "").lower(), {})
            minutes[row["Minute"].astimezone(UTC)] = float(row["Requests"])
    return Survey(CONSOLE_LOG, dict(found))


def read(
    conn: Connection,
    endpoint: Endpoint,
    pair: Pair,
    seen: Survey,
    since: datetime,
    until: datetime,
    statuses: StatusSets,
) -> Cells:
    """The requests of both from ``since`` to ``until``, as Log Analytics keeps their lines; ``statuses`` say what is an
    error. Raises SluiceError."""
    spans = pieces([seen.of(pair.live), seen.of(pair.candidate)], since, until, _PIECE, MOST_LINES)
    gathered, notes = Collector(), []
    kql = f"{_LINES} | where DeploymentName in~ ({literal(pair.live)}, {literal(pair.candidate)})"
    kql += " | project TimeGenerated, DeploymentName, Message"
    for span in spans:
        rows = ask_table(conn, _what(endpoint), endpoint.id, CONSOLE, kql, span)
        if rows.partial:
            notes.append(f"Lines of the console log are missing: {rows.partial}.")
        for row in rows.records():
            at, found = row.get("TimeGenerated"), _DONE.search(str(row["Message"] or ""))
            if isinstance(at, datetime) and found and span[0] <= at < span[1]:
                _add(gathered, str(row["DeploymentName"]), at.astimezone(UTC), found, statuses)
    begun = spans[-1][0] if spans else until
    if begun > since:
        notes.append(f"Latencies are of the minutes from {begun:%d %b %H:%M} UTC on: {MOST_LINES:,} lines are read.")
    return gathered.cells(begun if begun > since else None, tuple(dict.fromkeys(notes)))


def read_live(conn: Connection, endpoint: Endpoint, pair: Pair, statuses: StatusSets) -> Cells:
    """The newest requests of both, as far back as both containers' logs go. Raises SluiceError."""
    gathered = Collector()
    begun = [
        of_log(gathered, name, endpoints.logs(conn, endpoint.name, name, TAIL), TAIL, statuses)
        for name in (pair.live, pair.candidate)
    ]
    return gathered.cells(max((each for each in begun if each is not None), default=None))


def of_log(gathered: Collector, name: str, content: str, asked: int, statuses: StatusSets) -> datetime | None:
    """Gather the requests of one container's log; the first minute that it has in full, None when it has all. Pure."""
    own = split(content).lines
    first = next((at for at in map(moment, own) if at), None)
    at: datetime | None = None
    for line in own:
        # A line without a time has that of the line before it.
        at = moment(line) or at
        found = _DONE.search(line)
        if at is not None and found:
            _add(gathered, name, at, found, statuses)
    is_cut = len(content.splitlines()) >= min(asked, MOST_ANSWERED)
    return first.replace(second=0, microsecond=0) + _MINUTE if is_cut and first else None


def _add(gathered: Collector, name: str, at: datetime, found: re.Match[str], statuses: StatusSets) -> None:
    # Azure answers 424 for whatever a model answers but 2xx.
    status = found["status"] if found["status"].startswith("2") else "424"
    gathered.add(
        name,
        at,
        float(found["ms"]),
        has_failed=statuses.is_server_error(status),
        is_refused=statuses.is_client_error(status),
    )


def _what(endpoint: Endpoint) -> str:
    return f"The console log of {endpoint.name} could not be read."
