"""What holds for every operation: tries again or not, ends of operations, what a document has when little was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.ai.ml import MLClient, load_online_endpoint
from azure.ai.ml.constants._endpoint import EndpointInvokeFields
from azure.ai.ml.entities import ManagedOnlineEndpoint
from azure.ai.ml.exceptions import MlException
from azure.core.exceptions import HttpResponseError
from azure.mgmt.machinelearningservices.models import OnlineEndpoint, OnlineEndpointProperties

from tests.contract.wire import RecordingTransport, management_client, ml_client
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAME = "protocol"
PATH = f"onlineEndpoints/{NAME}"
POLLED = ("GET", "mfeOperationsStatus", 200)
ENDPOINT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
SPLIT = {"traffic": {"blue": 100}, "mirrorTraffic": {"red": 10}}


@pytest.fixture(scope="module")
def ml(local_azure: LocalAzure, transport: RecordingTransport) -> Iterator[MLClient]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**local_azure.environment, "AZUREML_CURRENT_CLOUD": "AzureLocal"}.items():
            patch.setenv(name, value)
        local_azure.control("POST", "settings", {"operation_seconds": 0}).raise_for_status()
        create_endpoint(local_azure, NAME)
        yield ml_client(local_azure, transport)
        local_azure.finish(local_azure.arm("DELETE", PATH))
        local_azure.control("POST", "settings", {"operation_seconds": 0.3}).raise_for_status()


@pytest.fixture
def seeded(local_azure: LocalAzure) -> Iterator[str]:
    """An endpoint of three deployments without processes."""
    entry = {"name": "protocols", "deployments": ["blue", "green", "red"], **SPLIT}
    local_azure.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    yield "protocols"
    if local_azure.arm("GET", "onlineEndpoints/protocols").ok:
        local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/protocols"))


@pytest.fixture
def invoke(ml: MLClient, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Calls an endpoint through the SDK, and forgets what that leaves for later calls."""
    headers = EndpointInvokeFields.DEFAULT_HEADER
    before = dict(headers)
    path = tmp_path / "request.json"
    path.write_text('{"data": [1]}')
    yield lambda name: ml.online_endpoints.invoke(name, request_file=str(path))
    headers.clear()
    headers.update(before)


@pytest.mark.parametrize(("status", "sent"), [(500, 2), (503, 2), (504, 2), (408, 1), (424, 1), (429, 1), (502, 1)])
def test_invoke_sends_a_request_again_only_after_some_errors(
    invoke: Callable[[str], Any],
    transport: RecordingTransport,
    fault: Callable[..., None],
    status: int,
    sent: int,
) -> None:
    fault(path=f"/endpoints/{NAME}/score", status=status, times=1)
    # No deployment takes the second try either. Of a 408 the SDK cannot tell (TypeError) or loses the status.
    with transport.noted() as noted, pytest.raises((HttpResponseError, MlException, TypeError)):
        invoke(NAME)
    scored = [each for each in noted if each[1] == ""]
    assert scored == [("POST", "", status), ("POST", "", 404)][:sent]


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        ({"status": 429, "code": "TooManyRequests"}, [429, 200]),
        ({"status": 503, "code": "ServerBusy"}, [503, 200]),
        ({"status": 403, "code": "AuthorizationFailed", "retry_after": 1}, [403, 200]),
        ({"status": 403, "code": "AuthorizationFailed"}, [403]),
    ],
    ids=["429", "503", "403 with Retry-After", "403"],
)
def test_reads_are_sent_again_after_passing_errors_and_whenever_the_service_says_when(
    ml: MLClient,
    transport: RecordingTransport,
    fault: Callable[..., None],
    values: dict[str, Any],
    answers: list[int],
) -> None:
    fault(operation=f"{ENDPOINT}/read", times=1, **values)
    with transport.noted() as noted:
        if answers[-1] == 200:
            list(ml.online_endpoints.list())
        else:
            with pytest.raises(HttpResponseError):
                list(ml.online_endpoints.list())
    assert noted == [("GET", "onlineEndpoints", status) for status in answers]


def test_a_change_that_meets_a_conflict_is_sent_again_when_the_service_says_when(
    ml: MLClient, transport: RecordingTransport, fault: Callable[..., None]
) -> None:
    found = ml.online_endpoints.get(NAME)
    fault(operation=f"{ENDPOINT}/write", status=409, code="Conflict", retry_after=1, times=1)
    with transport.noted() as noted:
        ml.online_endpoints.begin_create_or_update(found).result()
    assert noted == [("GET", "", 200), ("PUT", PATH, 409), ("PUT", PATH, 200), POLLED, ("GET", PATH, 200)]


