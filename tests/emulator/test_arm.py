"""The control plane's manners, and everything in it that needs no running deployment."""

from __future__ import annotations

import pytest
import requests

from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
WRONG_SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"


def test_every_answer_has_its_ids_and_every_error_its_envelope(local_azure: LocalAzure) -> None:
    for answer in (local_azure.arm("GET", ""), local_azure.arm("GET", "onlineEndpoints/none")):
        assert answer.headers["x-ms-request-id"]
        assert answer.headers["x-ms-correlation-request-id"]
    error = local_azure.arm("GET", "onlineEndpoints/none").json()["error"]
    assert error["code"] == "ResourceNotFound"
    assert "onlineEndpoints/none' under resource group 'sluice-local' was not found" in error["message"]
    assert {each["type"] for each in error["additionalInfo"]} >= {"ComponentName", "Correlation", "Time"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("00000000-0000-0000-0000-00000000510c", WRONG_SUBSCRIPTION, "SubscriptionNotFound"),
        ("sluice-local", "elsewhere", "ResourceGroupNotFound"),
        ("workspaces/local", "workspaces/elsewhere", "ResourceNotFound"),
    ],
)
def test_a_wrong_place_is_not_found_and_named(local_azure: LocalAzure, old: str, new: str, code: str) -> None:
    answer = local_azure.arm("GET", local_azure.workspace.replace(old, new) + "/onlineEndpoints")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == code
    assert new in answer.json()["error"]["message"]


def test_an_api_version_is_needed(local_azure: LocalAzure) -> None:
    answer = local_azure.arm("GET", "", version=None)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "MissingApiVersionParameter"


def test_paths_compare_without_case_and_double_slashes_are_one(local_azure: LocalAzure) -> None:
    assert local_azure.arm("GET", local_azure.workspace.upper()).status_code == 200
    assert local_azure.arm("GET", "/" + local_azure.workspace.replace("/providers", "//providers")).status_code == 200
    assert local_azure.arm("GET", local_azure.workspace + "/").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("GET", "jobs", "workspaces/jobs/read"),
        ("PUT", "", "Microsoft.MachineLearningServices/workspaces/write"),
        ("POST", "batchEndpoints/b/listKeys", "batchEndpoints/listKeys/action"),
    ],
)
def test_what_is_not_emulated_says_so_by_name(local_azure: LocalAzure, method: str, path: str, named: str) -> None:
    answer = local_azure.arm(method, path)
    assert answer.status_code == 501
    assert named in answer.json()["error"]["message"]


def test_outside_of_everything_there_is_a_plain_501_as_well(local_azure: LocalAzure) -> None:
    answer = requests.get(f"{local_azure.url}/nothing/here", verify=local_azure.bundle, timeout=60)
    assert answer.status_code == 501
    assert "GET /nothing/here" in answer.json()["error"]["message"]


def test_the_place_describes_itself(local_azure: LocalAzure) -> None:
    subscription = local_azure.arm("GET", local_azure.workspace.partition("/resourceGroups")[0]).json()
    assert subscription["state"] == "Enabled"
    workspace = local_azure.arm("GET", "").json()
    assert workspace["id"] == local_azure.workspace
    for scope in (local_azure.workspace.partition("/resourceGroups")[0], local_azure.workspace.partition("/provid")[0]):
        listed = local_azure.arm("GET", f"{scope}/providers/Microsoft.MachineLearningServices/workspaces").json()
        # Other tests may have made more workspaces beside the home workspace, which comes first.
        assert listed["value"][0]["name"] == workspace["name"]
    stores = local_azure.arm("GET", "datastores?isDefault=true").json()["value"]
    assert [each["name"] for each in stores] == ["workspaceblobstore"]


def test_the_cloud_is_described_to_anyone(local_azure: LocalAzure) -> None:
    address = local_azure.environment["ARM_CLOUD_METADATA_URL"]
    (cloud,) = requests.get(address, verify=local_azure.bundle, timeout=60).json()
    assert cloud["name"] == "AzureLocal"
    assert cloud["resourceManager"] in address


