"""Questions to the Log Analytics workspace that the settings name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from azure.monitor.query import LogsQueryClient, LogsQueryPartialResult

from services.azure.connection import Connection
from services.azure.translation import translated
from services.errors import NotConfigured

_ROLE = "Log Analytics Reader"
_PUBLIC = "https://api.loganalytics.io"
_ADDRESSES = {
    "AzureUSGovernment": "https://api.loganalytics.us",
    "AzureChinaCloud": "https://api.loganalytics.azure.cn",
}
"""The logs query service of the sovereign clouds (azure-monitor-query, README); all others use the public one."""


def query(conn: Connection, what: str, kql: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The rows that answer ``kql`` between ``since`` and ``until``, each as column → value.

    ``what`` says what failed when it fails: a whole sentence. An answer that Azure cut short counts as it came.
    Raises NotConfigured without a Log Analytics workspace, and the other SluiceErrors.
    """
    workspace = conn.settings.log_workspace_id
    if not workspace:
        raise NotConfigured(
            what,
            "Sluice does not know which Log Analytics workspace holds the endpoints' logs.",
            "Set SLUICE_LOG_WORKSPACE_ID to its id (a GUID), and send the endpoint's logs there with a diagnostic "
            "setting.",
        )
    address = _address(conn)
    with translated(replace(conn.call(what, _ROLE), address=urlsplit(address).netloc)):
        result = _client(conn, address).query_workspace(workspace, kql, timespan=(since, until))
    tables = result.partial_data if isinstance(result, LogsQueryPartialResult) else result.tables
    return [dict(zip(table.columns, row, strict=True)) for table in tables[:1] for row in table.rows]


def literal(text: str) -> str:
    """``text`` as a KQL string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _address(conn: Connection) -> str:
    return conn.settings.logs_endpoint or _ADDRESSES.get(conn.cloud.name, _PUBLIC)


def _client(conn: Connection, address: str) -> LogsQueryClient:
    key = ("log_analytics", "client")
    if key not in conn.memory:
        # Tokens are for the service, wherever it is reached: a private address changes nothing about the audience.
        audience = _ADDRESSES.get(conn.cloud.name, _PUBLIC)
        conn.memory[key] = LogsQueryClient(conn.credential, endpoint=address, audience=audience, **conn.client_options)
    return conn.memory[key]
