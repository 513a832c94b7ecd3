"""Resources as YAML and JSON: what is in the file, what is named beside it, what is hidden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import load_online_deployment, load_online_endpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from services.resources.resource_yaml import deployment_file, endpoint_file, resource_json
from tests import resources
from tests.values import WORKSPACE

TEXTS = st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=5)
COLLECTOR = {
    "collections": {
        "model_inputs": {
            "dataCollectionMode": "Enabled",
            "dataId": f"{WORKSPACE}/data/digits-blue-model_inputs/versions/1",
            "samplingRate": 0.5,
        }
    },
    "rollingRate": "Hour",
    "requestLogging": {"captureHeaders": ["x-ms-client-request-id"]},
}


@settings(deadline=None)
@given(tags=TEXTS, description=st.text(max_size=200))
def test_texts_of_any_kind_come_back_as_they_were(tags: dict[str, str], description: str) -> None:
    made = endpoint_file(resources.endpoint(description=description, top={"tags": tags}), show_hidden=True)
    read = yaml.safe_load(made.text)
    assert read.get("tags", {}) == tags
    assert read.get("description", "") == description
    assert (read["name"], read["auth_mode"]) == ("digits", "key")


def test_a_file_with_hidden_values_cannot_be_applied(tmp_path: Path) -> None:
    made = deployment_file(resources.deployment(environmentVariables={"DB_PASSWORD": "hunter2", "MODE": "fast"}))
    assert made.hidden == ("DB_PASSWORD",)
    assert "hunter2" not in made.text
    (tmp_path / made.name).write_text(made.text)
    with pytest.raises(Exception, match="could not determine a constructor for the tag '!hidden'"):
        load_online_deployment(tmp_path / made.name)
    shown = deployment_file(resources.deployment(environmentVariables={"DB_PASSWORD": "hunter2"}), show_hidden=True)
    assert yaml.safe_load(shown.text)["environment_variables"] == {"DB_PASSWORD": "hunter2"}


def test_what_yaml_cannot_say_is_named() -> None:
    made = deployment_file(
        resources.deployment(
            startupProbe={"period": "PT3S"},
            livenessProbe={"period": "PT2.5S", "timeout": "PT2S"},
            tomorrow="line one\n- line two",
            properties={"AzureAsyncOperationUri": "https://x"},
            top={"sku": {"name": "Default", "tier": "Standard", "capacity": 2}, "kind": "Managed"},
        )
    )
    assert set(made.left_out) == {
        "properties.startupProbe.period: PT3S",
        "properties.livenessProbe.period: PT2.5S",
        "properties.tomorrow: line one - line two",
    }
    read = yaml.safe_load(made.text)
    assert read["liveness_probe"] == {"timeout": 2}
    assert read["instance_count"] == 2
    assert all(each in made.text for each in made.left_out)


@pytest.mark.parametrize(
    ("reference", "written"),
    [
        (f"{WORKSPACE}/models/digits/versions/3", "azureml:digits:3"),
        (f"{WORKSPACE.replace('/w', '/other')}/models/d/versions/3", None),
        ("azureml://registries/r/models/m/versions/1", "azureml://registries/r/models/m/versions/1"),
        (f"{WORKSPACE}/models/AzureML-x/versions/3", f"azureml:{WORKSPACE}/models/AzureML-x/versions/3"),
    ],
)
def test_a_model_is_named_as_az_ml_understands_it(reference: str, written: str | None) -> None:
    made = yaml.safe_load(deployment_file(resources.deployment(model=reference)).text)
    assert made["model"] == (written or f"azureml:{reference}")


def test_an_mlflow_deployment_without_environment_and_code_has_neither() -> None:
    made = yaml.safe_load(deployment_file(resources.deployment(environmentId=None, codeConfiguration=None)).text)
    assert not {"environment", "code_configuration"} & set(made)


def test_a_data_collector_is_read_by_the_sdk(tmp_path: Path) -> None:
    made = deployment_file(resources.deployment(dataCollector=COLLECTOR))
    assert made.left_out == ()
    (tmp_path / made.name).write_text(made.text)
    collector = load_online_deployment(tmp_path / made.name).data_collector
    assert collector.sampling_rate == 0.5
    assert collector.rolling_rate == "hour"
    assert collector.collections["model_inputs"].enabled == "true"
    assert collector.collections["model_inputs"].data.name == "digits-blue-model_inputs"


def test_rates_that_differ_between_collections_are_named() -> None:
    collections = {
        name: {"dataCollectionMode": "Disabled", "samplingRate": rate, "dataId": "odd"}
        for name, rate in (("a", 0.1), ("b", 0.2))
    }
    made = deployment_file(resources.deployment(dataCollector={"collections": collections}))
    assert "properties.dataCollector.collections.a.samplingRate: 0.1" in made.left_out
    assert "properties.dataCollector.collections.b.dataId: odd" in made.left_out


def test_a_kubernetes_endpoint_and_its_deployment_are_read_by_the_sdk(tmp_path: Path) -> None:
    compute = f"{WORKSPACE}/computes/cluster"
    found = endpoint_file(resources.endpoint(compute=compute))
    (tmp_path / found.name).write_text(found.text)
    assert load_online_endpoint(tmp_path / found.name).compute == compute
    requirements = {"containerResourceRequests": {"cpu": "1", "memory": "1Gi"}, "containerResourceLimits": {"gpu": "1"}}
    scale = {"scaleType": "TargetUtilization", "minInstances": 1, "maxInstances": 3, "pollingInterval": "PT5S"}
    made = deployment_file(
        resources.deployment(
            endpointComputeType="Kubernetes", containerResourceRequirements=requirements, scaleSettings=scale
        )
    )
    assert made.left_out == ()
    (tmp_path / made.name).write_text(made.text)
    read = load_online_deployment(tmp_path / made.name)
    assert (read.resources.requests.memory, read.resources.limits.gpu) == ("1Gi", "1")
    assert (read.scale_settings.max_instances, read.scale_settings.polling_interval) == (3, 5)


@pytest.mark.parametrize(
    ("identity", "written", "left_out"),
    [
        ({"type": "SystemAssigned", "principalId": "p"}, {"type": "system_assigned"}, 0),
        (
            {"type": "UserAssigned", "userAssignedIdentities": {"/one": {"clientId": "c"}}},
            {"type": "user_assigned", "user_assigned_identities": [{"resource_id": "/one"}]},
            0,
        ),
        ({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"/one": {}}}, None, 2),
        ({"type": "UserAssigned", "userAssignedIdentities": {"/one": {}, "/two": {}}}, None, 2),
        (None, None, 0),
    ],
)
def test_identities_are_written_as_far_as_yaml_knows_them(
    identity: dict[str, Any] | None, written: dict[str, Any] | None, left_out: int
) -> None:
    made = endpoint_file(resources.endpoint(top={"identity": identity}))
    assert yaml.safe_load(made.text).get("identity") == written
    assert len(made.left_out) == left_out


def test_json_is_the_document_itself_without_secrets() -> None:
    found = resources.endpoint(tomorrow={"a": 1}, keys={"primaryKey": "secret!"}, top={"tags": {"token": "t-1"}})
    made = resource_json(found)
    read = json.loads(made.text)
    assert read["properties"]["tomorrow"] == {"a": 1}
    assert read["tags"] == {"token": "(hidden)"}
    assert made.hidden == ("primaryKey", "token")
    assert json.loads(resource_json(found, show_hidden=True).text) == found.raw


def test_comments_stay_comments_whatever_the_values_are() -> None:
    odd = resources.deployment("blue", tomorrow="a\nb\x85c\u2028- d")
    assert yaml.safe_load(deployment_file(odd).text)["name"] == "blue"