def test_an_operation_says_how_long_it_may_take_and_its_result_is_there_when_it_has_ended(
    ml: MLClient, transport: RecordingTransport, local_azure: LocalAzure
) -> None:
    local_azure.control("POST", "settings", {"operation_seconds": 3600}).raise_for_status()
    try:
        accepted = local_azure.arm("POST", f"{PATH}/regenerateKeys", {"keyType": "Primary"})
        assert (accepted.status_code, accepted.content) == (202, b"")
        assert accepted.headers["x-ms-async-operation-timeout"] == "PT2H"
        result = accepted.headers["Location"].removeprefix(local_azure.url).partition("?")[0]
        running = local_azure.arm("GET", result)
        assert (running.status_code, running.headers["Retry-After"]) == (202, "1")
        assert running.headers["Location"]
    finally:
        local_azure.control("POST", "settings", {"operation_seconds": 0}).raise_for_status()
    assert local_azure.finish(accepted)["status"] == "Succeeded"
    assert local_azure.arm("GET", result).status_code in (200, 204)
    # The SDK asks for it at the end.
    with transport.noted() as noted:
        ml.online_endpoints.begin_regenerate_keys(NAME, key_type="primary").result()
    assert [each[1] for each in noted[-2:]] == ["mfeOperationsStatus", "mfeOperationResults"]
    assert noted[-1][2] in (200, 204)


def test_an_operation_can_be_followed_by_another_process(ml: MLClient, local_azure: LocalAzure) -> None:
    place = (local_azure.environment["AZURE_RESOURCE_GROUP"], local_azure.environment["AZUREML_WORKSPACE_NAME"])
    wanted = OnlineEndpoint(
        location="westeurope", tags={"followed": "yes"}, properties=OnlineEndpointProperties(auth_mode="Key")
    )
    local_azure.control("POST", "settings", {"operation_seconds": 0.5}).raise_for_status()
    try:
        with management_client(local_azure) as first, management_client(local_azure) as second:
            poller = first.online_endpoints.begin_create_or_update(*place, NAME, wanted)
            assert poller.status() == "InProgress"
            token = poller.continuation_token()
            followed = second.online_endpoints.begin_create_or_update(*place, NAME, wanted, continuation_token=token)
            assert followed.result().tags == {"followed": "yes"}
            poller.result()
    finally:
        local_azure.control("POST", "settings", {"operation_seconds": 0}).raise_for_status()


def test_null_is_as_good_as_nothing(ml: MLClient, local_azure: LocalAzure) -> None:
    nothing = dict.fromkeys(("traffic", "mirrorTraffic", "description", "properties", "publicNetworkAccess", "keys"))
    body = {"location": "westeurope", "tags": None, "identity": None, "properties": {"authMode": "Key", **nothing}}
    assert local_azure.finish(local_azure.arm("PUT", "onlineEndpoints/nulls", body))["status"] == "Succeeded"
    # What the SDK cannot do without: it reads each of these without looking whether it is there.
    found = ml.online_endpoints.get("nulls")
    assert (found.traffic, found.mirror_traffic, found.tags) == ({}, {}, {})
    assert (found.public_network_access, found.identity.type) == ("Enabled", "system_assigned")
    ml.online_endpoints.begin_delete("nulls").result()


def test_the_sdk_shows_deployments_without_a_share_and_an_update_without_traffic_takes_it_away(
    ml: MLClient, local_azure: LocalAzure, seeded: str, tmp_path: Path
) -> None:
    found = ml.online_endpoints.get(seeded)
    assert (found.traffic, found.mirror_traffic) == ({"blue": 100, "green": 0}, {"red": 10})
    listed = {each.name: each for each in ml.online_deployments.list(seeded)}
    assert listed.keys() == {"blue", "green", "red"}
    assert {(each.instance_count, each.provisioning_state) for each in listed.values()} == {(1, "Succeeded")}
    path = tmp_path / "endpoint.yml"
    path.write_text(f"name: {seeded}\nauth_mode: key\n")
    ml.online_endpoints.begin_create_or_update(load_online_endpoint(path)).result()
    properties = local_azure.arm("GET", f"onlineEndpoints/{seeded}").json()["properties"]
    assert (properties["traffic"], properties["mirrorTraffic"]) == ({}, {})


def test_deployments_go_with_their_endpoint(ml: MLClient, local_azure: LocalAzure, seeded: str) -> None:
    ml.online_endpoints.begin_delete(seeded).result()
    create_endpoint(local_azure, seeded)
    assert list(ml.online_deployments.list(seeded)) == []


