"""Codes, models and environments: containers, versions, labels, archives, conflicts, lists and their filters."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


def register(azure: LocalAzure, path: str, **properties: Any) -> requests.Response:
    given = {"modelUri": "azureml://x"} if path.startswith("models") else {"image": "i", "condaFile": "c"}
    return azure.arm("PUT", path, {"properties": {**given, **properties}})


def names(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["value"]]


def test_versions_are_found_by_what_the_list_is_asked_for(local_azure: LocalAzure) -> None:
    register(local_azure, "models/wanted/versions/1", tags={"team": "red"}, description="The first one")
    register(local_azure, "models/wanted/versions/2", tags={"team": "blue"}, properties={"origin": "here"})
    register(local_azure, "models/wanted/versions/3", stage="Production")
    base = "models/wanted/versions"
    for query, found in {
        "": ["3", "2", "1"],
        "$orderBy=createdtime asc": ["1", "2", "3"],
        "version=2": ["2"],
        "description=first": ["1"],
        "tags=team": ["2", "1"],
        "tags=team=blue": ["2"],
        "properties=origin=here": ["2"],
        "stage=Production": ["3"],
        "offset=1": ["2", "1"],
        "listViewType=ArchivedOnly": [],
    }.items():
        assert names(local_azure.arm("GET", f"{base}?{query}")) == found, query
    for query in ("listViewType=Odd", "$top=0", "$orderBy=colour", "$skip=!"):
        assert local_azure.arm("GET", f"{base}?{query}").status_code == 400, query


def test_lists_come_page_by_page(local_azure: LocalAzure) -> None:
    for version in range(1, 6):
        register(local_azure, f"models/paged/versions/{version}")
    seen, link = [], f"{local_azure.workspace}/models/paged/versions?$top=2&api-version=2023-04-01"
    while link:
        answer = local_azure.arm("GET", link.removeprefix(local_azure.url), version=None)
        seen.append(names(answer))
        link = answer.json()["nextLink"]
    assert seen == [["5", "4"], ["3", "2"], ["1"]]


@pytest.mark.parametrize("collection", ["models", "environments"])
def test_a_version_is_archived_and_restored(local_azure: LocalAzure, collection: str) -> None:
    for version in ("1", "2"):
        register(local_azure, f"{collection}/aged/versions/{version}")
    register(local_azure, f"{collection}/aged/versions/1", isArchived=True)
    active = f"{collection}/aged/versions?listViewType=ActiveOnly"
    assert names(local_azure.arm("GET", active)) == ["2"]
    assert "aged" in names(local_azure.arm("GET", f"{collection}?listViewType=ActiveOnly"))
    register(local_azure, f"{collection}/aged/versions/1", isArchived=False)
    assert names(local_azure.arm("GET", active)) == ["2", "1"]


@pytest.mark.parametrize("collection", ["models", "environments", "codes"])
def test_a_name_is_archived_with_all_its_versions_also_later_ones(local_azure: LocalAzure, collection: str) -> None:
    def put(version: str) -> dict[str, Any]:
        properties = {"modelUri": "m", "image": "i", "codeUri": "c"}
        answer = local_azure.arm("PUT", f"{collection}/retired/versions/{version}", {"properties": properties})
        return dict(answer.json()["properties"])

    put("1")
    body = {"properties": {"isArchived": True, "description": "no more"}}
    assert local_azure.arm("PUT", f"{collection}/retired", body).json()["properties"]["isArchived"] is True
    assert put("2")["isArchived"] is True
    assert "retired" not in names(local_azure.arm("GET", f"{collection}?listViewType=ActiveOnly"))
    assert names(local_azure.arm("GET", f"{collection}/retired/versions?listViewType=ArchivedOnly")) == ["2", "1"]
    restored = local_azure.arm("PUT", f"{collection}/retired", {"properties": {"isArchived": False}})
    assert restored.status_code == 200
    assert local_azure.arm("GET", f"{collection}/retired/versions/1").json()["properties"]["isArchived"] is False
    assert "retired" in names(local_azure.arm("GET", f"{collection}?listViewType=ActiveOnly"))


def test_a_name_may_be_there_before_its_versions(local_azure: LocalAzure) -> None:
    made = local_azure.arm("PUT", "models/Empty", {"properties": {"tags": {"a": "b"}}})
    assert made.status_code == 201
    assert (made.json()["properties"]["latestVersion"], made.json()["properties"]["nextVersion"]) == (None, "1")
    register(local_azure, "models/EMPTY/versions/7")
    found = local_azure.arm("GET", "models/empty").json()
    assert (found["name"], found["properties"]["tags"]) == ("Empty", {"a": "b"})
    assert (found["properties"]["latestVersion"], found["properties"]["nextVersion"]) == ("7", "8")
    assert local_azure.arm("GET", "models/empty/versions/7").json()["id"].endswith("/models/Empty/versions/7")


def test_versions_and_names_are_deleted(local_azure: LocalAzure) -> None:
    for version in ("1", "2"):
        register(local_azure, f"models/passing/versions/{version}")
    assert local_azure.arm("DELETE", "models/passing/versions/1").status_code == 200
    assert local_azure.arm("DELETE", "models/passing/versions/1").status_code == 204
    assert local_azure.arm("GET", "models/passing/versions/1").status_code == 404
    assert local_azure.arm("DELETE", "models/passing").status_code == 200
    assert local_azure.arm("DELETE", "models/passing").status_code == 204
    assert local_azure.arm("GET", "models/passing").status_code == 404


def test_the_label_latest_names_the_newest_version(local_azure: LocalAzure) -> None:
    for version in ("9", "10"):
        register(local_azure, f"environments/labelled/versions/{version}")
    assert local_azure.arm("GET", "environments/labelled/labels/latest").json()["name"] == "10"
    assert local_azure.arm("GET", "environments/labelled/labels/stable").status_code == 404
    assert local_azure.arm("GET", "environments/nothing/labels/latest").status_code == 404


@pytest.mark.parametrize(
    ("path", "properties"),
    [
        ("models/bad/versions/1", {}),
        ("models/bad/versions/1", {"modelUri": 3}),
        ("codes/bad/versions/1", {"description": "d"}),
        ("environments/bad/versions/1", {"condaFile": "c"}),
        ("environments/AzureML-mine/versions/1", {"image": "i"}),
        ("models/bad name/versions/1", {"modelUri": "m"}),
        ("models/bad/versions/1", {"modelUri": "m", "tags": ["t"]}),
        ("models/bad/versions/1", {"modelUri": "m", "tags": {"t": 1}}),
        ("models/bad/versions/1", {"modelUri": "m", "isArchived": "yes"}),
        ("models/bad", {"description": {}}),
    ],
)
def test_what_is_no_asset_is_refused(local_azure: LocalAzure, path: str, properties: dict[str, Any]) -> None:
    answer = local_azure.arm("PUT", path, {"properties": properties})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserError")
    assert local_azure.arm("GET", path.partition("/versions")[0]).status_code == 404


def test_an_upload_of_another_kind_is_refused(local_azure: LocalAzure) -> None:
    path = "codes/uploading/versions/1/startPendingUpload"
    first = local_azure.arm("POST", path, {"pendingUploadType": "TemporaryBlobReference"}).json()
    assert first["pendingUploadType"] == "TemporaryBlobReference"
    assert local_azure.arm("POST", path, {"pendingUploadType": "Pigeon"}).status_code == 400
    assert local_azure.arm("POST", "environments/e/versions/1/startPendingUpload", {}).status_code == 501


def test_system_data_keeps_who_made_it_and_says_who_changed_it(local_azure: LocalAzure) -> None:
    made = register(local_azure, "models/dated/versions/1").json()["systemData"]
    changed = register(local_azure, "models/dated/versions/1", description="d").json()["systemData"]
    assert changed["createdAt"] == made["createdAt"]
    assert changed["lastModifiedAt"] > made["lastModifiedAt"]


def test_what_a_deployment_uses_stays(shop: LocalAzure) -> None:
    sent = shop.arm("GET", "onlineEndpoints/shop/deployments/blue").json()["properties"]
    for arm_id in (sent["model"], sent["environmentId"], sent["codeConfiguration"]["codeId"]):
        for path in (arm_id, arm_id.partition("/versions/")[0]):
            answer = shop.arm("DELETE", path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "Conflict")
            # Assets are kept once by their content: endpoints of other tests may use these too.
            assert re.search(r"is used by the deployment [\w-]+/[\w-]+ and", answer.json()["error"]["message"])


def test_datastores_are_filtered(local_azure: LocalAzure) -> None:
    for query, found in {
        "": ["workspaceblobstore"],
        "isDefault=true&count=30&orderByAsc=false": ["workspaceblobstore"],
        "isDefault=false": [],
        "names=workspaceblobstore,other": ["workspaceblobstore"],
        "names=other": [],
        "searchText=blob": ["workspaceblobstore"],
        "searchText=files": [],
    }.items():
        assert names(local_azure.arm("GET", f"datastores?{query}")) == found, query
    assert local_azure.arm("GET", "datastores/other").status_code == 404
    assert local_azure.arm("PUT", "datastores/other", {"properties": {}}).status_code == 501
    secrets = "datastores/workspaceblobstore/listSecrets"
    assert local_azure.arm("POST", secrets, {"expirableSecret": True, "expireAfterHours": 2}).status_code == 200
    assert local_azure.arm("POST", secrets, {"expirableSecret": True, "expireAfterHours": "x"}).status_code == 400


def test_what_still_runs_after_a_failed_update_stays(local_azure: LocalAzure) -> None:
    for version in ("1", "2"):
        uri = "azureml://datastores/workspaceblobstore/paths/nothing/here"
        register(local_azure, f"models/running/versions/{version}", modelUri=uri)
    create_endpoint(local_azure, "half-updated")
    status = local_azure.finish(upload_and_put(local_azure, "half-updated", "blue", 41))
    assert status["status"] == "Succeeded"
    path = "onlineEndpoints/half-updated/deployments/blue"
    document = local_azure.arm("GET", path).json()
    runs = document["properties"]["model"]
    document["properties"]["model"] = "azureml:running:2"
    assert local_azure.finish(local_azure.arm("PUT", path, document))["status"] == "Failed"
    for used in (runs, f"{local_azure.workspace}/models/running/versions/2"):
        assert local_azure.arm("DELETE", used).status_code == 409
    assert local_azure.arm("DELETE", "models/running/versions/1").status_code == 200
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/half-updated"))
