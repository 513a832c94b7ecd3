"""Assets, quotas and workspaces through azure-mgmt-machinelearningservices, and through nothing but curl."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient
from azure.mgmt.machinelearningservices.models import (
    CodeVersion,
    CodeVersionProperties,
    EnvironmentVersion,
    EnvironmentVersionProperties,
    ModelContainer,
    ModelContainerProperties,
    ModelVersion,
    ModelVersionProperties,
    PendingUploadRequestDto,
)

from tests.contract.wire import management_client
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def place(local_azure: LocalAzure) -> tuple[str, str]:
    return local_azure.environment["AZURE_RESOURCE_GROUP"], local_azure.environment["AZUREML_WORKSPACE_NAME"]


@pytest.fixture(scope="module")
def client(local_azure: LocalAzure) -> Iterator[MachineLearningServicesMgmtClient]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_azure.environment.items():
            patch.setenv(name, value)
        with management_client(local_azure) as made:
            yield made


def model(uri: str = "azureml://m", **more: object) -> ModelVersion:
    return ModelVersion(properties=ModelVersionProperties(model_uri=uri, **more))


def test_models_go_their_whole_way(client: MachineLearningServicesMgmtClient, place: tuple[str, str]) -> None:
    container = ModelContainer(properties=ModelContainerProperties(description="mine", tags={"a": "b"}))
    made = client.model_containers.create_or_update(*place, "mgmt-model", container)
    assert (made.properties.description, made.properties.next_version) == ("mine", "1")
    for version in ("1", "2", "3"):
        client.model_versions.create_or_update(*place, "mgmt-model", version, model(tags={"v": version}))
    assert client.model_containers.get(*place, "mgmt-model").properties.latest_version == "3"
    assert [each.name for each in client.model_versions.list(*place, "mgmt-model", top=1)] == ["3", "2", "1"]
    assert [each.name for each in client.model_versions.list(*place, "mgmt-model", tags="v=2")] == ["2"]
    assert "mgmt-model" in [each.name for each in client.model_containers.list(*place, count=1)]
    with pytest.raises(ResourceExistsError):
        client.model_versions.create_or_update(*place, "mgmt-model", "1", model("azureml://other"))
    client.model_versions.delete(*place, "mgmt-model", "1")
    with pytest.raises(ResourceNotFoundError):
        client.model_versions.get(*place, "mgmt-model", "1")
    client.model_containers.delete(*place, "mgmt-model")
    with pytest.raises(ResourceNotFoundError):
        client.model_containers.get(*place, "mgmt-model")


def test_code_is_uploaded_to_a_place_of_its_own(
    client: MachineLearningServicesMgmtClient, place: tuple[str, str]
) -> None:
    wanted = PendingUploadRequestDto(pending_upload_type="TemporaryBlobReference")
    places = [
        client.code_versions.create_or_get_start_pending_upload(*place, "mgmt-code", version, wanted)
        for version in ("1", "2")
    ]
    assert len({each.blob_reference_for_consumption.blob_uri for each in places}) == 2
    properties = CodeVersionProperties(
        code_uri=places[0].blob_reference_for_consumption.blob_uri,
        properties={"hash_sha256": "mgmt", "hash_version": "1"},
    )
    client.code_versions.create_or_update(*place, "mgmt-code", "1", CodeVersion(properties=properties))
    found = list(client.code_versions.list(*place, "another-name", hash="mgmt", hash_version="1"))
    assert [each.id.rsplit("/", 3)[1] for each in found] == ["mgmt-code"]
    assert list(client.code_versions.list(*place, "another-name", hash="mgmt", hash_version="2")) == []
    container = client.code_containers.get(*place, "mgmt-code")
    assert (container.properties.latest_version, container.properties.next_version) == ("1", "2")
    assert "mgmt-code" in [each.name for each in client.code_containers.list(*place)]


def test_environments_conflict_when_they_differ(
    client: MachineLearningServicesMgmtClient, place: tuple[str, str]
) -> None:
    def put(conda: str) -> EnvironmentVersion:
        properties = EnvironmentVersionProperties(image="i", conda_file=conda)
        body = EnvironmentVersion(properties=properties)
        return client.environment_versions.create_or_update(*place, "mgmt-env", "1", body)

    assert put("a").properties.environment_type == "UserCreated"
    put("a")
    with pytest.raises(ResourceExistsError):
        put("b")
    container = client.environment_containers.get(*place, "mgmt-env")
    assert (container.properties.latest_version, container.properties.next_version) == ("1", "2")
    assert "mgmt-env" in [each.name for each in client.environment_containers.list(*place)]


def test_datastores_workspaces_quotas_and_sizes_are_read(
    client: MachineLearningServicesMgmtClient, place: tuple[str, str]
) -> None:
    (store,) = client.datastores.list(*place, is_default=True, names=["workspaceblobstore"])
    assert store.properties.is_default
    assert client.datastores.list_secrets(*place, store.name).sas_token
    assert place[1] in [each.name for each in client.workspaces.list_by_subscription()]
    assert place[1] in [each.name for each in client.workspaces.list_by_resource_group(place[0])]
    usages = {each.name.value: each for each in client.usages.list("westeurope")}
    assert usages["standardFSv2Family"].unit == "Count"
    assert "standardFSv2Family" in {each.name.value for each in client.quotas.list("westeurope")}
    sizes = {each.name: each for each in client.virtual_machine_sizes.list("westeurope").value}
    assert (sizes["Standard_F4s_v2"].v_cp_us, sizes["Standard_F4s_v2"].memory_gb) == (4, 8.0)
    with pytest.raises(HttpResponseError) as caught:
        list(client.jobs.list(*place))
    assert caught.value.status_code == 501


def curl(azure: LocalAzure, path: str, *options: str, token: str = "") -> tuple[int, dict[str, dict[str, str]]]:
    done = subprocess.run(
        [
            *("curl", "-sS", "--max-time", "30", "--cacert", azure.bundle, "-w", "\n%{http_code}"),
            *("-H", f"Authorization: Bearer {token or azure.token()}", *options, azure.url + path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_curl_gets_azures_errors(local_azure: LocalAzure) -> None:
    path = f"{local_azure.workspace}/models/curled/versions/1"
    body = json.dumps({"properties": {"modelUri": "azureml://m"}})
    for address, options, status, code in (
        (f"{path}?api-version=2021-13-01", (), 400, "InvalidApiVersionParameter"),
        (f"{path}?api-version=2022-05-02", (), 400, "NoRegisteredProviderFound"),
        (path, (), 400, "MissingApiVersionParameter"),
        (f"{path}?api-version=2022-05-01", (), 404, "ResourceNotFound"),
        # curl -d sends a form unless it is told otherwise.
        (f"{path}?api-version=2022-05-01", ("-X", "PUT", "-d", body), 415, "UnsupportedMediaType"),
        (
            f"{path}?api-version=2022-05-01",
            ("-X", "PUT", "-d", "{", "-H", "Content-Type: application/json"),
            *(400, "InvalidRequestContent"),
        ),
        (f"{local_azure.workspace}/modelz?api-version=2022-05-01", (), 404, "InvalidResourceType"),
    ):
        found = curl(local_azure, address, *options)
        assert (found[0], found[1]["error"]["code"]) == (status, code), address
    status, refused = curl(local_azure, f"{path}?api-version=2022-05-01", token="wrong")
    assert (status, refused["error"]["code"]) == (401, "InvalidAuthenticationToken")
    status, made = curl(
        local_azure, f"{path}?api-version=2022-05-01", "-X", "PUT", "-d", body, "-H", "Content-Type: application/json"
    )
    assert (status, made["properties"]["modelUri"]) == (201, "azureml://m")
