"""Questions to Log Analytics about the rows of a resource, in whichever workspace they are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError
from azure.monitor.query import LogsQueryClient, LogsQueryPartialResult

from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.translation import clean, not_understood, translated, understood
from services.errors import RuleBroken

_PUBLIC = "https://api.loganalytics.io"
_ADDRESSES = {
    "AzureUSGovernment": "https://api.loganalytics.us",
    "AzureChinaCloud": "https://api.loganalytics.azure.cn",
}
"""The logs query service of the sovereign clouds (azure-monitor-query, README); all others use the public one."""

Span = timedelta | tuple[datetime, datetime]
"""Which rows by their time: the newest by Azure's clock, or those of an absolute time."""

_WAIT_SECONDS = 120
"""How long Log Analytics may work on a query (its own default is 180, its most 600)."""
_READ_SECONDS = _WAIT_SECONDS + 10.0


@dataclass(frozen=True)
class Column:
    """A column of an answer; ``kind`` is Log Analytics' type: string, int, long, real, datetime, bool, dynamic…"""

    name: str
    kind: str


@dataclass(frozen=True)
class Rows:
    """What a query answered. ``partial`` says why rows are missing when the service left some out, else ""."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    partial: str = ""

    def records(self) -> list[dict[str, Any]]:
        """The rows, each as column → value."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class QueryRefused(RuleBroken):
    """A query that Log Analytics does not understand. ``line`` and ``column`` count from 1; None when not said."""

    def __init__(
        self,
        what: str,
        why: str,
        next_step: str,
        *,
        request_id: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(what, why, next_step, request_id=request_id)
        self.line = line
        self.column = column


def ask(conn: Connection, what: str, resource_id: str, kql: str, span: Span | None = None) -> Rows:
    """What the rows of one resource answer to ``kql``, wherever they are kept.

    It needs the right to read the resource, and no name of a workspace. ``span`` narrows the rows; None leaves
    it to the query. ``what`` says what failed when it fails: a whole sentence. Raises
    QueryRefused for a query that cannot be run, and the other SluiceErrors.
    """
    address = _address(conn)
    call = replace(conn.call(what, "Reader"), address=urlsplit(address).netloc)
    with translated(call), understood(call):
        try:
            result = _client(conn, address).query_resource(
                resource_id, kql, timespan=span, server_timeout=_WAIT_SECONDS, read_timeout=_READ_SECONDS
            )
        except HttpResponseError as error:
            refused = _refused(error, what)
            if refused is None:
                raise
            raise refused from error
    is_partial = isinstance(result, LogsQueryPartialResult)
    tables = result.partial_data if isinstance(result, LogsQueryPartialResult) else result.tables
    if not tables and is_partial:
        return Rows((), (), _reason(result))
    if not tables:
        # Even no rows are a table: without one nobody may say that there are none.
        raise not_understood(call)
    kinds = zip(tables[0].columns, tables[0].columns_types, strict=True)
    return Rows(
        columns=tuple(Column(str(name), str(kind)) for name, kind in kinds),
        rows=tuple(tuple(row) for row in tables[0].rows),
        partial=_reason(result) if is_partial else "",
    )


def ask_table(conn: Connection, what: str, resource_id: str, table: str, rest: str, span: Span | None = None) -> Rows:
    """What ``table`` answers to ``rest``, which begins with a ``|`` or is empty: :func:`ask` for a table of its own.

    No workspace has a table before something was sent to it: then there are no rows. Raises as :func:`ask`.
    """
    try:
        return ask(conn, what, resource_id, f"{table} {rest}", span)
    except QueryRefused as error:
        if is_unknown_table(error, table):
            return Rows((), ())
        raise


def is_unknown_table(error: QueryRefused, table: str) -> bool:
    """Whether a query was refused because no workspace has this table yet."""
    return table.lower() in error.why.lower() and "resolve" in error.why.lower()


def literal(text: str) -> str:
    """``text`` as a KQL string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def time_literal(at: datetime) -> str:
    """``at`` as a KQL datetime literal."""
    return f"datetime({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z)"


def span_of(conn: Connection, what: str, span: timedelta, since: datetime | None, until: datetime | None) -> Span:
    """Back from now by Azure's clock, or from ``since`` to ``until`` when one of them is said.

    The other one is ``span`` before it, or now. Raises RuleBroken for a time that ends before it begins.
    """
    if since is None and until is None:
        return span
    until = until or conn.now()
    since = since or until - span
    if since >= until:
        raise RuleBroken(what, "The time ends before it begins, or lies in the future.", "Choose another time.")
    return since, until


def _reason(result: LogsQueryPartialResult) -> str:
    """Why an answer is partial: the message of the innermost error, which alone says it."""
    found = str(getattr(result.partial_error, "message", "") or "")
    for detail in getattr(result.partial_error, "details", None) or []:
        messages = _messages(detail)
        found = messages[-1] if messages else found
    return clean(found) or "Log Analytics does not say why"


def _refused(error: HttpResponseError, what: str) -> QueryRefused | None:
    """The refusal of a query text, None for an answer that is about something else."""
    try:
        body = json.loads(error.response.text()) if error.response is not None else {}
    except ValueError:
        return None
    found = body.get("error") if isinstance(body, dict) else None
    if not isinstance(found, dict) or found.get("code") != "BadArgumentError":
        return None
    inner = found
    while isinstance(inner.get("innererror"), dict):
        inner = inner["innererror"]
    line, position = inner.get("line"), inner.get("pos")
    messages = _messages(found)
    return QueryRefused(
        what,
        f"{clean(messages[-1]) if messages else 'Log Analytics does not understand the query'}.",
        "Correct the query and run it again.",
        request_id=error.response.headers.get("x-ms-request-id") if error.response is not None else None,
        line=line if isinstance(line, int) else None,
        # Log Analytics counts positions in a line from 0.
        column=position + 1 if isinstance(position, int) else None,
    )


def _messages(error: Json) -> list[str]:
    """The messages of an error and of what lies within it, the innermost last."""
    found: list[str] = []
    while isinstance(error, Mapping):
        if error.get("message"):
            found.append(str(error["message"]))
        error = error.get("innererror")
    return found


def _address(conn: Connection) -> str:
    return conn.settings.logs_endpoint or _ADDRESSES.get(conn.cloud.name, _PUBLIC)


def _client(conn: Connection, address: str) -> LogsQueryClient:
    key = ("log_analytics", "client")
    if key not in conn.memory:
        # Tokens are for the service, wherever it is reached: a private address changes nothing about the audience.
        audience = _ADDRESSES.get(conn.cloud.name, _PUBLIC)
        conn.memory[key] = LogsQueryClient(conn.credential, endpoint=address, audience=audience, **conn.client_options)
    return conn.memory[key]
