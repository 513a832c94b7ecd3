"""Endpoints and deployments through azure-mgmt-machinelearningservices, and through nothing but curl."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient
from azure.mgmt.machinelearningservices.models import (
    OnlineEndpoint,
    OnlineEndpointProperties,
    PartialMinimalTrackedResourceWithIdentity,
    PartialMinimalTrackedResourceWithSku,
    PartialSku,
    RegenerateEndpointKeysRequest,
)

from tests.contract.wire import management_client
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
VERSIONS = ["2022-02-01-preview", "2022-05-01", "2023-04-01-preview", "2024-10-01", "2025-12-01"]


@pytest.fixture(scope="module")
def place(local_azure: LocalAzure) -> tuple[str, str]:
    return local_azure.environment["AZURE_RESOURCE_GROUP"], local_azure.environment["AZUREML_WORKSPACE_NAME"]


@pytest.fixture(scope="module")
def client(local_azure: LocalAzure) -> Iterator[MachineLearningServicesMgmtClient]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_azure.environment.items():
            patch.setenv(name, value)
        patch.setenv("AZUREML_CURRENT_CLOUD", "AzureLocal")
        local_azure.control("POST", "settings", {"operation_seconds": 0}).raise_for_status()
        with management_client(local_azure) as made:
            yield made
        local_azure.control("POST", "settings", {"operation_seconds": 0.3}).raise_for_status()


@pytest.fixture(scope="module")
def seeded(local_azure: LocalAzure) -> Iterator[list[str]]:
    """Five endpoints without processes; the first one has three deployments."""
    names = [f"many-{number}" for number in range(5)]
    entries: list[dict[str, Any]] = [{"name": name, "tags": {"batch": "many", "last": name[-1]}} for name in names]
    deployments = ["blue", "green", {"name": "red", "capacity": 3}]
    entries[0] |= {"deployments": deployments, "traffic": {"blue": 90, "green": 10}, "mirrorTraffic": {"red": 5}}
    local_azure.control("POST", "seed", {"endpoints": entries}).raise_for_status()
    yield names
    for name in names:
        local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{name}"))


def test_pages_are_followed_to_the_end(
    client: MachineLearningServicesMgmtClient, place: tuple[str, str], seeded: list[str], local_azure: LocalAzure
) -> None:
    pages = client.online_endpoints.list(*place, count=2, tags="batch=many").by_page()
    assert [[each.name for each in page] for page in pages] == [seeded[:2], seeded[2:4], seeded[4:]]
    newest = client.online_endpoints.list(*place, tags="batch", order_by="CreatedAtDesc")
    assert {each.name for each in newest} == set(seeded)
    assert [each.name for each in client.online_endpoints.list(*place, name="many-3")] == ["many-3"]
    assert list(client.online_endpoints.list(*place, compute_type="Kubernetes")) == []
    pages = client.online_deployments.list(*place, "many-0", top=2).by_page()
    assert [[each.name for each in page] for page in pages] == [["blue", "green"], ["red"]]
    scope = f"{local_azure.url}{local_azure.workspace}"
    headers = {"Authorization": f"Bearer {local_azure.token()}"}
    first = curl(local_azure, f"{scope}/onlineEndpoints?api-version=2024-10-01&count=3&tags=batch", headers)
    assert len(first["value"]) == 3
    assert first["nextLink"].startswith(f"{scope}/onlineEndpoints?")
    assert len(curl(local_azure, first["nextLink"], headers)["value"]) == 2


def curl(azure: LocalAzure, address: str, headers: dict[str, str]) -> dict[str, Any]:
    lines = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    done = subprocess.run(
        ["curl", "-sS", "--fail", "--cacert", azure.bundle, *lines, address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_published_version_reads_the_same_endpoints(
    local_azure: LocalAzure, seeded: list[str], version: str
) -> None:
    for path in ("onlineEndpoints", "onlineEndpoints/many-0", "onlineEndpoints/many-0/deployments/red"):
        assert local_azure.arm("GET", path, version=version).status_code == 200


def test_an_endpoint_lives_through_the_management_client(
    client: MachineLearningServicesMgmtClient, place: tuple[str, str]
) -> None:
    endpoints = client.online_endpoints
    wanted = OnlineEndpoint(location="westeurope", properties=OnlineEndpointProperties(auth_mode="Key"))
    made = endpoints.begin_create_or_update(*place, "managed", wanted, polling_interval=0.1).result()
    assert (made.name, made.properties.provisioning_state) == ("managed", "Succeeded")
    change = PartialMinimalTrackedResourceWithIdentity(tags={"a": "b"})
    assert endpoints.begin_update(*place, "managed", change).result().tags == {"a": "b"}
    before = endpoints.list_keys(*place, "managed")
    asked = RegenerateEndpointKeysRequest(key_type="Primary", key_value=before.primary_key)
    endpoints.begin_regenerate_keys(*place, "managed", asked).result()
    assert endpoints.list_keys(*place, "managed").primary_key != before.primary_key
    with pytest.raises(HttpResponseError, match="authMode Key"):
        endpoints.get_token(*place, "managed")
    endpoints.begin_delete(*place, "managed").result()
    assert "managed" not in [each.name for each in endpoints.list(*place)]


def test_seeded_deployments_can_be_changed_although_nothing_runs(
    client: MachineLearningServicesMgmtClient, place: tuple[str, str], seeded: list[str], local_azure: LocalAzure
) -> None:
    deployments = client.online_deployments
    change = PartialMinimalTrackedResourceWithSku(sku=PartialSku(capacity=4), tags={"a": "b"})
    changed = deployments.begin_update(*place, "many-0", "red", change).result()
    assert (changed.sku.capacity, changed.tags, changed.properties.provisioning_state) == (4, {"a": "b"}, "Succeeded")
    (sku,) = deployments.list_skus(*place, "many-0", "red")
    assert (sku.capacity.minimum, sku.capacity.maximum, sku.capacity.scale_type) == (1, 50, "Manual")
    assert local_azure.arm("POST", "onlineEndpoints/many-0/deployments/red/getLogs").json() == {"content": ""}
    split = {"blue": 50, "green": 50}
    document = local_azure.arm("GET", "onlineEndpoints/many-0").json()
    document["properties"] |= {"traffic": split, "mirrorTraffic": {}}
    assert local_azure.finish(local_azure.arm("PUT", "onlineEndpoints/many-0", document))["status"] == "Succeeded"
    deployments.begin_delete(*place, "many-0", "red").result()
    assert [each.name for each in deployments.list(*place, "many-0")] == ["blue", "green"]
    assert client.online_endpoints.get(*place, "many-0").properties.traffic == split
    with pytest.raises(HttpResponseError, match="50 percent"):
        deployments.begin_delete(*place, "many-0", "blue")


def test_a_name_is_taken_in_every_workspace_of_the_cloud(
    local_azure: LocalAzure, place: tuple[str, str], seeded: list[str]
) -> None:
    subscription = local_azure.environment["AZURE_SUBSCRIPTION_ID"]
    names = {"subscription": subscription, "resource_group": place[0], "name": "next-door", "region": "westeurope"}
    local_azure.control("POST", "seed", {"workspaces": [names]}).raise_for_status()
    group = local_azure.workspace.partition("/providers/")[0]
    other = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/next-door/onlineEndpoints"
    assert local_azure.arm("GET", other).json()["value"] == []
    assert local_azure.arm("GET", f"{other}/many-0").status_code == 404
    answer = local_azure.arm("PUT", f"{other}/many-0", {"properties": {"authMode": "Key"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserError")
    assert "The specified endpoint name 'many-0' is not available." in answer.json()["error"]["message"]


def test_wrong_queries_are_refused(local_azure: LocalAzure) -> None:
    create_endpoint(local_azure, "asked")
    for path, query in (
        ("onlineEndpoints", "count=0"),
        ("onlineEndpoints", "orderBy=Colour"),
        ("onlineEndpoints", "$skip=***"),
        ("onlineEndpoints", "computeType=Quantum"),
        ("onlineEndpoints/asked/deployments", "$top=x"),
        ("onlineEndpoints/asked/deployments", "$orderBy=colour"),
    ):
        refused = local_azure.arm("GET", f"{path}?{query}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "UserError"), query
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/asked"))
