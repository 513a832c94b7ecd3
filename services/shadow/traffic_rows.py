"""Requests and their latencies from the traffic log: how many took how long, which loses nothing of whole milliseconds.

ResponseDurationMs minus RequestDurationMs is from the last byte of the request to the model's first: what callers need
to send and to receive is not in it, and a shadow has no caller (reference of the table AmlOnlineEndpointTrafficLog).
"""

from __future__ import annotations

from datetime import UTC, datetime

from services.azure.connection import Connection
from services.azure.diagnostics import TRAFFIC
from services.azure.log_analytics import ask_table, literal
from services.model import Endpoint
from services.shadow.cells import Cells, Collector, pieces
from services.shadow.choosing import Survey
from services.shadow.model import Pair
from services.statuses import StatusSets
from services.visibility.judging import TRAFFIC_LOG

MOST_REQUESTS = 2_000_000
"""Requests whose latencies are read; of more, those of the newest minutes are."""
_PIECE = 200_000
"""Requests of one question: Log Analytics answers 500,000 rows at most, and these are grouped."""
_MODEL = "ResponseDurationMs - RequestDurationMs"


def survey(conn: Connection, endpoint: Endpoint, span: tuple[datetime, datetime]) -> Survey:
    """How many requests of each deployment the log has. Raises SluiceError."""
    kql = "| summarize Requests = count() by DeploymentName, Minute = bin(TimeGenerated, 1m)"
    found: dict[str, dict[datetime, float]] = {}
    for row in ask_table(conn, _what(endpoint), endpoint.id, TRAFFIC, kql, span).records():
        if isinstance(row.get("Minute"), datetime):
            minutes = found.setdefault(str(row["DeploymentName"] or "").lower(), {})
            minutes[row["Minute"].astimezone(UTC)] = float(row["Requests"])
    return Survey(TRAFFIC_LOG, dict(found))


def read(
    conn: Connection,
    endpoint: Endpoint,
    pair: Pair,
    seen: Survey,
    since: datetime,
    until: datetime,
    statuses: StatusSets,
) -> Cells:
    """The requests of both from ``since`` to ``until``; ``statuses`` say what is an error. Raises SluiceError."""
    chosen = f"| where DeploymentName in~ ({literal(pair.live)}, {literal(pair.candidate)})"
    own = [seen.of(pair.live), seen.of(pair.candidate)]
    spans = pieces(own, since, until, _PIECE, MOST_REQUESTS)
    notes: list[str] = []
    ms = _MODEL
    if spans and not _says_model(conn, endpoint, chosen, (spans[-1][0], until)):
        ms = "TotalDurationMs"
        notes.append(
            "The traffic log does not say when the model answered, so latencies are whole durations: sending and "
            "receiving by the caller is in them."
        )
    gathered = Collector()
    for span in spans:
        kql = f"{chosen} | summarize Requests = count() by DeploymentName, Minute = bin(TimeGenerated, 1m), "
        kql += f"ResponseCode, Ms = {ms}"
        rows = ask_table(conn, _what(endpoint), endpoint.id, TRAFFIC, kql, span)
        if rows.partial:
            notes.append(f"Rows of the traffic log are missing: {rows.partial}.")
        for row in rows.records():
            at = row.get("Minute")
            if isinstance(at, datetime) and span[0] <= at < span[1]:
                took, status = row["Ms"], str(row["ResponseCode"] or "")
                gathered.add(
                    str(row["DeploymentName"]),
                    at.astimezone(UTC),
                    None if took is None else float(took),
                    int(row["Requests"]),
                    has_failed=statuses.is_server_error(status),
                    is_refused=statuses.is_client_error(status),
                )
    begun = spans[-1][0] if spans else until
    if begun > since:
        notes.append(
            f"Latencies are of the minutes from {begun:%d %b %H:%M} UTC on: {MOST_REQUESTS:,} requests are read."
        )
    return gathered.cells(begun if begun > since else None, tuple(dict.fromkeys(notes)))


def _says_model(conn: Connection, endpoint: Endpoint, chosen: str, span: tuple[datetime, datetime]) -> bool:
    """Whether nearly all rows say when the model answered: what has no answer, such as a timeout, may not."""
    kql = f"{chosen} | where ResponseCode == 200 | summarize Rows = count(), Said = countif(ResponseDurationMs > 0)"
    [found] = ask_table(conn, _what(endpoint), endpoint.id, TRAFFIC, kql, span).records() or [{"Rows": 0, "Said": 0}]
    return bool(int(found["Said"] or 0) >= 0.99 * int(found["Rows"] or 0))


def _what(endpoint: Endpoint) -> str:
    return f"The traffic log of {endpoint.name} could not be read."
