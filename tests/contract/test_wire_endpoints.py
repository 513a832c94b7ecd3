"""Online endpoints through azure-ai-ml: what it sends, what it gets, what it makes of that."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import ManagedOnlineEndpoint
from azure.ai.ml.exceptions import ValidationException
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.contract.wire import RecordingTransport, ml_client
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
MINE: dict[str, Any] = {"/subscriptions/s/me": {}}
POLLED = ("GET", "mfeOperationsStatus", 200)


@pytest.fixture(scope="module", autouse=True)
def quick(local_azure: LocalAzure) -> Iterator[None]:
    """Operations end as soon as their work is done: clients wait a second before they ask again."""
    local_azure.control("POST", "settings", {"operation_seconds": 0}).raise_for_status()
    yield
    local_azure.control("POST", "settings", {"operation_seconds": 0.3}).raise_for_status()


@pytest.fixture(scope="module")
def ml(local_azure: LocalAzure, transport: RecordingTransport) -> Iterator[MLClient]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**local_azure.environment, "AZUREML_CURRENT_CLOUD": "AzureLocal"}.items():
            patch.setenv(name, value)
        yield ml_client(local_azure, transport)


@pytest.fixture(scope="module")
def wired(local_azure: LocalAzure) -> Iterator[str]:
    """An endpoint without deployments."""
    create_endpoint(local_azure, "wired")
    yield "wired"
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/wired"))


@pytest.fixture
def end(local_azure: LocalAzure) -> Iterator[Callable[[], None]]:
    """Operations take an hour, until the test lets them end."""

    def let_end() -> None:
        local_azure.control("POST", "settings", {"operation_seconds": 0}).raise_for_status()

    local_azure.control("POST", "settings", {"operation_seconds": 3600}).raise_for_status()
    yield let_end
    let_end()


def entity(name: str, **more: Any) -> ManagedOnlineEndpoint:
    return ManagedOnlineEndpoint(name=name, **more)


def test_creating_reads_the_workspace_puts_polls_and_reads_the_endpoint(
    ml: MLClient, transport: RecordingTransport
) -> None:
    name = f"made-{uuid.uuid4().hex[:8]}"
    with transport.noted() as noted:
        made = ml.online_endpoints.begin_create_or_update(entity(name, tags={"a": "b"}, description="d")).result()
    path = f"onlineEndpoints/{name}"
    assert noted == [("GET", "", 200), ("PUT", path, 201), POLLED, ("GET", path, 200)]
    assert (made.provisioning_state, made.auth_mode, made.tags, made.description) == (
        "Succeeded",
        "key",
        {"a": "b"},
        "d",
    )
    assert made.scoring_uri.endswith(f"/endpoints/{name}/score")
    assert made.openapi_uri.endswith("/swagger.json")
    assert made.identity.type == "system_assigned"
    assert made.properties["azureml.onlineendpointid"].islower()
    assert "/mfeOperationsStatus/oeidp:" in made.properties["AzureAsyncOperationUri"]

    with transport.noted() as noted:
        ml.online_endpoints.begin_create_or_update(made).result()
    assert noted == [("GET", "", 200), ("PUT", path, 200), POLLED, ("GET", path, 200)]
    with transport.noted() as noted:
        ml.online_endpoints.begin_delete(name).result()
    assert noted == [("DELETE", path, 202), POLLED]
    with transport.noted() as noted:
        ml.online_endpoints.begin_delete(name).result()
    assert noted == [("DELETE", path, 204)]
    with pytest.raises(ResourceNotFoundError) as caught:
        ml.online_endpoints.get(name)
    assert caught.value.error is not None
    assert caught.value.error.code == "ResourceNotFound"


def test_until_it_has_succeeded_an_endpoint_has_no_addresses(local_azure: LocalAzure, end: Callable[[], None]) -> None:
    body = {"location": "westeurope", "properties": {"authMode": "Key"}}
    answer = local_azure.arm("PUT", "onlineEndpoints/unborn", body)
    assert answer.status_code == 201
    listed = local_azure.arm("GET", "onlineEndpoints").json()["value"]
    for document in (answer.json(), *(each for each in listed if each["name"] == "unborn")):
        properties = document["properties"]
        assert (properties["provisioningState"], properties["scoringUri"], properties["swaggerUri"]) == (
            "Creating",
            None,
            None,
        )
    assert "ETag" not in answer.headers
    assert answer.headers["Retry-After"] == "1"
    end()
    local_azure.finish(answer)
    assert local_azure.arm("GET", "onlineEndpoints/unborn").json()["properties"]["scoringUri"]
    assert local_azure.arm("DELETE", "onlineEndpoints/unborn").status_code == 202


def test_a_list_is_one_call_and_a_read_two(ml: MLClient, transport: RecordingTransport, wired: str) -> None:
    with transport.noted() as noted:
        listed = list(ml.online_endpoints.list())
    assert noted == [("GET", "onlineEndpoints", 200)]
    assert wired in [each.name for each in listed]
    with transport.noted() as noted:
        assert ml.online_endpoints.get(wired.upper()).name == wired
    assert [each[1].lower() for each in noted] == [f"onlineendpoints/{wired}", f"onlineendpoints/{wired}/deployments"]


def test_keys_are_read_and_the_old_key_that_is_sent_along_does_not_count(
    ml: MLClient, transport: RecordingTransport, wired: str
) -> None:
    path = f"onlineEndpoints/{wired}"
    with transport.noted() as noted:
        before = ml.online_endpoints.get_keys(wired)
    assert noted == [("GET", path, 200), ("POST", f"{path}/listKeys", 200)]
    with transport.noted() as noted:
        ml.online_endpoints.begin_regenerate_keys(wired, key_type="secondary").result()
    assert noted[:4] == [
        ("GET", path, 200), ("POST", f"{path}/listKeys", 200), ("POST", f"{path}/regenerateKeys", 202), POLLED,
    ]  # fmt: skip
    after = ml.online_endpoints.get_keys(wired)
    assert after.primary_key == before.primary_key
    assert after.secondary_key != before.secondary_key


def test_an_endpoint_of_mode_aml_token_hands_out_tokens_and_no_keys(
    ml: MLClient, transport: RecordingTransport, local_azure: LocalAzure
) -> None:
    ml.online_endpoints.begin_create_or_update(entity("tokens", auth_mode="aml_token")).result()
    with transport.noted() as noted:
        token = ml.online_endpoints.get_keys("tokens")
    assert noted[-1] == ("POST", "onlineEndpoints/tokens/token", 200)
    lifetime = local_azure.control("GET", "settings").json()["scoring_token_seconds"]
    assert token.token_type == "Bearer"
    assert token.refresh_after_time_utc < token.expiry_time_utc <= time.time() + lifetime + 5
    with pytest.raises(ValidationException, match="does not use keys"):
        ml.online_endpoints.begin_regenerate_keys("tokens", key_type="primary")
    for action, body in (("listKeys", None), ("regenerateKeys", {"keyType": "Primary"})):
        refused = local_azure.arm("POST", f"onlineEndpoints/tokens/{action}", body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "UserError")
        assert "AMLToken" in refused.json()["error"]["message"]
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/tokens"))


def test_an_endpoint_of_mode_aad_token_has_neither(ml: MLClient, local_azure: LocalAzure) -> None:
    ml.online_endpoints.begin_create_or_update(entity("entra", auth_mode="aad_token")).result()
    assert ml.online_endpoints.get("entra").auth_mode == "aad_token"
    for action in ("listKeys", "token"):
        refused = local_azure.arm("POST", f"onlineEndpoints/entra/{action}")
        assert refused.status_code == 400
        assert "AADToken" in refused.json()["error"]["message"]
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/entra"))


def test_the_auth_mode_of_an_endpoint_can_be_changed(ml: MLClient, local_azure: LocalAzure, wired: str) -> None:
    keys = ml.online_endpoints.get_keys(wired)
    for mode in ("aml_token", "key"):
        changed = ml.online_endpoints.get(wired)
        changed.auth_mode = mode
        assert ml.online_endpoints.begin_create_or_update(changed).result().auth_mode == mode
    assert ml.online_endpoints.get_keys(wired).primary_key == keys.primary_key


def test_an_unfinished_operation_cannot_be_waited_for_through_result(
    ml: MLClient, wired: str, end: Callable[[], None]
) -> None:
    poller = ml.online_endpoints.begin_create_or_update(ml.online_endpoints.get(wired))
    # A fault of the SDK: it reads the operation's status as an endpoint.
    with pytest.raises(AttributeError):
        poller.result(timeout=0.2)
    poller.wait(timeout=0.1)
    assert not poller.done()
    end()
    assert poller.result().provisioning_state == "Succeeded"


def test_a_stale_entity_silently_undoes_what_somebody_else_wrote(ml: MLClient, wired: str) -> None:
    mine, theirs = ml.online_endpoints.get(wired), ml.online_endpoints.get(wired)
    theirs.tags = {"by": "them"}
    ml.online_endpoints.begin_create_or_update(theirs).result()
    mine.description = "mine"
    ml.online_endpoints.begin_create_or_update(mine).result()
    found = ml.online_endpoints.get(wired)
    assert (found.description, found.tags) == ("mine", {})


def test_properties_are_added_and_neither_removed_nor_altered(local_azure: LocalAzure, wired: str) -> None:
    path = f"onlineEndpoints/{wired}"
    for sent in ({"first": "1"}, {"first": "2", "second": "2"}, {}):
        body = {"location": "x", "properties": {"authMode": "Key", "properties": sent}}
        local_azure.finish(local_azure.arm("PUT", path, body))
    found = local_azure.arm("GET", path).json()["properties"]["properties"]
    assert (found["first"], found["second"]) == ("1", "2")


def test_keys_can_be_chosen_when_an_endpoint_is_made_and_are_never_shown_in_it(local_azure: LocalAzure) -> None:
    assert (
        create_endpoint(local_azure, "chosen", keys={"primaryKey": "my own key"}).json()["properties"]["keys"] is None
    )
    found = local_azure.arm("POST", "onlineEndpoints/chosen/listKeys").json()
    assert found["primaryKey"] == "my own key"
    assert found["secondaryKey"]
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/chosen"))


@pytest.mark.parametrize(
    ("identity", "rendered"),
    [
        ({"type": "None"}, {"type"}),
        ({"type": "UserAssigned", "userAssignedIdentities": MINE}, {"type", "userAssignedIdentities"}),
        (
            {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": MINE},
            {"type", "userAssignedIdentities", "principalId", "tenantId"},
        ),
    ],
)
def test_identities_are_shown_with_what_azure_adds(
    local_azure: LocalAzure, wired: str, identity: dict[str, Any], rendered: set[str]
) -> None:
    local_azure.finish(local_azure.arm("PATCH", f"onlineEndpoints/{wired}", {"identity": identity}))
    found = local_azure.arm("GET", f"onlineEndpoints/{wired}").json()["identity"]
    assert set(found) == rendered
    for each in found.get("userAssignedIdentities", {}).values():
        assert set(each) == {"principalId", "clientId"}


def test_a_change_during_a_change_is_a_conflict_that_the_sdk_calls_existing(
    ml: MLClient, local_azure: LocalAzure, wired: str, end: Callable[[], None]
) -> None:
    poller = ml.online_endpoints.begin_create_or_update(ml.online_endpoints.get(wired))
    with pytest.raises(ResourceExistsError) as caught:
        ml.online_endpoints.begin_create_or_update(ml.online_endpoints.get(wired))
    assert "Updating provisioning state" in str(caught.value)
    made = local_azure.arm("PUT", f"onlineEndpoints/{wired}/deployments/blue", {"properties": {}})
    assert made.status_code == 409
    assert made.json()["error"]["message"].startswith(
        f"Cannot create a deployment in endpoint {wired} because it is in Updating provisioning state"
    )
    end()
    poller.result()


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ({"code": "InternalServerError", "message": "It broke."}, "Failed"),
        ({"code": "OperationCanceled", "message": "Another operation has a higher priority."}, "Canceled"),
    ],
)
def test_a_creation_that_fails_leaves_an_endpoint_of_no_use(
    ml: MLClient, local_azure: LocalAzure, outcome: dict[str, str], status: str
) -> None:
    name = f"failed-{status.lower()}"
    operation = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"
    fault = {"operation": operation, "target": name, "outcome": outcome, "times": 1}
    local_azure.control("POST", "faults", fault).raise_for_status()
    with pytest.raises(HttpResponseError) as caught:
        ml.online_endpoints.begin_create_or_update(entity(name)).result()
    if status == "Failed":
        assert caught.value.error is not None
        assert (caught.value.error.code, caught.value.error.message) == (outcome["code"], outcome["message"])
        # The SDK raises on the answer to its poll, which is a good one.
        assert caught.value.status_code == 200
    properties = local_azure.arm("GET", f"onlineEndpoints/{name}").json()["properties"]
    assert (properties["provisioningState"], properties["scoringUri"]) == (status, None)
    for method, path, body in (
        ("PUT", name, {"properties": {"authMode": "Key"}}),
        ("PATCH", name, {"tags": {}}),
        ("PUT", f"{name}/deployments/blue", {"properties": {}}),
    ):
        refused = local_azure.arm(method, f"onlineEndpoints/{path}", body)
        inner = json.loads(refused.json()["error"]["details"][0]["message"])["errors"][""][0]
        assert inner == (
            f"Specified endpoint [{name}] has not been created successfully. Please recreate the endpoint."
        )
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{name}"))


def test_an_update_that_fails_leaves_what_was_in_effect(local_azure: LocalAzure, wired: str) -> None:
    path = f"onlineEndpoints/{wired}"
    before = local_azure.arm("GET", path).json()
    operation = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"
    fault = {"operation": operation, "outcome": {"code": "InternalServerError", "message": "no"}, "times": 1}
    local_azure.control("POST", "faults", fault).raise_for_status()
    changed = {**before, "properties": {**before["properties"], "description": "never"}}
    assert local_azure.finish(local_azure.arm("PUT", path, changed))["status"] == "Failed"
    after = local_azure.arm("GET", path).json()["properties"]
    assert (after["provisioningState"], after["description"]) == ("Failed", before["properties"]["description"])
    assert after["scoringUri"]
    assert local_azure.finish(local_azure.arm("PUT", path, before))["status"] == "Succeeded"


def test_reads_lag_behind_writes_as_long_as_the_setting_says(local_azure: LocalAzure, wired: str) -> None:
    local_azure.control("POST", "settings", {"stale_read_seconds": 600}).raise_for_status()
    try:
        path = f"onlineEndpoints/{wired}"
        before = local_azure.arm("GET", path).json()
        status = local_azure.finish(local_azure.arm("PATCH", path, {"tags": {"new": "yes"}}))
        assert status["status"] == "Succeeded"
        assert local_azure.arm("GET", path).json() == before
        assert before in local_azure.arm("GET", "onlineEndpoints").json()["value"]
        create_endpoint(local_azure, "unseen")
        assert local_azure.arm("GET", "onlineEndpoints/unseen").status_code == 404
        assert local_azure.arm("POST", "onlineEndpoints/unseen/listKeys").status_code == 200
    finally:
        local_azure.control("POST", "settings", {"stale_read_seconds": 0}).raise_for_status()
    assert local_azure.arm("GET", path).json()["tags"] == {"new": "yes"}
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/unseen"))
