"""The traffic log of an endpoint: one row for each request, as Log Analytics keeps it.

Columns and their meaning: Azure Monitor's reference of the table AmlOnlineEndpointTrafficLog. Rows reach Log Analytics
3 to 10 minutes after their request (Azure Monitor, log data ingestion time).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.azure.connection import Connection
from services.azure.diagnostics import TRAFFIC
from services.azure.log_analytics import QueryRefused, ask, is_unknown_table, literal, time_literal
from services.errors import RuleBroken
from services.model import Endpoint
from services.statuses import DEFAULT_SETS, StatusSets

MOST_ROWS = 500
"""The newest rows that one reading brings."""
STATUS_WORDS = ("2xx", "3xx", "4xx", "5xx", "server errors", "client errors", "408", "424", "429")
"""What :attr:`Wanted.statuses` may hold. :attr:`Wanted.errors` says what server and client errors are."""


@dataclass(frozen=True)
class Wanted:
    """Which rows: by time, deployment names, STATUS_WORDS, and one id (the service's or the caller's).

    ``span`` counts back from now by Azure's clock, whatever this machine's says; with ``since`` and ``until`` the
    absolute time counts instead. Nothing named is everything.
    """

    span: timedelta = timedelta(hours=1)
    since: datetime | None = None
    until: datetime | None = None
    deployments: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    request_id: str = ""
    errors: StatusSets = DEFAULT_SETS

    def __post_init__(self) -> None:
        if (self.since is None) != (self.until is None):
            raise RuleBroken("The traffic log could not be read.", "A time has a begin and an end.", "Give both.")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise RuleBroken(
                "The traffic log could not be read.", "The time ends before it begins.", "Choose another time."
            )


@dataclass(frozen=True)
class Request:
    """One row. Durations are in milliseconds from the begin of the request; None is "not said".

    ``total_ms`` lasts until the last byte of the answer, ``sent_ms`` until the last byte of the request was there,
    ``answered_ms`` until the model's first byte. ``columns`` is the row as it is.
    """

    at: datetime
    deployment: str
    status: int | None
    reason: str
    model_status: int | None
    total_ms: float | None
    sent_ms: float | None
    answered_ms: float | None
    request_id: str
    client_request_id: str
    columns: Mapping[str, Any] = field(repr=False, hash=False, compare=False)

    @property
    def has_failed(self) -> bool:
        """Whether the caller got an error."""
        return self.status is not None and self.status >= 400

    @property
    def model_ms(self) -> float | None:
        """From the last byte of the request to the model's first: near the model's own time."""
        if self.answered_ms is None or self.sent_ms is None:
            return None
        return max(0.0, self.answered_ms - self.sent_ms)


@dataclass(frozen=True)
class Reading:
    """The newest rows first, at most MOST_ROWS of ``total``.

    ``newest_at`` is the time of the endpoint's newest row, whatever was asked for; None when there is none in the last
    day. ``partial`` says why rows are missing, else "".
    """

    requests: tuple[Request, ...]
    total: int
    newest_at: datetime | None
    partial: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than were read."""
        return self.total > len(self.requests)


def read(conn: Connection, endpoint: Endpoint, wanted: Wanted) -> Reading:
    """The rows of ``endpoint`` that are like ``wanted``.

    An endpoint whose log was never sent has no rows: whether it is sent, the diagnostic settings say. Raises
    SluiceError.
    """
    what = f"The traffic log of {endpoint.name} could not be read."
    chosen = " | where ".join(("", *_conditions(wanted)))
    try:
        rows = ask(conn, what, endpoint.id, f"{TRAFFIC}{chosen} | top {MOST_ROWS} by TimeGenerated desc")
        total = len(rows.rows)
        if total >= MOST_ROWS:
            # Only then: rows that arrive between two questions would look like rows that were left out.
            [counted] = ask(conn, what, endpoint.id, f"{TRAFFIC}{chosen} | summarize Requests = count()").records()
            total = max(total, int(counted["Requests"]))
        newest_at = _newest_at(conn, endpoint, what)
    except QueryRefused as error:
        if is_unknown_table(error, TRAFFIC):
            return Reading((), 0, None)
        raise
    requests = tuple(found for row in rows.records() if (found := request_of(row)) is not None)
    return Reading(requests, total, newest_at, rows.partial)


def _newest_at(conn: Connection, endpoint: Endpoint, what: str) -> datetime | None:
    """The newest row of the last day by Azure's clock; None without one."""
    kql = (
        f"{TRAFFIC} | where TimeGenerated > ago(1d) | summarize Newest = max(TimeGenerated), Rows = count()"
        " | where Rows > 0"
    )
    newest = next((row["Newest"] for row in ask(conn, what, endpoint.id, kql).records()), None)
    return newest.astimezone(UTC) if isinstance(newest, datetime) else None


def kql(wanted: Wanted) -> str:
    """The query behind a reading, to go on with by hand. Pure."""
    chosen = "\n| where ".join((TRAFFIC, *_conditions(wanted)))
    return f"{chosen}\n| top {MOST_ROWS} by TimeGenerated desc"


def _conditions(wanted: Wanted) -> list[str]:
    """What the rows have to be like: the time first, by which Log Analytics finds its rows."""
    if wanted.since is not None and wanted.until is not None:
        parts = [f"TimeGenerated >= {time_literal(wanted.since)} and TimeGenerated < {time_literal(wanted.until)}"]
    else:
        parts = [f"TimeGenerated > ago({int(wanted.span.total_seconds())}s)"]
    if wanted.deployments:
        parts.append(f"DeploymentName in~ ({', '.join(map(literal, wanted.deployments))})")
    if wanted.statuses:
        parts.append(" or ".join(_status(each, wanted.errors) for each in wanted.statuses))
    if wanted.request_id:
        asked = literal(wanted.request_id)
        parts.append(f"XRequestId =~ {asked} or XMSClientRequestId =~ {asked}")
    return parts


def _status(word: str, errors: StatusSets) -> str:
    if word not in STATUS_WORDS:
        raise RuleBroken(
            "The traffic log could not be read.", f"{word} is no status to choose.", f"Use {', '.join(STATUS_WORDS)}."
        )
    if word.endswith("errors"):
        return errors.kql("ResponseCode")[word.removesuffix(" errors")]
    if word.endswith("xx"):
        first = int(word[0]) * 100
        return f"ResponseCode between ({first} .. {first + 99})"
    return f"ResponseCode == {word}"


def request_of(row: Mapping[str, Any]) -> Request | None:
    """A row of the table as a request, None when it has no time. Pure."""
    at = row.get("TimeGenerated")
    if not isinstance(at, datetime):
        return None
    return Request(
        at=at.astimezone(UTC),
        deployment=_text(row, "DeploymentName"),
        status=_whole(row.get("ResponseCode")),
        reason=_text(row, "ResponseCodeReason"),
        model_status=_whole(row.get("ModelStatusCode")),
        total_ms=_number(row.get("TotalDurationMs")),
        sent_ms=_number(row.get("RequestDurationMs")),
        answered_ms=_number(row.get("ResponseDurationMs")),
        request_id=_text(row, "XRequestId"),
        client_request_id=_text(row, "XMSClientRequestId"),
        columns=dict(row),
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name) or "")


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def deployments_in(requests: Sequence[Request]) -> set[str]:
    """The names of the deployments that rows tell of. Pure."""
    return {each.deployment for each in requests if each.deployment}
