"""What azure-ai-ml sends before a deployment, in which order, and what becomes of an upload that fails."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure.ai.ml import MLClient, load_online_deployment
from azure.ai.ml._artifacts import _blob_storage_helper
from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment, Model
from azure.ai.ml.exceptions import MlException
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient

from tests.contract.wire import RecordingTransport, ml_client
from tests.deployable import create_endpoint, write_quick_start
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
ENDPOINT = "uploaded-to"
WRITE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write"
POLLED = ("GET", "mfeOperationsStatus", 200)
_CHOSEN = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}")


@pytest.fixture(scope="module")
def ml(local_azure: LocalAzure, transport: RecordingTransport) -> Iterator[MLClient]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**local_azure.environment, "AZUREML_CURRENT_CLOUD": "AzureLocal"}.items():
            patch.setenv(name, value)
        local_azure.control("POST", "settings", {"operation_seconds": 0}).raise_for_status()
        create_endpoint(local_azure, ENDPOINT)
        yield ml_client(local_azure, transport)
        local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{ENDPOINT}"))
        local_azure.control("POST", "settings", {"operation_seconds": 0.3}).raise_for_status()


@pytest.fixture
def container(ml: MLClient, local_azure: LocalAzure) -> Iterator[ContainerClient]:
    """The container of the datastore."""
    store = ml.datastores.get_default(include_secrets=True)
    address = f"https://{store.account_name}.blob.core.local"
    with ContainerClient(address, store.container_name, store.credentials.sas_token) as opened:
        yield opened


def plainly(noted: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """The requests without the names that the SDK chooses or computes."""
    return [(method, _CHOSEN.sub("*", path), status) for method, path, status in noted]


def test_a_deployment_from_yaml_sends_code_environment_and_model_before_itself(
    ml: MLClient,
    transport: RecordingTransport,
    container: ContainerClient,
    fault: Callable[..., None],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "files"
    write_quick_start(folder, ENDPOINT, {"blue": uuid.uuid4().int})
    with (folder / "code" / "score.py").open("a") as script:
        script.write(f"# {uuid.uuid4()}\n")
    # Another module may have registered the usual environment already.
    conda = folder / "conda.yml"
    conda.write_text(re.sub("^name: .*$", f"name: env-{uuid.uuid4()}", conda.read_text(), flags=re.MULTILINE))
    # What the deployment becomes is not the point: this saves its instance.
    fault(operation=WRITE, target=f"{ENDPOINT}/*", outcome={"code": "OutOfQuota", "message": "none"}, times=2)

    def deploy(name: str) -> list[tuple[str, str, int]]:
        deployment = load_online_deployment(folder / "blue-deployment.yml")
        deployment.name = name
        with transport.noted() as noted, pytest.raises(HttpResponseError, match="OutOfQuota"):
            ml.online_deployments.begin_create_or_update(deployment).result()
        return plainly(noted)

    def uploaded() -> dict[str, str]:
        return {each.name: each.etag for each in container.list_blobs("LocalUpload/")}

    before, path = uploaded(), f"onlineEndpoints/{ENDPOINT}"
    # Blobs go through another client than this one, so none of them is among the requests.
    assert deploy("blue") == [
        ("GET", path, 200),
        ("GET", "codes/*/versions", 200),
        ("POST", "codes/*/versions/1/startPendingUpload", 200),
        ("PUT", "codes/*/versions/1", 201),
        ("PUT", "environments/CliV2AnonymousEnvironment/versions/*", 201),
        ("GET", "models/*/versions", 200),
        ("GET", "datastores/workspaceblobstore", 200),
        ("POST", "datastores/workspaceblobstore/listSecrets", 200),
        ("PUT", "models/*/versions/1", 201),
        ("GET", "", 200),
        ("PUT", f"{path}/deployments/blue", 201),
        POLLED,
    ]
    after = uploaded()
    (name,) = after.keys() - before.keys()
    assert re.fullmatch("LocalUpload/[0-9a-f]+/model/factor.txt", name)
    metadata = container.get_blob_client(name).get_blob_properties().metadata
    assert metadata.keys() == {"upload_status", "name", "version"}
    assert metadata["upload_status"] == "completed"

    # The same content again: the code is found by its hash, the model by what its upload left at the blob.
    assert deploy("green") == [
        ("GET", path, 200),
        ("GET", "codes/*/versions", 200),
        ("GET", "codes/*/versions/1", 200),
        ("PUT", "environments/CliV2AnonymousEnvironment/versions/*", 200),
        ("GET", "models/*/versions", 200),
        ("GET", "datastores/workspaceblobstore", 200),
        ("POST", "datastores/workspaceblobstore/listSecrets", 200),
        ("PUT", "models/*/versions/1", 200),
        ("GET", "", 200),
        ("PUT", f"{path}/deployments/green", 201),
        POLLED,
    ]
    assert uploaded() == after


def test_references_are_not_looked_up_by_the_sdk_but_refused_by_the_service(
    ml: MLClient, transport: RecordingTransport
) -> None:
    def deployment(**assets: str) -> ManagedOnlineDeployment:
        code = CodeConfiguration(code="azureml:nowhere:1", scoring_script="score.py")
        size = {"instance_type": "Standard_DS3_v2", "instance_count": 1}
        return ManagedOnlineDeployment(
            name="referring", endpoint_name=ENDPOINT, code_configuration=code, **assets, **size
        )

    with transport.noted() as noted, pytest.raises(HttpResponseError) as caught:
        ml.online_deployments.begin_create_or_update(deployment(model="azureml:none:1", environment="azureml:none:1"))
    path = f"onlineEndpoints/{ENDPOINT}"
    assert noted == [("GET", path, 200), ("GET", "", 200), ("PUT", f"{path}/deployments/referring", 400)]
    assert "none" in str(caught.value)
    with transport.noted() as noted, pytest.raises(MlException, match="does not exist"):
        ml.online_deployments.begin_create_or_update(deployment(model="none@latest", environment="azureml:none:1"))
    assert ("GET", "models/none/versions", 200) in noted
    assert not [each for each in noted if each[0] == "PUT"]


def test_an_upload_that_fails_is_told_only_with_progress(
    ml: MLClient,
    local_azure: LocalAzure,
    transport: RecordingTransport,
    fault: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    class WaitsForEver(Exception):
        """The SDK waits for uploads to be counted that have already failed."""

    def sleep(_seconds: float) -> None:
        raise WaitsForEver

    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("a.bin", "b.bin"):
        (folder / name).write_text(f"{name} {uuid.uuid4()}")
    fault(path="/devacct.blob.*", method="PUT", status=403, code="AuthorizationFailure")
    model = Model(name="never-up", version="1", path=str(folder))
    with pytest.raises(HttpResponseError) as caught:
        ml.models.create_or_update(model)
    assert (caught.value.status_code, caught.value.error_code) == (403, "AuthorizationFailure")
    # All uploads have ended when it begins to wait; without this the test would, as the SDK does, never end.
    monkeypatch.setattr(_blob_storage_helper, "time", SimpleNamespace(sleep=sleep))
    silent = ml_client(local_azure, transport, show_progress=False)
    with pytest.raises(WaitsForEver):
        silent.models.create_or_update(model)
    assert local_azure.arm("GET", "models/never-up").status_code == 404


@pytest.mark.parametrize("name", ["with space.bin", "größe/日本.bin", "100%/a+b&c=d#e.bin"])
def test_names_of_blobs_come_back_as_they_were(container: ContainerClient, name: str) -> None:
    path = f"named/{name}"
    container.upload_blob(path, name.encode(), overwrite=True)
    assert container.download_blob(path).readall() == name.encode()
    assert [each.name for each in container.list_blobs(path)] == [path]
