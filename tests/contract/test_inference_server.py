"""What Microsoft's inference server does with odd requests and odd scripts, as a caller sees it through the gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

SCORE = """
import json, os, signal, time

def init():
    pass

def run(raw_data):
    asked = json.loads(raw_data) if isinstance(raw_data, (str, bytes)) else raw_data
    if asked.get("stuck"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    time.sleep(asked.get("sleep", 0))
    if asked.get("raise"):
        raise ValueError(asked["raise"])
    if asked.get("exit"):
        os._exit(7)
    print("asked for", asked.get("n"))
    return {"pid": os.getpid(), "asked": asked}
"""
Send = Callable[..., requests.Response]
STRUCK = {"message": "An unexpected error occurred in scoring script. Check the logs for more info."}


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    """Endpoint `odd`, whose script may run for a second and may be silent for six: a worker starts within that."""
    create_endpoint(local_azure, "odd")
    limits = {"SCORING_TIMEOUT_MS": "1000", "WORKER_TIMEOUT": "6"}
    begun = upload_and_put(
        local_azure,
        "odd",
        "blue",
        2,
        score=SCORE,
        environmentVariables=limits,
        requestSettings={"requestTimeout": "PT60S", "maxConcurrentRequestsPerInstance": 4},
    )
    assert local_azure.finish(begun, 240)["status"] == "Succeeded"
    document = local_azure.arm("GET", "onlineEndpoints/odd").json()
    document["properties"]["traffic"] = {"blue": 100}
    local_azure.finish(local_azure.arm("PUT", "onlineEndpoints/odd", document))
    yield local_azure
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/odd"))


@pytest.fixture(scope="module")
def send(azure: LocalAzure) -> Send:
    """Sends one scoring request."""
    key = azure.arm("POST", "onlineEndpoints/odd/listKeys").json()["primaryKey"]
    address = azure.arm("GET", "onlineEndpoints/odd").json()["properties"]["scoringUri"]

    def ask(body: object = None, method: str = "POST", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
        return requests.request(method, address, json=body, headers=headers, verify=azure.bundle, timeout=60, **options)

    return ask


def log(azure: LocalAzure) -> str:
    path = "onlineEndpoints/odd/deployments/blue/getLogs"
    return str(azure.arm("POST", path, {"containerType": "InferenceServer", "tail": 500}).json()["content"])


def wait_for_line(azure: LocalAzure, text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in log(azure):
        assert time.monotonic() < deadline, log(azure)


def check_failed(answer: requests.Response, model_status: str) -> None:
    """The model failed, whatever it said: 424, with its own status beside."""
    assert answer.status_code == 424, answer.text
    assert answer.headers["ms-azureml-model-error-statuscode"] == model_status
    assert answer.headers["ms-azureml-model-error-reason"] == "model_error"


def test_a_success_carries_the_headers_of_the_server(azure: LocalAzure, send: Send) -> None:
    answer = send({"n": 41})
    assert (answer.status_code, answer.json()["asked"]) == (200, {"n": 41})
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0
    assert answer.headers["x-ms-server-version"].startswith("azmlinfsrv/")
    assert int(answer.headers["ms-azureml-model-time"]) >= 0
    wait_for_line(azure, "asked for 41")
    wait_for_line(azure, "POST /score 200")


def test_what_the_script_raises_is_500_there_and_424_here(azure: LocalAzure, send: Send) -> None:
    answer = send({"raise": "no such plant"})
    check_failed(answer, "500")
    assert answer.json() == STRUCK
    assert answer.headers["x-ms-run-function-failed"] == "True"
    wait_for_line(azure, "ValueError: no such plant")


def test_a_form_reaches_the_script_as_nothing(azure: LocalAzure, send: Send) -> None:
    answer = send(data=b'{"n": 1}', headers={"Content-Type": "application/x-www-form-urlencoded"})
    check_failed(answer, "500")
    assert answer.json() == STRUCK
    wait_for_line(azure, "JSONDecodeError: Expecting value: line 1 column 1 (char 0)")


def test_a_script_may_not_run_longer_than_the_scoring_timeout(send: Send) -> None:
    answer = send({"sleep": 10})
    check_failed(answer, "500")
    assert answer.json() == {"message": "Scoring timeout after 1000 ms"}


def test_a_worker_that_is_stuck_is_killed_and_the_next_one_answers(azure: LocalAzure, send: Send) -> None:
    before = send({}).json()["pid"]
    answer = send({"stuck": True, "sleep": 45})
    check_failed(answer, "500")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "x-ms-run-function-failed" not in answer.headers
    assert send({}).json()["pid"] != before
    wait_for_line(azure, "WORKER TIMEOUT")


def test_a_script_that_ends_its_process_leaves_no_answer_and_the_next_one_is_served(send: Send) -> None:
    before = send({}).json()["pid"]
    answer = send({"exit": True})
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-reason"] == "model_not_ready"
    assert send({}).json()["pid"] != before


def test_a_get_gives_its_query_to_the_script(send: Send) -> None:
    assert send(method="GET", params={"n": "5", "plant": "fern"}).json()["asked"] == {"n": 5, "plant": "fern"}


def test_a_method_that_the_server_does_not_have_is_its_own_error(send: Send) -> None:
    answer = send(method="DELETE")
    check_failed(answer, "405")
    assert "message" in json.loads(answer.text)


def test_a_long_id_of_the_client_is_shortened_before_the_server_refuses_it(send: Send) -> None:
    answer = send({}, headers={"x-ms-client-request-id": "i" * 101})
    assert (answer.status_code, answer.headers["x-ms-client-request-id"]) == (200, "i" * 40)


def test_a_json_content_type_is_not_asked_for(send: Send) -> None:
    answer = send(data=b'{"n": 6}', headers={"Content-Type": "text/plain"})
    assert answer.json()["asked"] == {"n": 6}