def test_a_change_of_traffic_through_the_sdk_keeps_all_that_it_knows(
    ml: MLClient, local_azure: LocalAzure, seeded: str
) -> None:
    path = f"onlineEndpoints/{seeded}"
    before = local_azure.arm("GET", path).json()
    identity: dict[str, Any] = {"type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/s/me": {}}}
    properties = {**before["properties"], "description": "d", "publicNetworkAccess": "Disabled"}
    properties["properties"] = {"mine": "yes"}
    sent = {**before, "tags": {"a": "b"}, "identity": identity, "futureField": 1, "properties": properties}
    local_azure.finish(local_azure.arm("PUT", path, {**sent, "location": "northeurope"}))
    entity = ml.online_endpoints.get(seeded)
    entity.traffic = {"BLUE": 60, "green": 40}
    ml.online_endpoints.begin_create_or_update(entity).result()
    after = local_azure.arm("GET", path).json()
    assert after["properties"]["traffic"] == {"blue": 60, "green": 40}
    assert after["properties"]["mirrorTraffic"] == {"red": 10}
    assert (after["tags"], after["identity"]["userAssignedIdentities"].keys()) == (
        {"a": "b"},
        identity["userAssignedIdentities"].keys(),
    )
    kept = [after["properties"][name] for name in ("description", "publicNetworkAccess", "authMode")]
    assert kept == ["d", "Disabled", "Key"]
    assert after["properties"]["properties"]["mine"] == "yes"
    # The SDK sends the workspace's location, and nothing that it does not know.
    assert after["location"] == "westeurope"
    assert "futureField" not in after


def test_a_token_of_entra_is_fetched_without_the_service_and_opens_the_endpoint(
    ml: MLClient, transport: RecordingTransport, local_azure: LocalAzure
) -> None:
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="entra-keys", auth_mode="aad_token")).result()
    with transport.noted() as noted:
        token = ml.online_endpoints.get_keys("entra-keys").access_token
    assert noted == [("GET", "onlineEndpoints/entra-keys", 200)]
    address = ml.online_endpoints.get("entra-keys").scoring_uri
    statuses = [
        requests.post(
            address, json={}, headers={"Authorization": f"Bearer {each}"}, verify=local_azure.bundle, timeout=60
        ).status_code
        for each in (token, f"{token}x")
    ]
    # No deployment has traffic.
    assert statuses == [404, 401]
    ml.online_endpoints.begin_delete("entra-keys").result()


def test_invoke_fetches_a_token_where_there_are_no_keys(
    ml: MLClient, transport: RecordingTransport, invoke: Callable[[str], Any]
) -> None:
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="token-call", auth_mode="aml_token")).result()
    path = "onlineEndpoints/token-call"
    with transport.noted() as noted, pytest.raises(MlException, match="No deployment"):
        invoke("token-call")
    assert noted == [("GET", path, 200), ("POST", f"{path}/token", 200), ("POST", "", 404)]
    ml.online_endpoints.begin_delete("token-call").result()


def test_a_document_keeps_what_a_round_trip_of_the_sdk_loses(
    ml: MLClient, local_azure: LocalAzure, seeded: str
) -> None:
    path = f"onlineEndpoints/{seeded}/deployments/green"
    extra = {
        "modelMountPath": "/var/model",
        "startupProbe": {"initialDelay": "PT1S", "failureThreshold": 3},
        "requestSettings": {
            "maxQueueWait": "PT0.25S",
            "requestTimeout": "PT2.5S",
            "maxConcurrentRequestsPerInstance": 2,
        },
    }
    before = local_azure.arm("GET", path).json()
    for more in ({"dataCollector": {"collections": {"model_inputs": {"dataCollectionMode": "Enabled"}}}}, {}):
        wanted = {**extra, **more}
        answer = local_azure.arm("PUT", path, {**before, "properties": {**before["properties"], **wanted}})
        assert local_azure.finish(answer)["status"] == "Succeeded"
        kept = local_azure.arm("GET", path).json()["properties"]
        assert {name: kept[name] for name in wanted} == wanted
    deployment = ml.online_deployments.get("green", seeded)
    ml.online_deployments.begin_create_or_update(deployment).result()
    after = local_azure.arm("GET", path).json()["properties"]
    assert not {"modelMountPath", "startupProbe", "dataCollector"} & after.keys()
    assert after["requestSettings"] == {
        "maxQueueWait": "PT0.5S",
        "requestTimeout": "PT2S",
        "maxConcurrentRequestsPerInstance": 2,
    }
