"""Deployments through azure-ai-ml: scaling, logs, what a round trip loses, and every way to be refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.constants._endpoint import EndpointInvokeFields
from azure.ai.ml.exceptions import MlException, ValidationException
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.contract.wire import RecordingTransport, ml_client
from tests.deployable import SCORE, create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
POLLED = ("GET", "mfeOperationsStatus", 200)
ENDPOINT = "wired-up"
BLUE = f"onlineEndpoints/{ENDPOINT}/deployments/blue"
SLOW = SCORE.replace("    numbers =", "    time.sleep(json.loads(raw_data).get('sleep', 0))\n    numbers =").replace(
    "import json", "import time, json"
)
WRITE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write"


@pytest.fixture(scope="module")
def ml(local_azure: LocalAzure, transport: RecordingTransport) -> Iterator[MLClient]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**local_azure.environment, "AZUREML_CURRENT_CLOUD": "AzureLocal"}.items():
            patch.setenv(name, value)
        yield ml_client(local_azure, transport)


@pytest.fixture(scope="module", autouse=True)
def wired(local_azure: LocalAzure) -> Iterator[None]:
    """An endpoint with the deployment blue, which has all traffic."""
    local_azure.control("POST", "settings", {"operation_seconds": 0}).raise_for_status()
    create_endpoint(local_azure, ENDPOINT)
    requests = {"requestTimeout": "PT2.5S", "maxQueueWait": "PT0.5S", "maxConcurrentRequestsPerInstance": 2}
    made = upload_and_put(local_azure, ENDPOINT, "blue", 2, requestSettings=requests, futureField="kept", score=SLOW)
    assert made.status_code == 201
    assert local_azure.finish(made)["status"] == "Succeeded"
    body = {"location": "westeurope", "properties": {"authMode": "Key", "traffic": {"blue": 100}}}
    local_azure.finish(local_azure.arm("PUT", f"onlineEndpoints/{ENDPOINT}", body))
    yield
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{ENDPOINT}"))
    local_azure.control("POST", "settings", {"operation_seconds": 0.3}).raise_for_status()


def fail_next(azure: LocalAzure, code: str, message: str, target: str) -> None:
    fault = {"operation": WRITE, "target": target, "outcome": {"code": code, "message": message}, "times": 1}
    azure.control("POST", "faults", fault).raise_for_status()


def first_error(error: HttpResponseError) -> dict[str, Any]:
    assert error.error is not None
    assert (error.error.code, error.error.message) == ("BadRequest", "The request is invalid.")
    assert error.error.details[0].code == "InferencingClientCallFailed"
    return dict(json.loads(error.error.details[0].message)["errors"])


def test_a_deployment_reads_as_azure_shows_it(ml: MLClient, local_azure: LocalAzure) -> None:
    found = ml.online_deployments.get("blue", ENDPOINT)
    assert (found.name, found.endpoint_name, found.provisioning_state) == ("blue", ENDPOINT, "Succeeded")
    assert (found.instance_type, found.instance_count) == ("Standard_DS3_v2", 1)
    assert (found.liveness_probe.period, found.liveness_probe.failure_threshold) == (10, 30)
    assert found.environment_variables["AZUREML_ENTRY_SCRIPT"] == "score.py"
    assert found.environment_variables["AML_APP_ROOT"].startswith("/var/azureml-app/")
    assert found.environment_variables["AZUREML_MODEL_DIR"] == "/var/azureml-app/azureml-models/factor-2/1"
    assert [each.name for each in ml.online_deployments.list(ENDPOINT)] == ["blue"]
    # The endpoint's own document knows nothing of deployments without a share; the SDK adds them.
    assert ml.online_endpoints.get(ENDPOINT).traffic == {"blue": 100}


def test_logs_come_from_two_containers_and_a_third_is_not_there(ml: MLClient, local_azure: LocalAzure) -> None:
    assert "factor is 2" in ml.online_deployments.get_logs("blue", ENDPOINT, lines=5000)
    downloads = ml.online_deployments.get_logs("blue", ENDPOINT, lines=50, container_type="storage-initializer")
    assert "Downloaded" in downloads
    # Azure's own summary of the instance stands above the lines that were asked for.
    short, long = (ml.online_deployments.get_logs("blue", ENDPOINT, lines=lines) for lines in (1, 6))
    assert len(long.splitlines()) - len(short.splitlines()) == 5
    for body in ({"containerType": "ModelDataCollector"}, {"containerType": "Other"}, {"tail": 0}, {"tail": True}):
        refused = local_azure.arm("POST", f"{BLUE}/getLogs", body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "UserError")


def test_scaling_by_patch_loses_nothing_and_is_polled_to_its_end(
    ml: MLClient, transport: RecordingTransport, local_azure: LocalAzure
) -> None:
    before = local_azure.arm("GET", BLUE).json()
    operation = ml.online_deployments._online_deployment
    names = (local_azure.environment["AZURE_RESOURCE_GROUP"], local_azure.environment["AZUREML_WORKSPACE_NAME"])
    with transport.noted() as noted:
        body: Any = {"sku": {"name": "Default", "capacity": 2}}
        scaled = operation.begin_update(*names, ENDPOINT, "blue", body).result()
    assert noted[0] == ("PATCH", BLUE, 202)
    assert noted[1] == POLLED
    assert (scaled.sku.capacity, scaled.properties.provisioning_state) == (2, "Succeeded")
    local_azure.finish(local_azure.arm("PATCH", BLUE, {"sku": {"capacity": 1}, "tags": {"size": "one"}}))
    after = local_azure.arm("GET", BLUE).json()
    assert (after["tags"], after["sku"]) == ({"size": "one"}, before["sku"])
    assert after["properties"] == before["properties"]


def test_the_round_trip_of_the_sdk_loses_what_it_does_not_know(
    ml: MLClient, transport: RecordingTransport, local_azure: LocalAzure
) -> None:
    deployment = ml.online_deployments.get("blue", ENDPOINT)
    deployment.description = "through the SDK"
    with transport.noted() as noted:
        ml.online_deployments.begin_create_or_update(deployment).result()
    assert noted == [
        ("GET", f"onlineEndpoints/{ENDPOINT}", 200), ("GET", "", 200), ("PUT", BLUE, 200), POLLED, ("GET", BLUE, 200),
    ]  # fmt: skip
    after = local_azure.arm("GET", BLUE).json()["properties"]
    assert after["description"] == "through the SDK"
    assert after["requestSettings"]["requestTimeout"] == "PT2S"
    assert "futureField" not in after
    # What the service itself put among the variables is not taken for the user's own.
    assert local_azure.score(ENDPOINT, {"data": [1, 2]}).json() == [2, 4]


@pytest.fixture
def invoke(ml: MLClient, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Calls the endpoint through the SDK with a body."""
    headers = EndpointInvokeFields.DEFAULT_HEADER
    before = dict(headers)

    def call(body: object, **options: str) -> Any:
        path = tmp_path / "request.json"
        path.write_text(json.dumps(body))
        return json.loads(ml.online_endpoints.invoke(ENDPOINT, request_file=str(path), **options))

    yield call
    # What a call leaves in this dictionary goes with every later one, whatever it calls.
    headers.clear()
    headers.update(before)