@pytest.mark.parametrize("text", ["{", "[1]", '"text"', "nonsense"])
def test_a_body_that_is_no_object_is_refused(local_azure: LocalAzure, text: str) -> None:
    answer = requests.put(
        f"{local_azure.url}{local_azure.workspace}/onlineEndpoints/broken?api-version=2023-04-01",
        data=text,
        headers={"Authorization": f"Bearer {local_azure.token()}", "Content-Type": "application/json"},
        verify=local_azure.bundle,
        timeout=60,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "InvalidRequestContent"


def test_versions_of_a_model_are_listed_newest_first_and_cannot_be_replaced(local_azure: LocalAzure) -> None:
    def register(version: str, path: str) -> requests.Response:
        return local_azure.arm("PUT", f"models/Ages/versions/{version}", {"properties": {"modelUri": path}})

    assert local_azure.arm("GET", "models/ages").status_code == 404
    assert register("1", "a").status_code == 201
    assert register("2", "b").status_code == 201
    assert register("2", "b").status_code == 200
    assert register("2", "c").status_code == 409
    container = local_azure.arm("GET", "models/AGES").json()
    assert container["properties"]["latestVersion"] == "2"
    assert container["properties"]["nextVersion"] == "3"
    newest = local_azure.arm("GET", "models/ages/versions?$orderBy=createdtime desc&$top=1").json()
    assert [each["name"] for each in newest["value"]] == ["2"]
    assert newest["value"][0]["properties"]["flavors"] == {}
    assert "Ages" in [each["name"] for each in local_azure.arm("GET", "models").json()["value"]]


def test_code_is_found_again_by_its_hash_under_any_name(local_azure: LocalAzure) -> None:
    properties = {"codeUri": "https://x/y/z", "properties": {"hash_sha256": "abc123", "hash_version": "202208"}}
    local_azure.arm("PUT", "codes/first/versions/1", {"properties": properties})
    found = local_azure.arm("GET", "codes/second/versions?hash=abc123&hashVersion=202208").json()["value"]
    assert [each["id"] for each in found] == [f"{local_azure.workspace}/codes/first/versions/1"]
    assert local_azure.arm("GET", "codes/second/versions?hash=other").json()["value"] == []


def test_another_environment_under_the_same_version_is_refused(local_azure: LocalAzure) -> None:
    path = "environments/conflict/versions/1"
    assert local_azure.arm("PUT", path, {"properties": {"image": "a", "condaFile": "b"}}).status_code == 201
    assert local_azure.arm("PUT", path, {"properties": {"image": "a", "condaFile": "b", "tags": {"x": "y"}}}).ok
    assert local_azure.arm("PUT", path, {"properties": {"image": "a", "condaFile": "c"}}).status_code == 409


def test_an_endpoint_keeps_what_it_was_sent_and_is_created_by_an_operation(local_azure: LocalAzure) -> None:
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "tags": {"team": "blue"},
        "futureField": {"kept": True},
        "properties": {"authMode": "Key", "description": "d", "futureProperty": [1], "properties": {"mine": "yes"}},
    }
    created = local_azure.arm("PUT", "onlineEndpoints/Keeper", body)
    assert created.status_code == 201
    assert created.json()["properties"]["provisioningState"] == "Creating"
    assert created.headers["Retry-After"]
    assert "mfeOperationResults" in created.headers["Location"]
    status = local_azure.finish(created)
    assert status["status"] == "Succeeded"
    assert status["endTime"] >= status["startTime"]

    found = local_azure.arm("GET", "onlineEndpoints/keeper").json()
    assert found["name"] == "keeper"
    assert found["futureField"] == {"kept": True}
    assert found["properties"]["futureProperty"] == [1]
    assert found["properties"]["properties"]["mine"] == "yes"
    assert found["properties"]["keys"] is None
    assert found["properties"]["provisioningState"] == "Succeeded"

    again = local_azure.arm("PUT", "onlineEndpoints/keeper", found)
    assert again.status_code == 200
    local_azure.finish(again)
    after = local_azure.arm("GET", "onlineEndpoints/keeper").json()
    for document in (found, after):
        document["systemData"].pop("lastModifiedAt")
        assert "/mfeOperationsStatus/oeidp:" in document["properties"]["properties"].pop("AzureAsyncOperationUri")
    assert after == found

    patched = local_azure.arm("PATCH", "onlineEndpoints/keeper", {"tags": {"team": "green"}})
    assert patched.status_code == 202
    local_azure.finish(patched)
    assert local_azure.arm("GET", "onlineEndpoints/keeper").json()["tags"] == {"team": "green"}
    assert local_azure.arm("PATCH", "onlineEndpoints/keeper", {"properties": {"traffic": {}}}).status_code == 400

    gone = local_azure.arm("DELETE", "onlineEndpoints/keeper")
    assert gone.status_code == 202
    local_azure.finish(gone)
    assert local_azure.arm("GET", "onlineEndpoints/keeper").status_code == 404
    assert local_azure.arm("DELETE", "onlineEndpoints/keeper").status_code == 204


