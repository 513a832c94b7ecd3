"""Diagnostic settings: what may be written, when a category was on, and the answers over HTTP."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.documents import Document, Documents
from emulator.monitor import diagnostics
from emulator.monitor.diagnostics import Refused, SinkNotEmulated
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

SINK = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/local"
ENDPOINT = (
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/w/onlineEndpoints/a"
)
TRAFFIC, CONSOLE, EVENT = diagnostics.LOG_CATEGORIES
VERSION = "2021-05-01-preview"


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Documents]:
    store = Documents(tmp_path / "control.db")
    yield store
    store.close()


def body(*categories: str, sink: str | None = SINK, **more: Any) -> dict[str, Any]:
    logs = [{"category": name, "enabled": True} for name in categories]
    return {"properties": {"workspaceId": sink, "logs": logs, **more}}


def properties(*categories: str, **more: Any) -> Document:
    return diagnostics.read_setting(body(*categories, **more), SINK)


def refusal(given: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        diagnostics.read_setting(given, SINK)
    return caught.value


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({}, "BadRequest", "no properties"),
        (body(TRAFFIC, sink=None), "BadRequest", "At least one data sink"),
        (body(TRAFFIC, sink="local"), "LinkedInvalidPropertyId", "properties.workspaceId"),
        (body(TRAFFIC, sink=SINK + "2"), "ResourceNotFound", "local2"),
        (body("AuditEvent"), "BadRequest", "Category 'AuditEvent' is not supported"),
        (body(TRAFFIC, TRAFFIC.lower()), "BadRequest", "more than once"),
        (body(metrics=[{"category": "Traffic", "enabled": True}]), "BadRequest", "Metric category 'Traffic'"),
        (body(logs=[{"categoryGroup": "audit", "enabled": True}]), "BadRequest", "Category group 'audit'"),
        (body(logs=[{"categoryGroup": "allLogs", "category": TRAFFIC, "enabled": True}]), "BadRequest", "either"),
        (body(logs=[{"category": TRAFFIC}]), "BadRequest", "enabled"),
        (body(logs=["all"]), "BadRequest", "list of objects"),
        (body(TRAFFIC, logAnalyticsDestinationType="Other"), "BadRequest", "destination type"),
        (
            body(logs=[{"category": TRAFFIC, "enabled": True, "retentionPolicy": {"enabled": True, "days": 3}}]),
            "BadRequest",
            "does not support retention",
        ),
    ],
)
def test_a_wrong_setting_is_refused_as_azure_does(given: dict[str, Any], code: str, words: str) -> None:
    refused = refusal(given)
    assert refused.code == code
    assert words in refused.message


@pytest.mark.parametrize("sink", ["storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId"])
def test_a_destination_that_does_not_exist_here_is_named(sink: str) -> None:
    with pytest.raises(SinkNotEmulated, match=sink):
        diagnostics.read_setting(body(TRAFFIC, **{sink: "/subscriptions/s/x"}), SINK)


def test_a_group_stands_for_its_categories() -> None:
    found = properties(logs=[{"categoryGroup": "ALLLOGS", "enabled": True}])
    assert diagnostics.switched_on(found) == [TRAFFIC, CONSOLE, EVENT]
    assert diagnostics.switched_on(properties(logs=[{"categoryGroup": "allLogs", "enabled": False}])) == []


def test_a_sixth_setting_and_a_category_twice_to_one_workspace_are_conflicts(documents: Documents) -> None:
    diagnostics.write_setting(documents, ENDPOINT, "first", properties(TRAFFIC), 1.0)
    with pytest.raises(Refused, match="already used in diagnostic setting 'first' for category 'AmlOnlineEndpointT"):
        diagnostics.write_setting(
            documents, ENDPOINT, "second", properties(logs=[{"categoryGroup": "allLogs", "enabled": True}]), 2.0
        )
    diagnostics.write_setting(documents, ENDPOINT, "FIRST", properties(TRAFFIC, CONSOLE), 2.0)
    for name in ("2", "3", "4", "5"):
        diagnostics.write_setting(documents, ENDPOINT, name, properties(), 3.0)
    with pytest.raises(Refused, match="limit of 5 diagnostic settings") as caught:
        diagnostics.write_setting(documents, ENDPOINT, "6", properties(), 3.0)
    assert caught.value.status == 409
    assert list(diagnostics.settings_of(documents, ENDPOINT)) == ["2", "3", "4", "5", "FIRST"]


def test_it_is_known_when_each_category_was_on(documents: Documents) -> None:
    diagnostics.write_setting(documents, ENDPOINT, "one", properties(TRAFFIC), 10.0)
    diagnostics.write_setting(documents, ENDPOINT, "two", properties(CONSOLE), 20.0)
    diagnostics.write_setting(documents, ENDPOINT, "one", properties(EVENT), 30.0)
    assert diagnostics.delete_setting(documents, ENDPOINT, "TWO", 40.0)
    assert not diagnostics.delete_setting(documents, ENDPOINT, "two", 41.0)
    diagnostics.write_setting(documents, ENDPOINT, "two", properties(TRAFFIC), 50.0)
    assert diagnostics.enabled_since(documents, ENDPOINT.upper()) == {
        TRAFFIC: [(10.0, 30.0), (50.0, None)],
        CONSOLE: [(20.0, 40.0)],
        EVENT: [(30.0, None)],
    }
    assert diagnostics.enabled_since(documents, ENDPOINT + "b") == {}


def test_rows_begin_to_flow_after_the_delay(documents: Documents) -> None:
    diagnostics.write_setting(documents, ENDPOINT, "one", properties(TRAFFIC, CONSOLE), 10.0)
    diagnostics.write_setting(documents, ENDPOINT, "one", properties(TRAFFIC), 15.0)
    assert diagnostics.enabled_since(documents, ENDPOINT, 6.0) == {TRAFFIC: [(16.0, None)]}


def test_a_setting_written_again_does_not_begin_anew(documents: Documents) -> None:
    for at in (10.0, 20.0):
        diagnostics.write_setting(documents, ENDPOINT, "one", properties(TRAFFIC), at)
    assert diagnostics.enabled_since(documents, ENDPOINT) == {TRAFFIC: [(10.0, None)]}


def test_a_deleted_endpoint_has_no_settings_and_keeps_its_times(documents: Documents) -> None:
    diagnostics.write_setting(documents, ENDPOINT, "one", properties(TRAFFIC), 10.0)
    diagnostics.write_setting(documents, f"{ENDPOINT}b", "one", properties(TRAFFIC), 10.0)
    diagnostics.forget_endpoint(documents, ENDPOINT, 20.0)
    assert diagnostics.settings_of(documents, ENDPOINT) == {}
    assert diagnostics.enabled_since(documents, ENDPOINT) == {TRAFFIC: [(10.0, 20.0)]}
    assert list(diagnostics.settings_of(documents, f"{ENDPOINT}b")) == ["one"]


@dataclasses.dataclass(frozen=True)
class Diagnosed:
    azure: LocalAzure
    sink: str

    def ask(self, method: str, name: str = "", given: dict[str, Any] | None = None, *, below: str = "") -> Any:
        path = f"onlineEndpoints/diagnosed{below}/providers/Microsoft.Insights/diagnosticSettings{name}"
        return self.azure.arm(method, path, given, version=VERSION)


@pytest.fixture(scope="module")
def diagnosed(local_azure: LocalAzure) -> Iterator[Diagnosed]:
    seed = {"endpoints": [{"name": "diagnosed", "deployments": [{"name": "blue"}]}]}
    local_azure.control("POST", "seed", seed).raise_for_status()
    group = local_azure.workspace.split("/providers/")[0]
    listed = local_azure.arm("GET", f"{group}/providers/Microsoft.OperationalInsights/workspaces").json()
    yield Diagnosed(local_azure, listed["value"][0]["id"])
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/diagnosed"))


@pytest.mark.emulator
def test_a_setting_is_put_read_listed_and_deleted(diagnosed: Diagnosed) -> None:
    made = diagnosed.ask("PUT", "/Main", body(TRAFFIC, sink=diagnosed.sink))
    assert made.status_code == 200
    assert made.json()["type"] == "Microsoft.Insights/diagnosticSettings"
    assert made.json()["properties"]["logs"] == [
        {
            "category": TRAFFIC,
            "categoryGroup": None,
            "enabled": True,
            "retentionPolicy": {"enabled": False, "days": 0},
        }
    ]
    assert diagnosed.ask("GET", "/main").json() == made.json()
    assert diagnosed.ask("GET").json() == {"value": [made.json()]}
    assert [diagnosed.ask("DELETE", "/main").status_code for _ in range(2)] == [200, 204]
    gone = diagnosed.ask("GET", "/main")
    assert (gone.status_code, gone.json()["code"]) == (404, "ResourceNotFound")


@pytest.mark.emulator
def test_refusals_come_without_an_envelope(diagnosed: Diagnosed) -> None:
    refused = diagnosed.ask("PUT", "/main", body("Nonsense", sink=diagnosed.sink))
    assert refused.status_code == 400
    assert set(refused.json()) == {"code", "message"}
    elsewhere = diagnosed.ask("PUT", "/main", body(TRAFFIC, sink=diagnosed.sink, storageAccountId="/subscriptions/x"))
    assert elsewhere.status_code == 501


@pytest.mark.emulator
def test_a_deployment_takes_no_settings_and_an_unknown_endpoint_is_missing(diagnosed: Diagnosed) -> None:
    refused = diagnosed.ask("PUT", "/main", body(TRAFFIC, sink=diagnosed.sink), below="/deployments/blue")
    assert (refused.status_code, refused.json()["code"]) == (400, "ResourceTypeNotSupported")
    path = "onlineEndpoints/nobody/providers/Microsoft.Insights/diagnosticSettings"
    assert diagnosed.azure.arm("GET", path, version=VERSION).json()["error"]["code"] == "ResourceNotFound"
    path = "providers/Microsoft.Insights/diagnosticSettings"
    assert diagnosed.azure.arm("GET", path, version=VERSION).status_code == 501


@pytest.mark.emulator
def test_categories_say_their_kind_and_group(diagnosed: Diagnosed) -> None:
    found = diagnosed.ask("GET", "Categories").json()["value"]
    assert [(each["name"], each["properties"]["categoryType"]) for each in found] == [
        (TRAFFIC, "Logs"),
        (CONSOLE, "Logs"),
        (EVENT, "Logs"),
        ("AllMetrics", "Metrics"),
    ]
    assert found[0]["properties"]["categoryGroups"] == ["allLogs"]
    assert diagnosed.ask("GET", "Categories/allmetrics").json() == found[3]
    assert diagnosed.ask("GET", "Categories/other").status_code == 404


@pytest.mark.emulator
def test_the_log_workspace_tells_its_customer_id(diagnosed: Diagnosed) -> None:
    azure = diagnosed.azure
    found = azure.arm("GET", diagnosed.sink).json()
    assert len(found["properties"]["customerId"]) == 36
    assert azure.arm("GET", diagnosed.sink + "2").status_code == 404
    subscription = diagnosed.sink.split("/resourceGroups/")[0]
    listed = azure.arm("GET", f"{subscription}/providers/Microsoft.OperationalInsights/workspaces").json()
    assert listed == {"value": [found]}


@pytest.mark.emulator
def test_settings_go_with_their_endpoint(local_azure: LocalAzure, diagnosed: Diagnosed) -> None:
    path = "onlineEndpoints/brief/providers/Microsoft.Insights/diagnosticSettings"
    create_endpoint(local_azure, "brief")
    assert local_azure.arm("PUT", f"{path}/main", body(TRAFFIC, sink=diagnosed.sink), version=VERSION).ok
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/brief"))
    create_endpoint(local_azure, "brief")
    assert local_azure.arm("GET", path, version=VERSION).json() == {"value": []}
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/brief"))