def test_invoke_fetches_the_key_for_every_call_and_remembers_the_deployment_for_ever(
    transport: RecordingTransport, invoke: Callable[..., Any]
) -> None:
    path = f"onlineEndpoints/{ENDPOINT}"
    keyed = [("GET", path, 200), ("POST", f"{path}/listKeys", 200), ("POST", "", 200)]
    with transport.noted() as noted:
        assert invoke({"data": [3]}, deployment_name="blue") == [6]
    assert noted == [("GET", f"{path}/deployments", 200), *keyed]
    with transport.noted() as noted:
        assert invoke({"data": [3]}) == [6]
    assert noted == keyed
    assert EndpointInvokeFields.DEFAULT_HEADER["azureml-model-deployment"] == "blue"
    with pytest.raises(ValidationException):
        invoke({"data": [3]}, deployment_name="pink")


def test_invoke_tells_of_a_model_error_and_only_the_text_of_a_timeout(invoke: Callable[..., Any]) -> None:
    with pytest.raises(HttpResponseError) as caught:
        invoke({"data": None})
    assert caught.value.status_code == 424
    # The SDK cannot report a 408: with a JSON body it raises TypeError, with a text it loses the status.
    with pytest.raises(MlException, match="upstream request timeout"):
        invoke({"data": [1], "sleep": 4})


def test_a_deployment_with_live_traffic_cannot_be_deleted(ml: MLClient) -> None:
    with pytest.raises(HttpResponseError) as caught:
        ml.online_deployments.begin_delete("blue", ENDPOINT)
    assert caught.value.status_code == 400
    assert "100 percent of the endpoint's traffic" in str(caught.value)


def test_too_few_cores_are_told_in_azures_words(ml: MLClient, local_azure: LocalAzure) -> None:
    before = local_azure.control("GET", "settings").json()["cores_quota"]
    local_azure.control("POST", "settings", {"cores_quota": 12}).raise_for_status()
    try:
        deployment = ml.online_deployments.get("blue", ENDPOINT)
        deployment.instance_count = 5
        with pytest.raises(HttpResponseError) as caught:
            ml.online_deployments.begin_create_or_update(deployment)
    finally:
        local_azure.control("POST", "settings", {"cores_quota": before}).raise_for_status()
    (sentence,) = first_error(caught.value)["VmSize"]
    assert sentence.startswith("Not enough quota available for Standard_DS3_v2 in SubscriptionId ")
    assert "Additional needed: 16 " in sentence


