"""Microsoft's Monitor clients on a local Azure, and what their tests fill it with."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.credentials import AccessToken
from azure.mgmt.monitor import MonitorManagementClient
from azure.monitor.query import LogsQueryClient
from azure.monitor.querymetrics import MetricsClient

from tests.local_azure import LocalAzure

LOGS_AUDIENCE = "https://api.loganalytics.io"
_DIAGNOSTICS = "2021-05-01-preview"
TABLES = ("AmlOnlineEndpointTrafficLog", "AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog")


class Credential:
    """Tokens of the managed-identity endpoint, for whatever audience a client asks."""

    def __init__(self, azure: LocalAzure, role: str = "owner") -> None:
        self._azure = azure
        self._role = role

    def get_token(self, *scopes: str, **_: Any) -> Any:
        """What azure-core asks a credential for."""
        token = self._azure.token(self._role, scopes[0].removesuffix("/.default"))
        return AccessToken(token, int(time.time()) + 600)


def logs_client(azure: LocalAzure, role: str = "owner", **options: Any) -> LogsQueryClient:
    """azure-monitor-query; `endpoint` and `audience` are its arguments for sovereign clouds."""
    options = {"endpoint": azure.url, "audience": LOGS_AUDIENCE, "retry_total": 0, **options}
    return LogsQueryClient(Credential(azure, role), connection_verify=azure.bundle, **options)


def metrics_client(azure: LocalAzure, role: str = "owner") -> MetricsClient:
    """azure-monitor-querymetrics."""
    return MetricsClient(azure.url, Credential(azure, role), connection_verify=azure.bundle, retry_total=0)


def monitor_client(azure: LocalAzure) -> MonitorManagementClient:
    """azure-mgmt-monitor."""
    return MonitorManagementClient(
        Credential(azure),
        azure.environment["AZURE_SUBSCRIPTION_ID"],
        base_url=azure.url,
        credential_scopes=["https://management.azure.com/.default"],
        connection_verify=azure.bundle,
        retry_total=0,
    )


def seed(azure: LocalAzure, **content: Any) -> None:
    """Fill the local Azure through its own controls."""
    azure.control("POST", "seed", content).raise_for_status()


SHADOW_SWITCHES = {
    "shadow_in_endpoint_metrics": False,
    "shadow_in_deployment_metrics": True,
    "shadow_in_traffic_log": False,
    "shadow_in_console_log": True,
    "metric_delay_seconds": 0,
    "log_delay_seconds": 0,
}
"""Where mirrored requests are visible and how late, as it always is."""


def set_switches(azure: LocalAzure, **values: Any) -> None:
    """Set switches of the local Azure."""
    azure.control("POST", "settings", values).raise_for_status()


def switch_logs_on(azure: LocalAzure, endpoint_id: str, *tables: str, name: str = "to-logs", ago: float = 0.0) -> None:
    """Make a diagnostic setting, `ago` seconds ago by the local Azure's clock, in place of what others have left."""
    if ago:
        set_switches(azure, clock_shift_seconds=-ago)
    try:
        sink = f"{azure.workspace.partition('/providers/')[0]}/providers/Microsoft.OperationalInsights/workspaces"
        [workspace] = azure.arm("GET", sink, version="2023-09-01").json()["value"]
        logs = [{"category": table, "enabled": True} for table in tables or TABLES]
        settings = f"{endpoint_id}/providers/Microsoft.Insights/diagnosticSettings"
        for other in azure.arm("GET", settings, version=_DIAGNOSTICS).json()["value"]:
            taken = {log["category"] for log in other["properties"]["logs"] if log.get("enabled")}
            if other["name"] != name and taken & set(tables or TABLES):
                azure.arm("DELETE", f"{settings}/{other['name']}", version=_DIAGNOSTICS).raise_for_status()
        body = {"properties": {"workspaceId": workspace["id"], "logs": logs}}
        azure.arm("PUT", f"{settings}/{name}", body, version=_DIAGNOSTICS).raise_for_status()
    finally:
        if ago:
            set_switches(azure, clock_shift_seconds=0)


def switch_logs_off(azure: LocalAzure, endpoint_id: str) -> None:
    """Delete all diagnostic settings of an endpoint. What was sent before stays in Log Analytics."""
    settings = f"{endpoint_id}/providers/Microsoft.Insights/diagnosticSettings"
    for each in azure.arm("GET", settings, version=_DIAGNOSTICS).json()["value"]:
        azure.arm("DELETE", f"{settings}/{each['name']}", version=_DIAGNOSTICS).raise_for_status()


def wait_for_quiet_minute(azure: LocalAzure, endpoint: str) -> None:
    """Return in a minute in which nobody has asked the endpoint anything yet: at once, or when the next one begins."""

    def asked() -> list[dict[str, Any]]:
        minute = time.time() // 60 * 60
        rows = azure.control("GET", f"requests?endpoint={endpoint}&since={minute}").json()["value"]
        # Tests that shift the clock ask in minutes that are still to come.
        return [each for each in rows if each["started_at"] < minute + 60]

    deadline, pause = time.monotonic() + 150, threading.Event()
    while asked():
        assert time.monotonic() < deadline, f"somebody goes on asking: {asked()[-1:]}"
        pause.wait(0.2)


def past(minutes: int) -> datetime:
    """A whole minute, so many minutes ago."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes)
