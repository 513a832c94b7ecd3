"""What lies above a workspace, and that workspaces know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from emulator.arm.sizes import SIZES, find_size
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
OTHER = "11111111-2222-3333-4444-555555555555"
ML = "/providers/Microsoft.MachineLearningServices"


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure with a second workspace in its group, one in another group, and one in another subscription."""
    state = tmp_path_factory.mktemp("subscriptions") / "state"
    with LocalAzure(state) as running:
        home = running.environment["AZURE_SUBSCRIPTION_ID"]
        group = running.environment["AZURE_RESOURCE_GROUP"]
        places = [(home, group.upper(), "beside"), (home, "Second-Group", "second"), (OTHER, group, "local")]
        workspaces = [
            {"subscription": subscription, "resource_group": group, "name": name, "region": "northeurope"}
            for subscription, group, name in places
        ]
        elsewhere = [workspace_id(OTHER, group, "local"), workspace_id(home, group, "beside")]
        endpoints = [
            {"name": "at-home", "deployments": ["blue"], "traffic": {"blue": 100}},
            *({"name": f"away-{number}", "workspace": arm_id} for number, arm_id in enumerate(elsewhere)),
        ]
        seed = {"workspaces": workspaces, "endpoints": endpoints}
        answer = running.control("POST", "seed", seed)
        assert answer.status_code == 200, answer.text
        yield running


def workspace_id(subscription: str, group: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}{ML}/workspaces/{name}"


def names(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["value"]]


def home(azure: LocalAzure) -> str:
    return f"/subscriptions/{azure.environment['AZURE_SUBSCRIPTION_ID']}"


def test_tenant_and_subscriptions_are_listed(azure: LocalAzure) -> None:
    (tenant,) = azure.arm("GET", "//tenants/").json()["value"]
    found = azure.arm("GET", "//subscriptions/").json()
    assert [each["subscriptionId"] for each in found["value"]] == [home(azure).rpartition("/")[2], OTHER]
    assert found["count"] == {"type": "Total", "value": 2}
    assert {each["tenantId"] for each in found["value"]} == {tenant["tenantId"]}
    assert azure.arm("GET", f"/subscriptions/{OTHER}").json()["state"] == "Enabled"
    missing = azure.arm("GET", "/subscriptions/99999999-2222-3333-4444-555555555555")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "SubscriptionNotFound")


def test_regions_and_providers_are_listed(azure: LocalAzure) -> None:
    regions = {
        each["name"]: each["displayName"] for each in azure.arm("GET", f"{home(azure)}/locations").json()["value"]
    }
    assert regions["westeurope"] == "West Europe"
    provider = azure.arm("GET", f"{home(azure)}/providers/microsoft.machinelearningservices").json()
    types = {each["resourceType"]: each["apiVersions"] for each in provider["resourceTypes"]}
    assert provider["namespace"] == "Microsoft.MachineLearningServices"
    assert "2024-10-01" in types["workspaces/onlineEndpoints"]
    assert azure.arm("GET", f"{home(azure)}/providers/Microsoft.Compute").status_code == 501
    assert (
        azure.arm("GET", f"{home(azure)}/providers/Contoso.Widgets").json()["error"]["code"]
        == "InvalidResourceNamespace"
    )
    listed = [each["namespace"] for each in azure.arm("GET", f"{home(azure)}/providers").json()["value"]]
    assert "Microsoft.Insights" in listed


def test_groups_are_listed_read_and_asked_for(azure: LocalAzure) -> None:
    group = azure.environment["AZURE_RESOURCE_GROUP"]
    assert names(azure.arm("GET", f"{home(azure)}/resourcegroups")) == [group, "Second-Group"]
    assert names(azure.arm("GET", f"{home(azure)}/resourcegroups?$top=1")) == [group]
    assert names(azure.arm("GET", f"{home(azure)}/resourcegroups?$filter=tagName eq 'a' and tagValue eq 'b'")) == []
    assert azure.arm("GET", f"{home(azure)}/resourcegroups?$filter=nonsense").status_code == 400
    assert azure.arm("GET", f"{home(azure)}/resourceGroups/SECOND-GROUP").json()["name"] == "Second-Group"
    assert azure.arm("HEAD", f"{home(azure)}/resourceGroups/second-group").status_code == 204
    assert azure.arm("HEAD", f"{home(azure)}/resourceGroups/none").status_code == 404
    assert azure.arm("PUT", f"{home(azure)}/resourceGroups/new", {"location": "westeurope"}).status_code == 501
    assert azure.arm("DELETE", f"{home(azure)}/resourceGroups/second-group").status_code == 501


