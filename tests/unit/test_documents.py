"""ARM documents read into the model, and written back with nothing lost but what only Azure can set."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.azure.documents import as_deployment, as_endpoint, asset_name, milliseconds, moment
from services.azure.endpoints import with_split
from services.model import Split

SET_BY_AZURE = {
    "id",
    "name",
    "type",
    "systemData",
    "etag",
    "identity",
    "properties",
    "traffic",
    "mirrorTraffic",
    "provisioningState",
    "scoringUri",
    "swaggerUri",
}

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/work"
ENDPOINT: dict[str, Any] = {
    "id": f"{WORKSPACE}/onlineEndpoints/digits",
    "name": "digits",
    "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
    "location": "westeurope",
    "kind": "Managed",
    "sku": {"name": "Default"},
    "tags": {"team": "ocr"},
    "somethingNew": {"deep": [1, {"x": None}]},
    "identity": {
        "type": "SystemAssigned,UserAssigned",
        "principalId": "p",
        "tenantId": "t",
        "userAssignedIdentities": {"/a/b": {"principalId": "p2", "clientId": "c"}},
    },
    "systemData": {"createdBy": "me", "createdAt": "2024-05-06T07:08:09.1234567Z", "lastModifiedAt": "nonsense"},
    "properties": {
        "authMode": "AMLToken",
        "description": None,
        "properties": {"azureml.onlineendpointid": "x"},
        "traffic": {"blue": 100},
        "mirrorTraffic": {"green": 20},
        "scoringUri": "https://digits/score",
        "swaggerUri": "https://digits/swagger.json",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Disabled",
        "futureSetting": 7,
    },
}


def test_an_endpoint_is_read() -> None:
    found = as_endpoint(ENDPOINT)

    assert (found.name, found.workspace, found.location, found.state) == ("digits", "work", "westeurope", "Succeeded")
    assert found.auth_mode == "aml_token"
    assert found.split == Split({"blue": 100}, {"green": 20})
    assert found.created_at == datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    assert found.modified_at is None
    assert not found.public_network_access
    assert not found.is_kubernetes


def test_a_compute_makes_it_a_kubernetes_endpoint() -> None:
    assert as_endpoint({"properties": {"compute": "/subscriptions/…/computes/k8s"}}).is_kubernetes


@pytest.mark.parametrize("document", [{}, {"properties": None, "systemData": None, "tags": None, "sku": None}])
def test_missing_fields_never_fail(document: dict[str, Any]) -> None:
    assert as_endpoint(document).split == Split()
    assert as_endpoint(document).state == "Unknown"
    assert as_deployment(document, "digits").instance_count == 0


def test_a_deployment_is_read() -> None:
    found = as_deployment(
        {
            "id": f"{ENDPOINT['id']}/deployments/blue",
            "name": "blue",
            "sku": {"capacity": 3},
            "properties": {
                "model": f"{WORKSPACE}/models/digits/versions/4",
                "environmentId": "azureml://registries/azureml/environments/sklearn/versions/12",
                "instanceType": "Standard_DS3_v2",
                "requestSettings": {"requestTimeout": "PT2.5S", "maxConcurrentRequestsPerInstance": 8},
                "provisioningState": "Updating",
            },
        },
        "digits",
    )

    assert (found.endpoint, found.name, found.state) == ("digits", "blue", "Updating")
    assert (found.model, found.environment) == ("digits:4", "sklearn:12")
    assert (found.instance_type, found.instance_count) == ("Standard_DS3_v2", 3)
    assert (found.request_timeout_ms, found.max_concurrent_requests) == (2500, 8)


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (f"{WORKSPACE}/models/{'ab' * 16}/versions/1", "uploaded abababa"),
        (f"{WORKSPACE}/environments/CliV2AnonymousEnvironment/versions/{'cd' * 32}", "uploaded cdcdcdc"),
        ("azureml:digits:2", "azureml:digits:2"),
        (None, ""),
    ],
)
def test_assets_have_short_names(resource: str | None, name: str) -> None:
    assert asset_name(resource) == name


@pytest.mark.parametrize(
    ("duration", "ms"),
    [("PT5S", 5000), ("PT0.5S", 500), ("PT1M30S", 90_000), ("PT1H", 3_600_000), ("PT", 7), (None, 7), ("P1D", 7)],
)
def test_durations_are_milliseconds(duration: str | None, ms: int) -> None:
    assert milliseconds(duration, 7) == ms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T00:00:00Z", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01T02:00:00+02:00", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01T00:00:00", datetime(2024, 1, 1, tzinfo=UTC)),
        (None, None),
    ],
)
def test_moments_are_utc(text: str | None, expected: datetime | None) -> None:
    assert moment(text) == expected


def test_a_written_document_changes_the_split_and_nothing_else() -> None:
    before = copy.deepcopy(ENDPOINT)
    written = with_split(ENDPOINT, Split({"blue": 70, "green": 30}))

    assert before == ENDPOINT
    assert written["properties"]["traffic"] == {"blue": 70, "green": 30}
    assert written["properties"]["mirrorTraffic"] == {}
    for key in ("location", "kind", "sku", "tags", "somethingNew"):
        assert written[key] == ENDPOINT[key]
    for key in ("authMode", "description", "properties", "publicNetworkAccess", "futureSetting"):
        assert written["properties"][key] == ENDPOINT["properties"][key]
    assert written["identity"] == {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"/a/b": {}}}


names = st.text(min_size=1).filter(lambda name: name not in SET_BY_AZURE)


@given(st.dictionaries(names, st.integers() | st.text()))
def test_fields_that_nobody_knows_survive(unknown: dict[str, Any]) -> None:
    document = {**unknown, "properties": {**unknown, "traffic": {"blue": 100}}}
    written = with_split(document, Split({"green": 100}))

    assert unknown.items() <= written.items()
    assert unknown.items() <= written["properties"].items()
