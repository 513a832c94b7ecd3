"""/_emulator: behind its own secret, closed to web pages, and careful with what it takes."""

from __future__ import annotations

import pytest
import requests

from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


def test_without_the_secret_nothing_is_told(local_azure: LocalAzure) -> None:
    address = local_azure.environment["EMULATOR_CONTROL_URL"] + "/health"
    for headers in ({}, {"x-emulator-secret": "wrong"}, {"Authorization": f"Bearer {local_azure.token()}"}):
        answer = requests.get(address, headers=headers, verify=local_azure.bundle, timeout=60)
        assert answer.status_code == 401


def test_a_web_page_is_refused_even_with_the_secret(local_azure: LocalAzure) -> None:
    answer = requests.get(
        local_azure.environment["EMULATOR_CONTROL_URL"] + "/health",
        headers={
            "Origin": "https://localhost:8501",
            "x-emulator-secret": local_azure.environment["EMULATOR_CONTROL_SECRET"],
        },
        verify=local_azure.bundle,
        timeout=60,
    )
    assert answer.status_code == 403


def test_health_tells_what_runs(local_azure: LocalAzure) -> None:
    health = local_azure.control("GET", "health").json()
    assert health["status"] == "ok"
    assert health["restoring"] == []


def test_settings_change_what_they_name_and_nothing_else(local_azure: LocalAzure) -> None:
    before = local_azure.control("GET", "settings").json()
    try:
        after = local_azure.control("POST", "settings", {"metric_delay_seconds": 60}).json()
        assert after == {**before, "metric_delay_seconds": 60.0}
    finally:
        local_azure.control("POST", "settings", before).raise_for_status()
    refused = local_azure.control("POST", "settings", {"speed": 9})
    assert refused.status_code == 400
    assert "operation_seconds" in refused.json()["error"]["message"]


@pytest.mark.parametrize("query", ["since=yesterday", "limit=0", "limit=x", "limit=100001"])
def test_rows_are_asked_for_with_numbers(local_azure: LocalAzure, query: str) -> None:
    assert local_azure.control("GET", f"requests?{query}").status_code == 400