def test_workspaces_are_listed_where_they_are(azure: LocalAzure) -> None:
    group = azure.environment["AZURE_RESOURCE_GROUP"]
    for path, found in {
        f"{home(azure)}{ML}/workspaces": ["local", "beside", "second"],
        f"{home(azure)}{ML}/workspaces?kind=hub": [],
        f"{home(azure)}/resourceGroups/{group}{ML}/workspaces?$skip=&kind=Default": ["local", "beside"],
        f"/subscriptions/{OTHER}{ML}/workspaces": ["local"],
    }.items():
        assert sorted(names(azure.arm("GET", path))) == sorted(found), path
    beside = azure.arm("GET", f"{home(azure)}/resourceGroups/{group}{ML}/workspaces/BESIDE").json()
    assert beside["id"] == workspace_id(home(azure).rpartition("/")[2], group, "beside")
    assert beside["properties"]["workspaceId"] != azure.arm("GET", "").json()["properties"]["workspaceId"]


def test_a_seed_makes_no_workspace_twice_and_none_with_a_bad_name(azure: LocalAzure) -> None:
    def seed(**changes: str) -> requests.Response:
        wanted = {"subscription": OTHER, "resource_group": "group", "name": "third", "region": "uksouth", **changes}
        return azure.control("POST", "seed", {"workspaces": [wanted]})

    for changes in ({"subscription": "mine"}, {"resource_group": "dot."}, {"name": "x"}, {"region": "The North"}):
        assert seed(**changes).status_code == 400, changes
    path = f"/subscriptions/{OTHER}{ML}/workspaces"
    before = names(azure.arm("GET", path))
    assert seed(name="LOCAL", resource_group=azure.environment["AZURE_RESOURCE_GROUP"]).status_code == 200
    assert names(azure.arm("GET", path)) == before


def test_endpoints_of_one_workspace_are_not_in_another(azure: LocalAzure) -> None:
    subscription, group = home(azure).rpartition("/")[2], azure.environment["AZURE_RESOURCE_GROUP"]
    places = {
        azure.workspace: "at-home",
        workspace_id(OTHER, group, "local"): "away-0",
        workspace_id(subscription, group, "beside"): "away-1",
    }
    for place, own in places.items():
        assert names(azure.arm("GET", f"{place}/onlineEndpoints")) == [own]
        for name in places.values():
            status = 200 if name == own else 404
            assert azure.arm("GET", f"{place}/onlineEndpoints/{name}").status_code == status
            assert azure.arm("POST", f"{place}/onlineEndpoints/{name}/listKeys").status_code == status
            scope = f"{place}/onlineEndpoints/{name}/providers"
            assert azure.arm("GET", f"{scope}/Microsoft.Authorization/permissions").status_code == status
            assert azure.arm("GET", f"{scope}/Microsoft.Insights/metricDefinitions").status_code == status
    other = workspace_id(OTHER, group, "local")
    assert azure.arm("GET", f"{other}/onlineEndpoints/at-home/deployments").status_code == 404
    assert azure.arm("DELETE", f"{other}/onlineEndpoints/at-home").status_code == 204
    assert azure.arm("GET", "onlineEndpoints/at-home").status_code == 200


def test_assets_and_datastores_of_one_workspace_are_not_in_another(azure: LocalAzure) -> None:
    other = workspace_id(OTHER, azure.environment["AZURE_RESOURCE_GROUP"], "local")
    azure.arm("PUT", "models/mine/versions/1", {"properties": {"modelUri": "m"}})
    assert names(azure.arm("GET", f"{other}/models")) == []
    assert azure.arm("GET", f"{other}/models/mine/versions/1").status_code == 404
    stores = [azure.arm("GET", f"{place}/datastores/workspaceblobstore").json() for place in (azure.workspace, other)]
    assert len({each["properties"]["containerName"] for each in stores}) == 2


def test_resources_are_listed_by_type_name_and_group(azure: LocalAzure) -> None:
    group = azure.environment["AZURE_RESOURCE_GROUP"]
    workspaces = "resourceType eq 'Microsoft.MachineLearningServices/workspaces'"
    for path, found in {
        f"{home(azure)}/resources?$filter={workspaces}": {"local", "beside", "second"},
        f"{home(azure)}/resources?$filter={workspaces} and name eq 'second'": {"second"},
        f"{home(azure)}/resources?$filter={workspaces} and resourceGroup ne '{group}'": {"second"},
        f"{home(azure)}/resourceGroups/{group}/resources": {
            *("local", "beside", "local/at-home", "local/at-home/blue", "beside/away-1"),
        },
        f"/subscriptions/{OTHER}/resources?$top=1": {"local"},
    }.items():
        assert set(names(azure.arm("GET", path))) == found, path
    odd = azure.arm("GET", f"{home(azure)}/resources?$filter=substringof('x', name)")
    assert (odd.status_code, odd.json()["error"]["code"]) == (501, "NotImplemented")