def test_endpoints_that_azure_refuses(local_azure: LocalAzure) -> None:
    for name, properties, words in (
        ("x", {}, "3 to 32 characters"),
        ("tokens", {"authMode": "password"}, "AADToken"),
        ("traffic", {"traffic": {"blue": 100}}, "does not exist"),
    ):
        answer = create_endpoint(local_azure, name, **properties)
        assert answer.status_code == 400
        assert words in answer.json()["error"]["message"]
        assert local_azure.arm("GET", f"onlineEndpoints/{name}").status_code == 404


def test_keys_are_replaced_one_at_a_time(local_azure: LocalAzure) -> None:
    create_endpoint(local_azure, "keys")
    before = local_azure.arm("POST", "onlineEndpoints/keys/listKeys").json()
    # The SDK sends the old key as keyValue.
    wanted = {"keyType": "Secondary", "keyValue": before["secondaryKey"]}
    answer = local_azure.arm("POST", "onlineEndpoints/keys/regenerateKeys", wanted)
    assert answer.status_code == 202
    local_azure.finish(answer)
    after = local_azure.arm("POST", "onlineEndpoints/keys/listKeys").json()
    assert after["primaryKey"] == before["primaryKey"]
    assert after["secondaryKey"] != before["secondaryKey"]
    refused = local_azure.arm("POST", "onlineEndpoints/keys/token")
    assert (refused.status_code, "authMode Key" in refused.json()["error"]["message"]) == (400, True)
    assert local_azure.arm("POST", "onlineEndpoints/keys/regenerateKeys", {"keyType": "Third"}).status_code == 400


def test_while_one_operation_runs_another_change_is_a_conflict(local_azure: LocalAzure) -> None:
    create_endpoint(local_azure, "busy")
    local_azure.control("POST", "settings", {"operation_seconds": 3600}).raise_for_status()
    try:
        body = {"location": "westeurope", "properties": {"authMode": "Key"}}
        first = local_azure.arm("PUT", "onlineEndpoints/busy", body)
        assert local_azure.arm("GET", "onlineEndpoints/busy").json()["properties"]["provisioningState"] == "Updating"
        for method, path in (
            ("PUT", "onlineEndpoints/busy"),
            ("PATCH", "onlineEndpoints/busy"),
            ("DELETE", "onlineEndpoints/busy"),
        ):
            second = local_azure.arm(method, path, {"tags": {}} if method == "PATCH" else body)
            assert second.status_code == 409
            assert second.json()["error"]["code"] == "Conflict"
            # With it, the SDK would send the change again by itself.
            assert "Retry-After" not in second.headers
    finally:
        local_azure.control("POST", "settings", {"operation_seconds": 0.3}).raise_for_status()
    local_azure.finish(first)
    assert local_azure.arm("PUT", "onlineEndpoints/busy", body).status_code == 200


def test_an_unknown_operation_is_not_found(local_azure: LocalAzure) -> None:
    scope = local_azure.workspace.partition("/resourceGroups")[0]
    path = f"{scope}/providers/Microsoft.MachineLearningServices/locations/westeurope/mfeOperationsStatus/none"
    assert local_azure.arm("GET", path).status_code == 404
