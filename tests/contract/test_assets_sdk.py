"""Models, environments, code and datastores through azure-ai-ml, as a stranger's script uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import Environment, Model
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential

from tests.contract.wire import RecordingTransport, ml_client
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def transport() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture(scope="module")
def client(local_azure: LocalAzure, transport: RecordingTransport) -> Iterator[MLClient]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_azure.environment.items():
            patch.setenv(name, value)
        patch.setenv("AZUREML_CURRENT_CLOUD", "AzureLocal")
        yield ml_client(local_azure, transport)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"weights")
    return path


def environment(conda: str = "dependencies: [python=3.11]", **more: str) -> Environment:
    return Environment(name="sdk-env", image="mcr.microsoft.com/azureml/minimal", conda_file=json.loads(conda), **more)


def test_models_count_their_versions(client: MLClient, model_file: Path, transport: RecordingTransport) -> None:
    first = client.models.create_or_update(Model(name="sdk-model", path=str(model_file), tags={"team": "red"}))
    second = client.models.create_or_update(Model(name="sdk-model", path=str(model_file), description="again"))
    assert (first.version, second.version) == ("1", "2")
    assert first.tags == {"team": "red"}
    assert first.creation_context.created_by == "Local owner"
    with transport.noted() as sent:
        latest = client.models.get("sdk-model", label="latest")
    assert latest.version == "2"
    assert sent == [("GET", "models/sdk-model/versions", 200)]
    assert [each.version for each in client.models.list("sdk-model")] == ["2", "1"]
    (container,) = [each for each in client.models.list() if each.name == "sdk-model"]
    assert container.latest_version == "2"
    with pytest.raises(ResourceNotFoundError):
        client.models.get("sdk-model", "9")


def test_tags_change_and_paths_do_not(client: MLClient, model_file: Path, tmp_path: Path) -> None:
    model = client.models.create_or_update(Model(name="sdk-fixed", version="1", path=str(model_file)))
    model.tags = {"stage": "live"}
    client.models.create_or_update(model)
    assert client.models.get("sdk-fixed", "1").tags == {"stage": "live"}
    other = tmp_path / "other.bin"
    other.write_bytes(b"others")
    with pytest.raises(Exception, match=r"sdk-fixed|exist|path"):
        client.models.create_or_update(Model(name="sdk-fixed", version="1", path=str(other)))


def test_models_are_archived_and_restored(client: MLClient, model_file: Path) -> None:
    for version in ("1", "2"):
        client.models.create_or_update(Model(name="sdk-archive", version=version, path=str(model_file)))

    def listed(view: ListViewType) -> list[str]:
        return [each.version for each in client.models.list("sdk-archive", list_view_type=view)]

    client.models.archive("sdk-archive", version="1")
    assert (listed(ListViewType.ACTIVE_ONLY), listed(ListViewType.ARCHIVED_ONLY)) == (["2"], ["1"])
    client.models.restore("sdk-archive", version="1")
    client.models.archive("sdk-archive")
    assert listed(ListViewType.ACTIVE_ONLY) == []
    assert "sdk-archive" not in [each.name for each in client.models.list()]
    assert "sdk-archive" in [each.name for each in client.models.list(list_view_type=ListViewType.ARCHIVED_ONLY)]
    client.models.restore("sdk-archive")
    assert listed(ListViewType.ACTIVE_ONLY) == ["2", "1"]


# azure-ai-ml uses what azure-storage-blob has deprecated.
@pytest.mark.filterwarnings("ignore:The use of a 'BlobProperties' instance", "ignore:content_as_bytes is deprecated")
def test_a_model_is_downloaded_as_it_was_uploaded(client: MLClient, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights.bin").write_bytes(b"deep weights")
    client.models.create_or_update(Model(name="sdk-download", version="1", path=str(folder)))
    client.models.download("sdk-download", "1", str(tmp_path / "down"))
    found = list((tmp_path / "down").rglob("weights.bin"))
    assert [path.read_bytes() for path in found] == [b"deep weights"]


def test_environments_have_a_new_version_only_when_they_change(client: MLClient) -> None:
    same = '{"dependencies": ["python=3.11"]}'
    first = client.environments.create_or_update(environment(same))
    again = client.environments.create_or_update(environment(same))
    changed = client.environments.create_or_update(environment('{"dependencies": ["python=3.11", "numpy"]}'))
    assert [each.version for each in (first, again, changed)] == ["1", "1", "2"]
    assert client.environments.get("sdk-env", label="latest").version == "2"
    assert [each.version for each in client.environments.list("sdk-env")] == ["2", "1"]
    assert [each.latest_version for each in client.environments.list() if each.name == "sdk-env"] == ["2"]
    client.environments.archive("sdk-env", version="2")
    assert [each.version for each in client.environments.list("sdk-env")] == ["1"]
    client.environments.restore("sdk-env", version="2")


def test_datastores_and_workspaces_are_read(client: MLClient, local_azure: LocalAzure) -> None:
    default = client.datastores.get_default()
    assert [each.name for each in client.datastores.list()] == [default.name] == ["workspaceblobstore"]
    assert client.datastores.get(default.name).container_name == default.container_name
    assert client.datastores.get_default(include_secrets=True).credentials.sas_token
    assert local_azure.environment["AZUREML_WORKSPACE_NAME"] in [each.name for each in client.workspaces.list()]
    everywhere = [each.name for each in client.workspaces.list(scope="subscription")]
    assert local_azure.environment["AZUREML_WORKSPACE_NAME"] in everywhere
    assert client.workspaces.get().location == "westeurope"
    with pytest.raises(HttpResponseError) as caught:
        client.workspaces.begin_delete("local", delete_dependent_resources=False)
    assert caught.value.status_code == 501


def test_instance_types_and_usages_are_read(client: MLClient, local_azure: LocalAzure) -> None:
    sizes = {each.name: each for each in client.compute.list_sizes(location="westeurope")}
    # azure-ai-ml keeps these under the names of the wire.
    assert (vars(sizes["Standard_DS3_v2"])["vCPUs"], vars(sizes["Standard_DS3_v2"])["memoryGB"]) == (4, 14.0)
    usages = {each.name["value"]: each for each in client.compute.list_usage(location="westeurope")}
    assert usages["standardDSv2Family"].limit == local_azure.control("GET", "settings").json()["cores_quota"]


def service_principal(azure: LocalAzure, role: str, secret: str | None = None) -> TokenCredential:
    kept = json.loads((azure.state / "secrets.json").read_text())
    return ClientSecretCredential(
        kept["tenant_id"],
        kept[f"{role}_id"],
        secret or kept[f"{role}_header"],
        authority=azure.url,
        disable_instance_discovery=True,
    )


def client_of(azure: LocalAzure, credential: TokenCredential) -> MLClient:
    values = azure.environment
    names = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")
    return MLClient(credential, *(values[name] for name in names))


def test_a_service_principal_signs_in_as_owner_or_reader(client: MLClient, local_azure: LocalAzure) -> None:
    assert client.workspace_name
    owner = client_of(local_azure, service_principal(local_azure, "owner"))
    assert owner.workspaces.get().name == "local"
    reader = client_of(local_azure, service_principal(local_azure, "reader"))
    assert [each.name for each in reader.datastores.list()] == ["workspaceblobstore"]
    with pytest.raises(HttpResponseError) as caught:
        reader.models.create_or_update(Model(name="refused", version="1", path="azureml://datastores/x/paths/y"))
    assert caught.value.error is not None
    assert (caught.value.status_code, caught.value.error.code) == (403, "AuthorizationFailed")


def test_a_wrong_secret_is_a_failed_sign_in(client: MLClient, local_azure: LocalAzure) -> None:
    assert client.workspace_name
    wrong = client_of(local_azure, service_principal(local_azure, "owner", "wrong"))
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        wrong.workspaces.get()
