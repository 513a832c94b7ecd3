"""How a client of Azure finds the local one, what it trusts, and what it does when it is turned away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml._utils._storage_utils import get_storage_client
from azure.ai.ml.entities import Model
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential

from tests.contract.wire import RecordingTransport
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
Make = Callable[..., MLClient]


class Opaque:
    """A credential whose tokens are none."""

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        """Something that nobody has signed."""
        return AccessToken("opaque", 4_000_000_000)


def metadata(azure: LocalAzure, suffix: str = "core.local") -> dict[str, str]:
    """What azure-ai-ml wants to know of a cloud."""
    names = ("azure_portal", "resource_manager", "active_directory", "registry_discovery_endpoint")
    return dict.fromkeys(names, f"{azure.url}/") | {"aml_resource_id": azure.url, "storage_endpoint": suffix}


@pytest.fixture
def make(local_azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes clients that know the cloud from their arguments, and nothing from the environment but who they are."""
    for name in (*os.environ, *local_azure.environment):
        if name.startswith("AZURE") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "ARM_CLOUD_METADATA_URL"):
            monkeypatch.delenv(name, raising=False)
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.setenv(name, local_azure.environment[name])
    # azure-ai-ml writes this one itself; named here, it is put back after the test.
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureCloud")
    values = local_azure.environment
    names = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")

    def build(cloud: str, credential: Any = None, suffix: str = "core.local", **options: Any) -> MLClient:
        about = {"cloud": f"{cloud}{local_azure.port}", "cloud_metadata": metadata(local_azure, suffix)}
        return MLClient(credential or DefaultAzureCredential(), *(values[name] for name in names), **about, **options)

    return build


def test_the_cloud_can_be_described_in_arguments(local_azure: LocalAzure, make: Make) -> None:
    by_option = make("Described", connection_verify=local_azure.bundle)
    assert by_option.workspaces.get().name == "local"
    with requests.Session() as session:
        transport = RequestsTransport(session=session, session_owner=False, connection_verify=local_azure.bundle)
        assert make("Described", transport=transport).workspaces.get().name == "local"


@pytest.mark.parametrize(
    "program",
    [
        ["curl", "-sS", "--fail"],
        [sys.executable, "-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"],
    ],
    ids=["curl", "ssl"],
)
def test_programs_trust_the_local_azure_by_their_environment_alone(local_azure: LocalAzure, program: list[str]) -> None:
    address = local_azure.environment["ARM_CLOUD_METADATA_URL"]
    environment = local_azure.client_environment()
    done = subprocess.run([*program, address], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (cloud,) = json.loads(done.stdout)
    # What azure-ai-ml takes from it; without one of these it would not know the cloud.
    assert {"name", "portal", "resourceManager"} <= cloud.keys()
    assert cloud["authentication"]["loginEndpoint"].startswith(local_azure.url)
    assert cloud["suffixes"]["storage"] == "core.local"


def test_uploads_trust_what_the_environment_names_and_not_what_the_client_was_told(
    local_azure: LocalAzure, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make("Trusting", connection_verify=local_azure.bundle)
    store = client.datastores.get_default(include_secrets=True)
    # This is all that azure-ai-ml hands to its storage client: nothing of the arguments above.
    storage = get_storage_client(store.credentials.sas_token, store.account_name, container_name=store.container_name)
    with storage.service_client, pytest.raises(ServiceRequestError, match="CERTIFICATE_VERIFY_FAILED"):
        storage.container_client.upload_blob("trusted", b"x", retry_total=0)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", local_azure.bundle)
    again = get_storage_client(store.credentials.sas_token, store.account_name, container_name=store.container_name)
    with again.service_client:
        again.container_client.upload_blob("trusted", b"x")


def test_a_client_of_another_cloud_takes_the_first_ones_storage_along(
    local_azure: LocalAzure, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", local_azure.bundle)
    path = tmp_path / "weights.bin"
    path.write_bytes(b"of the first cloud")
    first = make("First")
    make("Second", suffix="elsewhere.local")
    with pytest.raises(HttpResponseError) as caught:
        first.models.create_or_update(Model(name="two-clouds", version="1", path=str(path)))
    # Nothing is there: on Azure it is a host name that nobody has.
    assert caught.value.status_code == 501
    assert local_azure.arm("GET", "models/two-clouds").status_code == 404


@pytest.fixture
def transport() -> Iterator[RecordingTransport]:
    with RecordingTransport() as made:
        yield made


def test_a_token_that_is_none_is_refused_at_once(
    local_azure: LocalAzure, make: Make, transport: RecordingTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", local_azure.bundle)
    client = make("Refusing", Opaque(), transport=transport)
    with transport.noted() as noted, pytest.raises(ClientAuthenticationError) as caught:
        client.workspaces.get()
    assert noted == [("GET", "", 401)]
    assert caught.value.error is not None
    assert caught.value.error.code == "InvalidAuthenticationToken"


def test_the_clients_own_request_id_comes_back_on_answers_polls_and_errors(local_azure: LocalAzure) -> None:
    headers = {"Authorization": f"Bearer {local_azure.token()}", "x-ms-client-request-id": "mine-1"}
    scope = f"{local_azure.url}{local_azure.workspace}/onlineEndpoints"

    def send(method: str, address: str, body: object = None) -> requests.Response:
        return requests.request(method, address, json=body, headers=headers, verify=local_azure.bundle, timeout=60)

    made = send("PUT", f"{scope}/identified?api-version=2024-10-01", {"properties": {"authMode": "Key"}})
    polled = send("GET", made.headers["Azure-AsyncOperation"])
    missing = send("GET", f"{scope}/missing?api-version=2024-10-01")
    answers = (made, polled, missing)
    assert [each.status_code for each in answers] == [201, 200, 404]
    assert {each.headers["x-ms-client-request-id"] for each in answers} == {"mine-1"}
    assert len({each.headers["x-ms-request-id"] for each in answers}) == 3
    local_azure.finish(made)
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/identified"))