def test_the_resource_graph_is_not_emulated(azure: LocalAzure) -> None:
    answer = azure.arm(
        "POST", "/providers/Microsoft.ResourceGraph/resources", {"query": "resources"}, version="2022-10-01"
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
    assert "Microsoft.ResourceGraph/resources" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("method", "action"), [("PUT", "write"), ("PATCH", "write"), ("DELETE", "delete")])
def test_workspaces_are_not_made_through_arm(azure: LocalAzure, method: str, action: str) -> None:
    places = [azure.workspace, azure.workspace + "-new"] if method == "PUT" else [azure.workspace]
    for place in places:
        answer = azure.arm(method, place, {} if method != "DELETE" else None)
        assert answer.status_code == 501
        assert f"workspaces/{action}" in answer.json()["error"]["message"]


def test_permissions_are_said_at_every_scope(azure: LocalAzure) -> None:
    scopes = [home(azure), f"{home(azure)}/resourceGroups/second-group", azure.workspace]
    scopes += [
        f"{azure.workspace}/onlineEndpoints/at-home",
        f"{azure.workspace}/onlineEndpoints/at-home/deployments/blue",
    ]
    for scope in scopes:
        path = f"{scope}/providers/Microsoft.Authorization/permissions"
        reader = azure.arm("GET", path, token=azure.token("reader")).json()["value"]
        assert [each["actions"] for each in reader] == [["*/read"]], scope
    missing = f"{azure.workspace}/onlineEndpoints/at-home/deployments/red/providers/Microsoft.Authorization/permissions"
    assert azure.arm("GET", missing).status_code == 404


def entries(azure: LocalAzure, collection: str, region: str = "westeurope") -> dict[str, dict[str, Any]]:
    path = f"{home(azure)}{ML}/locations/{region}/{collection}"
    return {each["name"]["value"]: each for each in azure.arm("GET", path).json()["value"]}


def test_quotas_are_those_of_the_settings(azure: LocalAzure) -> None:
    azure.control("POST", "settings", {"cores_quota": 48}).raise_for_status()
    quota, usage = entries(azure, "quotas", "West Europe"), entries(azure, "usages")
    assert (quota["standardDSv2Family"]["limit"], quota["standardDSv2Family"]["unit"]) == (48, "Count")
    assert (usage["standardDSv2Family"]["limit"], usage["standardDSv2Family"]["currentValue"]) == (48, 0)
    assert usage["standardDSv2Family"]["type"].endswith("/vmFamily/dedicatedCores/usages")
    assert azure.arm("GET", f"{home(azure)}{ML}/locations/atlantis/usages").status_code == 400
    update = azure.arm("POST", f"{home(azure)}{ML}/locations/westeurope/updateQuotas", {"value": []})
    assert update.status_code == 501


def test_instance_types_are_listed_with_cores_memory_and_family(azure: LocalAzure) -> None:
    found = azure.arm("GET", f"{home(azure)}{ML}/locations/westeurope/vmSizes").json()["value"]
    assert len(found) == len(SIZES)
    (small,) = [each for each in found if each["name"] == "Standard_DS3_v2"]
    assert (small["vCPUs"], small["memoryGB"], small["family"], small["gpus"]) == (4, 14.0, "standardDSv2Family", 0)


def test_instance_types_are_found_without_case() -> None:
    size = find_size("STANDARD_nc24ADS_a100_v4")
    assert size is not None
    assert (size.cores, size.gpus, size.reserves) == (24, 1, False)
    assert find_size("Standard_Unknown") is None
    assert len({each.name.lower() for each in SIZES}) == len(SIZES)


def test_workspaces_are_there_after_a_restart(azure: LocalAzure, tmp_path: Path) -> None:
    state = tmp_path / "state"
    wanted = {"subscription": OTHER, "resource_group": "kept", "name": "kept", "region": "uksouth"}
    with LocalAzure(state) as first:
        first.control("POST", "seed", {"workspaces": [wanted]}).raise_for_status()
    with LocalAzure(state) as second:
        assert names(second.arm("GET", f"/subscriptions/{OTHER}{ML}/workspaces")) == ["kept"]
