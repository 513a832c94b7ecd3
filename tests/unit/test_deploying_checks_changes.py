"""What a file changes on what is there: nothing unnoticed, nothing made up."""

from __future__ import annotations

from typing import Any

import yaml

from services.deploying.changes import ChangeKind, Changes, changes_on
from services.deploying.model import Document, Kind
from services.resources.resource_yaml import deployment_file, endpoint_file
from tests.resources import deployment, endpoint
from tests.values import WORKSPACE

MODEL = f"{WORKSPACE}/models/digits/versions/3"
PROBE = {"initialDelay": "PT10S", "period": "PT10S", "timeout": "PT2S", "successThreshold": 1, "failureThreshold": 30}
HELD: dict[str, Any] = {
    "endpointComputeType": "Managed",
    "description": "Reads digits.",
    "model": MODEL,
    "codeConfiguration": {"codeId": f"{WORKSPACE}/codes/c/versions/1", "scoringScript": "score.py"},
    "environmentId": f"{WORKSPACE}/environments/small/versions/2",
    "environmentVariables": {
        "WORKER_COUNT": "2",
        "API_KEY": "not for every eye",
        "AML_APP_ROOT": "/var/azureml-app/c",
        "AZUREML_ENTRY_SCRIPT": "score.py",
        "AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/digits/3",
    },
    "instanceType": "Standard_DS3_v2",
    "requestSettings": {
        "maxConcurrentRequestsPerInstance": 4,
        "requestTimeout": "PT2.5S",
        "maxQueueWait": "PT0.5S",
    },
    "livenessProbe": {**PROBE, "initialDelay": "PT2M"},
    "readinessProbe": PROBE,
    "scaleSettings": {"scaleType": "Default"},
    "egressPublicNetworkAccess": "Enabled",
    "appInsightsEnabled": False,
    "properties": {"AzureAsyncOperationUri": "https://localhost/x", "built": "by hand"},
}
TOP = {"tags": {"team": "a"}, "sku": {"name": "Default", "tier": "Standard", "capacity": 3}, "location": "westeurope"}
BLUE = deployment(top=TOP, **HELD)


def document(kind: Kind, content: dict[str, Any]) -> Document:
    """A document whose every first-level field is in a line of its own."""
    return Document(kind, "file.yml", content, {(name,): number for number, name in enumerate(content, 1)})


def on_blue(**changed: Any) -> Changes:
    """What becomes of blue when its own file is applied with these fields changed; None takes a field out."""
    content = yaml.safe_load(deployment_file(BLUE, show_hidden=True).text) | changed
    return changes_on(
        document(Kind.DEPLOYMENT, {name: value for name, value in content.items() if value is not None}), BLUE
    )


def test_its_own_file_changes_nothing_of_a_deployment() -> None:
    assert on_blue().changes == ()


def test_its_own_file_changes_nothing_of_an_endpoint() -> None:
    identity = {"type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/s/x": {"principalId": "p"}}}
    held = endpoint(
        top={"tags": {"team": "a"}, "identity": identity, "kind": "Managed"},
        traffic={"blue": 90, "green": 10},
        mirrorTraffic={"red": 5},
        description="d",
        publicNetworkAccess="Disabled",
        properties={"azureml.onlineendpointid": "x", "owner": "nobody"},
    )
    content = yaml.safe_load(endpoint_file(held).text)
    assert changes_on(document(Kind.ENDPOINT, content), held).changes == ()


def test_a_changed_field_is_told_with_both_values_and_its_line() -> None:
    [change] = on_blue(instance_count=5).changes
    assert (change.label, change.kind, change.before, change.after) == ("Instances", ChangeKind.CHANGED, "3", "5")
    assert change.place.line > 0
    assert not change.restarts


