"""Deployments as the control plane sees them: rules that need running ones, scaling, metrics, history, failure."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from tests.deployable import SCORE, create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
BLUE = "onlineEndpoints/shop/deployments/blue"


def put_split(azure: LocalAzure, live: dict[str, int], mirror: dict[str, int] | None = None) -> tuple[int, str]:
    """Write a split as a lossless client does. Returns status and message of the answer."""
    document = azure.arm("GET", "onlineEndpoints/shop").json()
    document["properties"] |= {"traffic": live, "mirrorTraffic": mirror or {}}
    answer = azure.arm("PUT", "onlineEndpoints/shop", document)
    if not answer.ok:
        return answer.status_code, answer.json()["error"]["message"]
    return answer.status_code, azure.finish(answer)["status"]


def test_a_split_is_in_effect_when_its_operation_has_succeeded(shop: LocalAzure) -> None:
    for live, answer in (({"Blue": 100}, [2, 4]), ({"green": 100}, [3, 6])):
        assert put_split(shop, live) == (200, "Succeeded")
        assert shop.score("shop", {"data": [1, 2]}).json() == answer
    assert shop.arm("GET", "onlineEndpoints/shop").json()["properties"]["traffic"] == {"green": 100}


@pytest.mark.parametrize(
    ("live", "mirror", "words"),
    [
        ({"blue": 99}, {}, "add up to 99"),
        ({"blue": 100, "pink": 0}, {}, "'pink'"),
        ({"blue": 100}, {"green": 51}, "limit of 50"),
        ({"blue": 100}, {"blue": 5}, "live traffic"),
        ({"blue": 33.5, "green": 66.5}, {}, "whole percentage"),
    ],
)
def test_a_split_that_breaks_a_rule_changes_nothing(
    shop: LocalAzure, live: dict[str, int], mirror: dict[str, int], words: str
) -> None:
    before = shop.arm("GET", "onlineEndpoints/shop").json()
    status, message = put_split(shop, live, mirror)
    assert status == 400
    assert words in message
    assert shop.arm("GET", "onlineEndpoints/shop").json() == before


def test_a_deployment_has_azures_defaults_and_keeps_unknown_fields(shop: LocalAzure) -> None:
    document = shop.arm("GET", BLUE).json()
    properties = document["properties"]
    assert properties["requestSettings"]["requestTimeout"] == "PT5S"
    assert properties["livenessProbe"]["failureThreshold"] == 30
    assert properties["egressPublicNetworkAccess"] == "Enabled"
    assert properties["scaleSettings"] == {"scaleType": "Default"}
    assert document["sku"]["capacity"] == 1
    properties["futureProperty"] = {"kept": True}
    shop.finish(shop.arm("PUT", BLUE, document))
    assert shop.arm("GET", BLUE).json()["properties"]["futureProperty"] == {"kept": True}


REGISTRY = "azureml://registries/azureml"


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"sku": {"name": "Default", "capacity": 51}}, 400, "1 to 50"),
        ({"sku": {"name": "Default", "capacity": 0}}, 400, "1 to 50"),
        ({"sku": {"name": "Default", "capacity": 50}, "instanceType": "Standard_F72s_v2"}, 400, "needed: 4320"),
        ({"requestSettings": {"requestTimeout": "PT181S"}}, 400, "180000"),
        ({"requestSettings": {"maxConcurrentRequestsPerInstance": 0}}, 400, "maxConcurrent"),
        ({"livenessProbe": {"period": "often"}}, 400, "livenessProbe.period"),
        ({"readinessProbe": {"failureThreshold": 0}}, 400, "readinessProbe.failureThreshold"),
        ({"endpointComputeType": "Kubernetes"}, 501, "managed"),
        ({"instanceType": None}, 400, "instanceType"),
        ({"instanceType": "Standard_Unheard_Of"}, 400, "Standard_Unheard_Of"),
        ({"codeConfiguration": None}, 501, "custom containers"),
        ({"environmentId": None}, 400, "no environment"),
        ({"model": "/subscriptions/s/models/none/versions/1"}, 400, "was not found"),
        ({"model": f"{REGISTRY}/models/bert/versions/1"}, 501, "the registry azureml"),
        ({"environmentId": "azureml://registries/mine/environments/sklearn/versions/1"}, 501, "the registry mine"),
        ({"scaleSettings": {"scaleType": "TargetUtilization"}}, 400, "autoscale"),
    ],
)
def test_deployments_that_are_refused_before_anything_starts(
    shop: LocalAzure, changes: dict[str, object], status: int, words: str
) -> None:
    answer = upload_and_put(shop, "shop", "refused", 2, **changes)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert shop.arm("GET", "onlineEndpoints/shop/deployments/refused").status_code == 404


def test_names_and_parents_are_checked(shop: LocalAzure) -> None:
    assert upload_and_put(shop, "shop", "x", 2).status_code == 400
    answer = upload_and_put(shop, "nowhere", "blue", 2)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "ParentResourceNotFound"


def test_a_deployment_that_fails_says_why_and_must_be_made_anew(shop: LocalAzure) -> None:
    score = SCORE.replace("global factor", "raise ValueError('the model is spoilt')")
    status = shop.finish(upload_and_put(shop, "shop", "broken", 2, score=score))
    assert status["status"] == "Failed"
    assert status["error"]["code"] == "ResourceNotReady"
    path = "onlineEndpoints/shop/deployments/broken"
    assert shop.arm("GET", path).json()["properties"]["provisioningState"] == "Failed"
    assert "the model is spoilt" in shop.arm("POST", f"{path}/getLogs", {"tail": 200}).json()["content"]

    code, message = put_split(shop, {"broken": 100})
    assert (code, "not been provisioned" in message) == (400, True)
    again = upload_and_put(shop, "shop", "broken", 2)
    assert again.status_code == 400
    assert "Delete and re-create" in again.json()["error"]["details"][0]["message"]
    assert shop.finish(shop.arm("DELETE", path))["status"] == "Succeeded"
    assert shop.arm("GET", path).status_code == 404


def test_scaling_starts_and_stops_real_instances(shop: LocalAzure) -> None:
    for count in (2, 1):
        answer = shop.arm("PATCH", BLUE, {"sku": {"name": "Default", "capacity": count}})
        assert answer.status_code == 202
        assert shop.finish(answer)["status"] == "Succeeded"
        document = shop.arm("GET", BLUE).json()
        assert (document["sku"]["capacity"], document["properties"]["provisioningState"]) == (count, "Succeeded")
        lines = shop.arm("POST", f"{BLUE}/getLogs", {"tail": 5000}).json()["content"].splitlines()
        assert sum("factor is 2" in line for line in lines) == count
    refused = shop.arm("PATCH", BLUE, {"sku": {"capacity": 51}})
    assert refused.status_code == 400
    capacity = shop.arm("GET", f"{BLUE}/skus").json()["value"][0]["capacity"]
    assert capacity["maximum"] == 50


def test_while_a_deployment_is_changed_another_change_to_it_is_a_conflict(shop: LocalAzure) -> None:
    answer = shop.arm("PATCH", BLUE, {"sku": {"capacity": 2}})
    for method in ("PATCH", "DELETE"):
        second = shop.arm(method, BLUE, {"tags": {}})
        assert second.status_code == 409, second.text
    assert shop.arm("DELETE", "onlineEndpoints/shop").status_code == 409
    shop.finish(answer)
    shop.finish(shop.arm("PATCH", BLUE, {"sku": {"capacity": 1}}))


def test_requests_can_be_seen_in_telemetry_and_metrics(shop: LocalAzure) -> None:
    put_split(shop, {"green": 100})
    began = time.time()
    assert shop.score("shop", {"data": [1]}).status_code == 200

    deadline = time.monotonic() + 60
    rows: list[dict[str, object]] = []
    while not rows and time.monotonic() < deadline:
        rows = shop.control("GET", f"requests?endpoint=shop&since={began}").json()["value"]
    assert [(row["deployment"], row["status"]) for row in rows] == [("green", 200)]

    minute = datetime.fromtimestamp(began - 60, UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    end = datetime.fromtimestamp(began + 120, UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    green = "onlineEndpoints/shop/deployments/green"
    asked = f"metricnames=RequestsPerMinute&timespan={minute}/{end}&interval=PT1M&aggregation=Average"
    one = shop.arm("GET", f"{green}/providers/microsoft.insights/metrics?{asked}")
    assert one.status_code == 200
    points = one.json()["value"][0]["timeseries"][0]["data"]
    assert any(point.get("average") for point in points)

    scope = shop.workspace.partition("/resourceGroups")[0]
    kind = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    asked = f"metricnamespace={kind}&metricnames=RequestsPerMinute&interval=PT1M&starttime={minute}&endtime={end}"
    reader = shop.token("reader", "https://metrics.monitor.azure.com")
    body = {"resourceids": [f"{shop.workspace}/{green}"]}
    many = shop.arm("POST", f"{scope}/metrics:getBatch?{asked}&aggregation=Average", body, token=reader)
    assert many.status_code == 200, many.text
    assert many.json()["values"][0]["value"][0]["timeseries"]
    missing = shop.arm("GET", "onlineEndpoints/none/providers/Microsoft.Insights/metrics?metricnames=RequestLatency")
    assert missing.status_code == 404


def test_history_is_seeded_and_documents_are_back_dated(shop: LocalAzure) -> None:
    create_endpoint(shop, "seeded")
    row = {
        "started_at": 1_700_000_000.0, "endpoint": "seeded", "deployment": "blue", "kind": "live", "route": "split",
        "status": 200, "model_status": 200, "reason": "", "total_ms": 5.0, "model_ms": 4.0, "request_bytes": 10,
        "response_bytes": 20, "request_id": "r", "client_request_id": "", "user_agent": "t", "auth": "key",
        "mirrored": 0,
    }  # fmt: skip
    arm_id = f"{shop.workspace}/onlineEndpoints/seeded"
    seed = {"rows": [row], "created": [{"id": arm_id, "createdAt": "2026-01-02T03:04:05Z"}]}
    assert {"rows": 1, "created": 1}.items() <= shop.control("POST", "seed", seed).json().items()
    (kept,) = shop.control("GET", "requests?endpoint=seeded").json()["value"]
    assert row.items() <= kept.items()
    created = shop.arm("GET", "onlineEndpoints/seeded").json()["systemData"]["createdAt"]
    assert datetime.fromisoformat(created) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    for broken in ({"rows": [{**row, "status": "x"}]}, {"rows": 1}, {"created": [{"id": arm_id, "createdAt": "x"}]}):
        assert shop.control("POST", "seed", broken).status_code == 400
    gone = {"created": [{"id": f"{shop.workspace}/onlineEndpoints/none", "createdAt": "2026-01-01T00:00:00Z"}]}
    assert shop.control("POST", "seed", gone).status_code == 404
