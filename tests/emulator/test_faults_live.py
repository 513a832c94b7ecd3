"""Faults as a client meets them, on a live server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
Ask = Callable[..., dict[str, Any]]
ENDPOINT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"


@pytest.fixture
def fault(local_azure: LocalAzure) -> Iterator[Ask]:
    """Adds faults to the shared local Azure, and takes them back."""

    def ask(**values: Any) -> dict[str, Any]:
        answer = local_azure.control("POST", "faults", values)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    yield ask
    local_azure.control("DELETE", "faults").raise_for_status()


def test_an_operation_fails_as_often_as_asked_with_azures_envelope(local_azure: LocalAzure, fault: Ask) -> None:
    kept = fault(operation=f"{ENDPOINT}/read", status=429, code="TooManyRequests", retry_after=7, times=2)
    answers = [local_azure.arm("GET", "onlineEndpoints") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].json()["error"]["code"] == "TooManyRequests"
    assert answers[0].headers["x-ms-request-id"]
    shown = {each["id"]: each for each in local_azure.control("GET", "faults").json()["value"]}[kept["id"]]
    assert (shown["remaining"], shown["hits"]) == (0, 2)


def test_a_deletion_that_fails_leaves_the_split_as_it_was(local_azure: LocalAzure, fault: Ask) -> None:
    entry = {"name": "kept", "deployments": ["blue", "green"], "traffic": {"blue": 100}, "mirrorTraffic": {"green": 9}}
    local_azure.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    fault(operation=f"{ENDPOINT}/deployments/delete", outcome={"code": "Broken", "message": "not now"}, times=1)
    for status, mirror in (("Failed", {"green": 9}), ("Succeeded", {})):
        deleted = local_azure.arm("DELETE", "onlineEndpoints/kept/deployments/green")
        assert local_azure.finish(deleted)["status"] == status
        assert local_azure.arm("GET", "onlineEndpoints/kept").json()["properties"]["mirrorTraffic"] == mirror


def test_an_answer_has_no_retry_after_unless_it_was_asked_for(local_azure: LocalAzure, fault: Ask) -> None:
    fault(path="/subscriptions/*", method="GET", status=503, headers={"X-Mine": "yes"}, times=1)
    answer = local_azure.arm("GET", "onlineEndpoints")
    assert answer.status_code == 503
    assert "Retry-After" not in answer.headers
    assert answer.headers["X-Mine"] == "yes"


def test_a_body_is_sent_as_it_was_given(local_azure: LocalAzure, fault: Ask) -> None:
    fault(path="/subscriptions/*", status=502, body="<html>Bad gateway</html>", times=1)
    fault(path="/subscriptions/*", status=200, body={"value": [{"name": 3}]}, times=1)
    assert local_azure.arm("GET", "onlineEndpoints").text == "<html>Bad gateway</html>"
    assert local_azure.arm("GET", "onlineEndpoints").json() == {"value": [{"name": 3}]}


def test_a_reset_connection_did_nothing_and_a_lost_answer_did_the_work(local_azure: LocalAzure, fault: Ask) -> None:
    body = {"location": "westeurope", "properties": {"authMode": "Key"}}
    for connection, is_there in (("reset", False), ("lost", True)):
        name = f"cut-{connection}"
        fault(operation=f"{ENDPOINT}/write", connection=connection, times=1)
        with pytest.raises(requests.ConnectionError):
            local_azure.arm("PUT", f"onlineEndpoints/{name}", body)
        assert (local_azure.arm("GET", f"onlineEndpoints/{name}").status_code == 200) is is_there
    assert "ASGI" not in local_azure.output()


def test_half_an_answer_is_half_an_answer(local_azure: LocalAzure, fault: Ask) -> None:
    fault(path="/subscriptions/*", connection="half", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        local_azure.arm("GET", "")
    fault(path="/subscriptions/*", connection="half", status=500, body="x" * 100, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="50 bytes read, 50 more"):
        local_azure.arm("GET", "")
    assert "ASGI" not in local_azure.output()


def test_a_delay_holds_back_the_answer_and_not_the_work(local_azure: LocalAzure, fault: Ask) -> None:
    create_endpoint(local_azure, "late")
    fault(operation=f"{ENDPOINT}/write", delay_seconds=0.5, times=1)
    document = local_azure.arm("GET", "onlineEndpoints/late").json()
    began = time.monotonic()
    local_azure.finish(local_azure.arm("PUT", "onlineEndpoints/late", {**document, "tags": {"a": "b"}}))
    # Not a measurement: it cannot be shorter.
    assert time.monotonic() - began >= 0.5


def test_every_other_surface_can_be_faulted_in_its_own_shape(local_azure: LocalAzure, fault: Ask) -> None:
    fault(path="/msi/token", status=500, message="No identity today.", times=1)
    answer = requests.get(local_azure.environment["IDENTITY_ENDPOINT"], timeout=60)
    assert answer.json() == {"statusCode": 500, "code": "InternalServerError", "message": "No identity today."}
    fault(path="/devacct.blob.*", status=503, code="ServerBusy", times=1)
    answer = requests.get(f"{local_azure.url}/devacct.blob.core.local/c/b", verify=local_azure.bundle, timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/xml")
    assert "<Code>ServerBusy</Code>" in answer.text


def test_scoring_is_faulted_in_the_gateway_and_nothing_is_recorded_of_it(shop: LocalAzure, fault: Ask) -> None:
    recorded = f"requests?endpoint=shop&since={time.time()}"
    address = shop.arm("GET", "onlineEndpoints/shop").json()["properties"]["scoringUri"]
    kept = fault(path="/endpoints/shop/score", status=503, message="Come back later.", retry_after=2, times=1)
    fault(path="/endpoints/shop/score", connection="reset", times=1)
    assert (kept["remaining"], kept["hits"]) == (None, None)
    answer = requests.post(address, json={}, verify=shop.bundle, timeout=60)
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (503, "Come back later.", "2")
    with pytest.raises(requests.ConnectionError):
        requests.post(address, json={}, verify=shop.bundle, timeout=60)
    assert requests.post(address, json={}, verify=shop.bundle, timeout=60).status_code == 401
    # One that was added later leaves the spent ones spent.
    fault(path="/endpoints/shop/score", connection="half", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.post(address, json={}, verify=shop.bundle, timeout=60)
    assert requests.post(address, json={}, verify=shop.bundle, timeout=60).status_code == 401
    deadline = time.monotonic() + 60
    while len(found := shop.control("GET", recorded).json()["value"]) < 3:
        assert time.monotonic() < deadline
    # Half an answer is of a request that was answered; the others were never seen.
    assert [row["status"] for row in found] == [401, 401, 401]


def test_the_controls_themselves_are_never_faulted(local_azure: LocalAzure, fault: Ask) -> None:
    kept = fault(path="/*", status=500)
    assert local_azure.control("GET", "health").status_code == 200
    assert local_azure.control("DELETE", f"faults/{kept['id']}").json() == {"removed": 1}
    assert local_azure.control("DELETE", f"faults/{kept['id']}").status_code == 404
    assert local_azure.arm("GET", "").status_code == 200


def test_a_fault_that_cannot_be_is_refused_by_the_server(local_azure: LocalAzure) -> None:
    answer = local_azure.control("POST", "faults", {"path": "/x"})
    assert answer.status_code == 400
    assert "does something" in answer.json()["error"]["message"]