def test_what_the_file_lacks_is_told_as_dropped_with_what_it_falls_back_to() -> None:
    found = {each.path: each for each in on_blue(request_settings=None, liveness_probe=None, tags=None).changes}
    assert {each.kind for each in found.values()} == {ChangeKind.DROPPED}
    timeout = found["properties.requestSettings.requestTimeout"]
    assert (timeout.before, timeout.after) == ("2,500 ms", "5 s")
    assert found["properties.livenessProbe.initialDelay"].after == "10 s"
    assert (found["Tag team"].before, found["Tag team"].after) == ("a", "")
    assert not found["Tag team"].restarts


def test_fields_that_no_file_can_say_are_told_as_dropped() -> None:
    more = {**HELD, "startupProbe": {"period": "PT5S"}, "brandNew": 7}
    held = deployment(top=TOP, **more)
    content = yaml.safe_load(deployment_file(held, show_hidden=True).text)
    lost = changes_on(document(Kind.DEPLOYMENT, content), held)
    assert {each.path for each in lost.dropped} == {"properties.startupProbe.period", "properties.brandNew"}
    assert len(lost.changes) == 2


def test_secrets_are_compared_and_not_shown() -> None:
    [change] = on_blue(environment_variables={"WORKER_COUNT": "2", "API_KEY": "another for nobody"}).changes
    assert (change.before, change.after, change.restarts) == ("hidden", "hidden", True)


def test_files_are_said_to_be_uploaded_and_the_instances_to_be_replaced() -> None:
    found = on_blue(
        model={"path": "model-2/model/"},
        environment={"image": "i", "conda_file": "conda.yml"},
        code_configuration={"code": "./src/", "scoring_script": "score.py"},
    )
    told = {each.label: each.after for each in found.changes}
    assert told == {
        "Model": "uploaded from model-2/model/",
        "Environment": "uploaded from conda.yml",
        "Code": "uploaded from ./src/",
    }
    assert {each.kind for each in found.changes} == {ChangeKind.UPLOADED}
    assert found.restarts


def test_another_version_of_a_model_is_a_change_and_the_same_one_in_short_is_none() -> None:
    assert on_blue(model="azureml:digits:3").changes == ()
    [change] = on_blue(model="azureml:digits:4").changes
    assert (change.before, change.after) == ("digits:3", "digits:4")


def test_what_was_named_by_its_content_is_told_by_the_beginning_of_it() -> None:
    [change] = on_blue(model=f"azureml:{'4d3717cf' * 8}:1").changes
    assert (change.before, change.after) == ("digits:3", "uploaded 4d3717c")


def test_an_endpoints_file_without_traffic_stops_its_traffic() -> None:
    held = endpoint(traffic={"blue": 100}, mirrorTraffic={"green": 10}, publicNetworkAccess="Enabled")
    found = changes_on(document(Kind.ENDPOINT, {"name": "digits", "auth_mode": "aml_token"}), held)
    told = {each.label: (each.kind, each.before, each.after) for each in found.changes}
    assert told["Live traffic of blue, %"] == (ChangeKind.DROPPED, "100", "")
    assert told["Mirrored traffic of green, %"] == (ChangeKind.DROPPED, "10", "")
    assert told["Authentication"] == (ChangeKind.CHANGED, "key", "aml_token")


def test_a_restart_by_sluice_is_nothing_that_a_file_loses_or_has_to_say() -> None:
    variables = HELD["environmentVariables"] | {"SLUICE_RESTARTED_AT": "2026-01-01T00:00:00Z"}
    restarted = deployment(top=TOP, **(HELD | {"environmentVariables": variables}))
    for known in (BLUE, restarted):
        content = yaml.safe_load(deployment_file(known, show_hidden=True).text)
        assert changes_on(document(Kind.DEPLOYMENT, content), restarted).changes == ()
    content["environment_variables"]["SLUICE_RESTARTED_AT"] = "2026-02-01T00:00:00Z"
    [change] = changes_on(document(Kind.DEPLOYMENT, content), restarted).changes
    assert (change.kind, change.restarts) == (ChangeKind.CHANGED, True)
