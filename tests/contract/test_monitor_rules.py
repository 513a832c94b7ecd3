"""Rules of autoscale, diagnostic settings and the activity log that only show in statuses and addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.mgmt.monitor import MonitorManagementClient

from tests.contract.management_clients import DiagnosticSettings, monitor_client
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

CATEGORIES = ["AmlOnlineEndpointTrafficLog", "AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog"]


@pytest.fixture(scope="module")
def client(local_azure: LocalAzure) -> Iterator[MonitorManagementClient]:
    with monitor_client(local_azure) as made:
        yield made


@pytest.fixture(scope="module")
def settings(local_azure: LocalAzure) -> Iterator[DiagnosticSettings]:
    made = DiagnosticSettings(local_azure)
    yield made
    made.close()


@pytest.fixture(scope="module")
def endpoint(local_azure: LocalAzure) -> Iterator[str]:
    create_endpoint(local_azure, "ruled")
    yield f"{local_azure.workspace}/onlineEndpoints/ruled"
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/ruled"))


@pytest.fixture(scope="module")
def sink(local_azure: LocalAzure) -> str:
    group = local_azure.workspace.split("/providers/")[0]
    found = local_azure.arm("GET", f"{group}/providers/Microsoft.OperationalInsights/workspaces").json()
    return str(found["value"][0]["id"])


def wanted(sink: str, *categories: str) -> dict[str, Any]:
    logs = [{"category": name, "enabled": True} for name in categories]
    return {"properties": {"workspaceId": sink, "logs": logs, "metrics": []}}


def test_autoscale_answers_with_the_statuses_of_its_reference(
    client: MonitorManagementClient, local_azure: LocalAzure
) -> None:
    made = {"endpoints": [{"name": "statuses", "deployments": [{"name": "blue", "capacity": 1}]}]}
    local_azure.control("POST", "seed", made).raise_for_status()
    group, seen = local_azure.environment["AZURE_RESOURCE_GROUP"], []
    setting = {
        "location": "westeurope",
        "enabled": False,
        "target_resource_uri": f"{local_azure.workspace}/onlineEndpoints/statuses/deployments/blue",
        "profiles": [{"name": "p", "capacity": {"minimum": 1, "maximum": 2, "default": 1}, "rules": []}],
    }

    def note(answer: Any) -> None:
        seen.append(answer.http_response.status_code)

    settings = client.autoscale_settings
    steps: list[tuple[Callable[..., Any], str, list[Any]]] = [
        (settings.create_or_update, "seen", [setting]),
        (settings.create_or_update, "seen", [setting]),
        (settings.create_or_update, "rival", [setting]),
        (settings.delete, "seen", []),
        (settings.delete, "seen", []),
        (settings.get, "seen", []),
    ]
    for call, name, body in steps:
        with suppress(HttpResponseError):
            call(group, name, *body, raw_response_hook=note)
    assert seen == [201, 200, 409, 200, 204, 404]
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/statuses"))


def test_a_sixth_diagnostic_setting_is_refused(settings: DiagnosticSettings, endpoint: str, sink: str) -> None:
    names = [f"setting-{number}" for number in range(6)]
    answers = [settings.send("PUT", endpoint, name, wanted(sink)) for name in names]
    assert [answer.status_code for answer in answers] == [200] * 5 + [409]
    assert "limit of 5 diagnostic settings" in answers[-1].json()["message"]
    assert [settings.send("DELETE", endpoint, name).status_code for name in names] == [200] * 5 + [204]


def test_a_put_replaces_the_whole_setting(settings: DiagnosticSettings, endpoint: str, sink: str) -> None:
    settings.send("PUT", endpoint, "whole", wanted(sink, *CATEGORIES)).raise_for_status()
    settings.send("PUT", endpoint, "whole", wanted(sink, CATEGORIES[1])).raise_for_status()
    found = settings.send("GET", endpoint, "whole").json()
    assert (found["name"], found["type"]) == ("whole", "Microsoft.Insights/diagnosticSettings")
    assert found["id"].lower() == f"{endpoint}/providers/microsoft.insights/diagnosticsettings/whole".lower()
    on = [each["category"] for each in found["properties"]["logs"] if each["enabled"]]
    assert on == [CATEGORIES[1]]
    settings.send("DELETE", endpoint, "whole").raise_for_status()


def test_the_management_client_can_send_what_it_has_no_method_for(
    client: MonitorManagementClient, endpoint: str
) -> None:
    path = f"{endpoint}/providers/Microsoft.Insights/diagnosticSettingsCategories?api-version=2021-05-01-preview"
    answer = client._send_request(HttpRequest("GET", path))
    answer.raise_for_status()
    found = {each["name"]: each["properties"]["categoryType"] for each in answer.json()["value"]}
    assert found == {**dict.fromkeys(CATEGORIES, "Logs"), "AllMetrics": "Metrics"}


def test_the_activity_log_takes_the_time_and_one_more_clause(
    client: MonitorManagementClient, local_azure: LocalAzure, endpoint: str
) -> None:
    since = f"eventTimestamp ge '{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}'"
    uri = f"resourceUri eq '{endpoint}'"
    first = next(client.activity_logs.list(filter=f"{since} and {uri}"))
    clauses = (
        uri,
        f"resourceGroupName eq '{local_azure.environment['AZURE_RESOURCE_GROUP']}'",
        "resourceProvider eq 'Microsoft.MachineLearningServices'",
        f"correlationId eq '{first.correlation_id}'",
    )
    for clause in clauses:
        ids = {each.event_data_id for each in client.activity_logs.list(filter=f"{since} and {clause}")}
        assert first.event_data_id in ids, clause
    for text in (uri, f"{since} and {clauses[0]} and {clauses[1]}", ""):
        with pytest.raises(HttpResponseError) as caught:
            next(client.activity_logs.list(filter=text))
        assert caught.value.status_code == 400, text


def test_the_next_page_of_the_activity_log_is_an_address_to_be_asked_as_it_stands(local_azure: LocalAzure) -> None:
    for _ in range(101):
        local_azure.arm("DELETE", "onlineEndpoints/two-pages")
    since = f"eventTimestamp ge '{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}'"
    text = f"{since} and resourceUri eq '{local_azure.workspace}/onlineEndpoints/two-pages'".replace(" ", "%20")
    subscription = f"/subscriptions/{local_azure.environment['AZURE_SUBSCRIPTION_ID']}"
    path = f"{subscription}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01"
    page = local_azure.arm("GET", f"{path}&$filter={text}", version=None).json()
    link = page["nextLink"]
    assert f"{urlsplit(link).scheme}://{urlsplit(link).netloc}" == local_azure.url
    assert " " not in link
    rest = local_azure.arm("GET", link.removeprefix(local_azure.url), version=None).json()
    assert len(page["value"]) + len(rest["value"]) == 202
    assert "nextLink" not in rest
