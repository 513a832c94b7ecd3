"""Diagnostic settings through azure-mgmt-core, as programs write them that need them with azure-mgmt-monitor 7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.management_clients import DiagnosticSettings
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
CATEGORIES = ("AmlOnlineEndpointTrafficLog", "AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog")


@pytest.fixture(scope="module")
def endpoint(local_azure: LocalAzure) -> Iterator[str]:
    create_endpoint(local_azure, "diagnosed-by-sdk")
    yield f"{local_azure.workspace}/onlineEndpoints/diagnosed-by-sdk"
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/diagnosed-by-sdk"))


@pytest.fixture(scope="module")
def settings(local_azure: LocalAzure) -> Iterator[DiagnosticSettings]:
    made = DiagnosticSettings(local_azure)
    yield made
    made.close()


@pytest.fixture(scope="module")
def sink(local_azure: LocalAzure) -> str:
    group = local_azure.workspace.split("/providers/")[0]
    found = local_azure.arm("GET", f"{group}/providers/Microsoft.OperationalInsights/workspaces").json()
    return str(found["value"][0]["id"])


def body(sink: str) -> dict[str, Any]:
    return {
        "properties": {
            "workspaceId": sink,
            "logAnalyticsDestinationType": None,
            "logs": [{"category": name, "enabled": True} for name in CATEGORIES],
            "metrics": [{"category": "AllMetrics", "enabled": True}],
        }
    }


def test_a_setting_is_put_listed_and_deleted(settings: DiagnosticSettings, endpoint: str, sink: str) -> None:
    put = settings.send("PUT", endpoint, "to-logs", body(sink))
    put.raise_for_status()
    assert [each["category"] for each in put.json()["properties"]["logs"]] == list(CATEGORIES)
    assert settings.send("GET", endpoint).json()["value"] == [put.json()]
    rival = settings.send("PUT", endpoint, "rival", body(sink))
    assert rival.status_code == 409
    assert "Data sinks can't be reused" in rival.json()["message"]
    assert settings.send("DELETE", endpoint, "to-logs").status_code == 200
    assert settings.send("DELETE", endpoint, "to-logs").status_code == 204
    assert settings.send("GET", endpoint, "to-logs").status_code == 404