@pytest.mark.parametrize(
    ("code", "state"),
    [("OutOfQuota", "Failed"), ("OperationCanceled", "Canceled")],
)
def test_a_first_provisioning_that_fails_is_the_end_of_a_deployment(
    ml: MLClient, local_azure: LocalAzure, code: str, state: str
) -> None:
    name = f"never-{state.lower()}"
    path = f"onlineEndpoints/{ENDPOINT}/deployments/{name}"
    fail_next(local_azure, code, "Said the fault.", f"{ENDPOINT}/{name}")
    answer = upload_and_put(local_azure, ENDPOINT, name, 2)
    status = local_azure.finish(answer)
    assert (status["status"], status["error"]) == (state, {"code": code, "message": "Said the fault."})
    assert status["endTime"] >= status["startTime"]
    assert status["name"] in status["id"]
    result = local_azure.arm("GET", answer.headers["Location"].removeprefix(local_azure.url).partition("?")[0])
    assert (result.status_code, result.json()["error"]["code"]) == (400, code)
    found = ml.online_deployments.get(name, ENDPOINT)
    assert found.provisioning_state == state
    with pytest.raises(HttpResponseError) as caught:
        ml.online_deployments.begin_create_or_update(found)
    (sentence,) = first_error(caught.value)[""]
    assert sentence == (
        f"Specified deployment [{name}] failed during initial provisioning and is in an unrecoverable state."
        " Delete and re-create."
    )
    assert local_azure.arm("PATCH", path, {"sku": {"capacity": 2}}).status_code == 400
    ml.online_deployments.begin_delete(name, ENDPOINT).result()
    with pytest.raises(ResourceNotFoundError):
        ml.online_deployments.get(name, ENDPOINT)
    assert local_azure.arm("DELETE", path).status_code == 204


def test_an_update_that_fails_leaves_what_runs(local_azure: LocalAzure) -> None:
    fail_next(local_azure, "ResourceNotReady", "Said the fault.", f"{ENDPOINT}/blue")
    status = local_azure.finish(local_azure.arm("PATCH", BLUE, {"sku": {"capacity": 2}}))
    assert status["status"] == "Failed"
    assert local_azure.arm("GET", BLUE).json()["properties"]["provisioningState"] == "Failed"
    assert local_azure.score(ENDPOINT, {"data": [1]}).json() == [2]
    again = local_azure.arm("PATCH", BLUE, {"sku": {"capacity": 1}})
    assert local_azure.finish(again)["status"] == "Succeeded"


def test_a_patch_takes_tags_and_sku_alone(local_azure: LocalAzure) -> None:
    bodies: list[dict[str, Any]] = [
        {"properties": {}}, {"location": "x"}, {"tags": {"a": 1}}, {"sku": {"capacity": 51}}, {"sku": [1]},
    ]  # fmt: skip
    for body in bodies:
        refused = local_azure.arm("PATCH", BLUE, body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "UserError"), body


def test_curl_sees_what_the_front_door_says_of_each_answer(local_azure: LocalAzure) -> None:
    address = local_azure.arm("GET", f"onlineEndpoints/{ENDPOINT}").json()["properties"]["scoringUri"]
    key = local_azure.arm("POST", f"onlineEndpoints/{ENDPOINT}/listKeys").json()["primaryKey"]

    def call(body: str, *headers: str) -> tuple[int, dict[str, str], str]:
        lines = [part for header in ("Content-Type: application/json", *headers) for part in ("-H", header)]
        done = subprocess.run(
            ["curl", "-sS", "-i", "--http1.1", "--cacert", local_azure.bundle, *lines, "-d", body, address],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        head, _, text = done.stdout.partition("\n\n")
        first, *rest = head.splitlines()
        return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in rest), text

    authorized = f"Authorization: Bearer {key}"
    status, headers, text = call('{"data": [2]}', authorized, "x-ms-client-request-id: my-own_1", "x-request-id: mine")
    assert (status, json.loads(text), headers["server"]) == (200, [4], "azureml-frontdoor")
    assert headers["azureml-model-deployment"] == headers["azureml-model-session"] == "blue"
    assert headers["x-request-id"] == headers["x-ms-request-id"] != "mine"
    assert (headers["x-ms-client-request-id"], headers["x-ms-run-function-failed"]) == ("my-own_1", "false")
    status, headers, text = call('{"data": null}', authorized)
    assert (status, headers["ms-azureml-model-error-reason"]) == (424, "model_error")
    assert (headers["ms-azureml-model-error-statuscode"], headers["x-ms-run-function-failed"]) == ("500", "true")
    assert "unexpected error occurred in scoring script" in json.loads(text)["message"]
    for sent, wanted, reason in (
        ((), 401, "key_auth_bad_header_forbidden"),
        (("Authorization: Bearer wrong",), 401, "key_auth_access_denied"),
        ((authorized, "azureml-model-deployment: pink"), 404, ""),
        ((authorized, "azureml-model-deployment: blue"), 200, "[4]"),
    ):
        status, _, text = call('{"data": [2]}', *sent)
        assert (status, reason in text) == (wanted, True)
