"""From documents to what is run: what a deployment may name, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from emulator.arm.context import Context
from emulator.arm.deployment_document import cleaned
from emulator.arm.rules import RuleBroken
from emulator.arm.specification import specification
from emulator.arm.workspaces import datastore_container
from emulator.errors import ServiceError
from emulator.resources import DATASTORE, DATASTORE_CONTAINER, Place
from emulator.scoring.model import DeploymentSpec, Probe
from tests.emulator.control_rig import HOME, control_context

IMAGE = "mcr.microsoft.com/azureml/minimal"
OTHER = Place(HOME.subscription, "others", "local", "westeurope")
URI = "azureml://subscriptions/s/datastores/workspaceblobstore/paths/"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with control_context(tmp_path) as made:
        made.documents.put("endpoint", "shop", {"name": "shop", "workspace": HOME.key})
        register(made, "codes", "score", "1", codeUri=URI + "code")
        register(made, "models", "factor", "1", modelUri=URI + "model", modelType="custom_model")
        register(made, "models", "flow", "7", modelUri=URI + "flow", modelType="mlflow_model")
        register(made, "models", "long", "1", modelUri=URI + "deep/" * 1000)
        register(made, "models", "far", "1", modelUri=f"azureml:/{HOME.workspace_id}er/datastores/{DATASTORE}/paths/x")
        register(made, "models", "near", "1", modelUri=f"azureml:/{OTHER.workspace_id}/datastores/{DATASTORE}/paths/x")
        made.documents.put("workspace", OTHER.key, asdict(OTHER))
        register(made, "environments", "own", "1", at="2026-01-02", image=IMAGE, condaFile="name: one")
        register(made, "environments", "own", "2", at="2026-01-01", image=IMAGE, condaFile="name: two")
        register(made, "environments", "server", "1", image=IMAGE, inferenceConfig={"scoringRoute": {"port": 80}})
        register(made, "environments", "built", "1", build={"contextUri": "x"})
        register(made, "environments", "AzureML-mine", "1", image=IMAGE, condaFile="name: mine")
        yield made


def register(context: Context, kind: str, name: str, version: str, at: str = "2026-01-01", **properties: Any) -> None:
    body = {"name": name, "version": version, "systemData": {"createdAt": at}, "properties": properties}
    context.documents.put(kind, f"{HOME.key}/{name}/{version}", body)


def reference(collection: str, name: str, version: str) -> str:
    return f"{HOME.workspace_id}/{collection}/{name}/versions/{version}"


CODE = {"codeId": reference("codes", "score", "1"), "scoringScript": "score.py"}


def spec(context: Context, **properties: Any) -> DeploymentSpec:
    wanted = {
        "instanceType": "standard_f4s_v2",
        "codeConfiguration": CODE,
        "environmentId": reference("environments", "own", "1"),
        **properties,
    }
    return specification(context, "shop", "blue", cleaned({"properties": wanted, "sku": {"capacity": 2}}, None))


def test_probes_and_size_are_passed_on(context: Context) -> None:
    liveness = {"initialDelay": "PT1M", "period": "PT0.5S", "timeout": "PT3S", "failureThreshold": 4}
    found = spec(context, livenessProbe=liveness)
    assert found.liveness == Probe(60, 0.5, 3, 4, 1)
    assert found.readiness == Probe()
    assert (found.instance_type, found.cores, found.memory_gb) == ("Standard_F4s_v2", 4, 8)
    assert (found.instance_count, found.mlflow, found.curated) == (2, False, "")


def test_a_model_whose_files_are_not_there_is_found_out_when_it_is_deployed(context: Context, tmp_path: Path) -> None:
    found = spec(context, model=reference("models", "factor", "1"))
    assert found.model_path == tmp_path / "blobs" / DATASTORE_CONTAINER / "model"
    assert not found.model_path.exists()


@pytest.mark.parametrize("environment", [None, reference("environments", "own", "2")])
def test_an_mlflow_model_needs_neither_code_nor_environment(context: Context, environment: str | None) -> None:
    model = reference("models", "flow", "7")
    found = spec(context, model=model, codeConfiguration=None, environmentId=environment)
    assert (found.mlflow, found.code_path, found.scoring_script) == (True, None, "")
    assert found.conda_yaml == ("name: two" if environment else None)


def test_an_mlflow_model_with_code_of_its_own_runs_that(context: Context) -> None:
    assert not spec(context, model=reference("models", "flow", "7")).mlflow
    with pytest.raises(RuleBroken, match="no environment"):
        spec(context, model=reference("models", "flow", "7"), environmentId=None)


@pytest.mark.parametrize(
    ("named", "conda"),
    [
        (reference("environments", "own", "2"), "name: two"),
        (reference("Environments", "OWN", "2").upper(), "name: two"),
        (f"{HOME.workspace_id}/environments/own/labels/latest", "name: one"),
        ("azureml:own:2", "name: two"),
        ("azureml:own@latest", "name: one"),
        (f"azureml://locations/westeurope/workspaces/{HOME.subscription}/environments/own/versions/2", "name: two"),
        (reference("environments", "AzureML-mine", "1"), "name: mine"),
    ],
)
def test_an_environment_of_the_workspace_is_found_by_every_kind_of_reference(
    context: Context, named: str, conda: str
) -> None:
    found = spec(context, environmentId=named)
    assert (found.conda_yaml, found.image, found.curated) == (conda, IMAGE, "")


@pytest.mark.parametrize(
    ("named", "curated"),
    [
        ("azureml://registries/azureml/environments/sklearn-1.5/versions/20", "sklearn-1.5"),
        ("azureml://registries/azureml/environments/sklearn-1.5/labels/latest", "sklearn-1.5"),
        (reference("environments", "AzureML-sklearn-1.0", "3"), "AzureML-sklearn-1.0"),
        ("azureml:AzureML-sklearn-1.0@latest", "AzureML-sklearn-1.0"),
    ],
)
def test_a_curated_environment_is_passed_on_by_its_name(context: Context, named: str, curated: str) -> None:
    found = spec(context, environmentId=named)
    assert (found.curated, found.image, found.conda_yaml) == (curated, "", None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"codeConfiguration": None}, "custom containers"),
        ({"codeConfiguration": None, "model": reference("models", "factor", "1")}, "custom containers"),
        ({"environmentId": reference("environments", "server", "1")}, "inferenceConfig"),
        ({"environmentId": reference("environments", "built", "1")}, "building of images"),
        ({"environmentId": "azureml://registries/mine/environments/a/versions/1"}, "registry mine"),
        ({"model": "azureml://registries/azureml/models/bert/versions/1"}, "registry azureml"),
    ],
)
def test_what_is_not_emulated_is_refused_at_once(context: Context, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        spec(context, **changes)
    assert (caught.value.status, caught.value.code) == (501, "NotImplemented")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"environmentId": reference("environments", "none", "1")}, "was not found"),
        ({"environmentId": "azureml:own@newest"}, "was not found"),
        ({"environmentId": f"{HOME.workspace_id}/environments/none/labels/latest"}, "was not found"),
        ({"model": reference("models", "factor", "2")}, "was not found"),
        ({"model": reference("models", "factor", "1").replace("/local/", "/other/")}, "was not found"),
        ({"environmentId": f"{HOME.workspace_id}er/environments/own/labels/latest"}, "was not found"),
        ({"model": reference("models", "far", "1")}, "no such workspace"),
        ({"model": reference("models", "long", "1")}, "longer than 1024"),
        ({"environmentVariables": {"A": {"b": 1}}}, "environment variable"),
        ({"environmentVariables": {"A": "x" * 200_000}}, "environment variable"),
        ({"codeConfiguration": {**CODE, "scoringScript": "a\0b"}}, "scoringScript"),
        ({"readinessProbe": {"timeout": "soon"}}, "readinessProbe.timeout"),
        ({"requestSettings": {"maxQueueWait": 5}}, "maxQueueWait"),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_refused(context: Context, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RuleBroken, match=words):
        spec(context, **changes)


def test_files_lie_in_the_datastore_of_the_workspace_that_their_uri_names(context: Context, tmp_path: Path) -> None:
    found = spec(context, model=reference("models", "near", "1"))
    assert found.model_path == tmp_path / "blobs" / datastore_container(context, OTHER) / "x"


def test_variables_of_the_service_that_a_copy_brings_back_do_not_outlive_what_they_name() -> None:
    before = {
        "model": reference("models", "factor", "1"),
        "codeConfiguration": CODE,
        "environmentVariables": {"A": "1"},
    }
    shown = {
        "A": "1",
        "AML_APP_ROOT": "/var/azureml-app/score",
        "AZUREML_ENTRY_SCRIPT": "score.py",
        "AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/factor/1",
    }
    other = {"codeId": reference("codes", "other", "1"), "scoringScript": "other.py"}
    copy = {**before, "model": reference("models", "factor", "2"), "codeConfiguration": other}
    kept = cleaned({"properties": {**copy, "environmentVariables": shown}}, None)
    assert kept["properties"]["environmentVariables"] == {"A": "1"}
    own = cleaned({"properties": {**before, "environmentVariables": {"AZUREML_MODEL_DIR": "/mnt"}}}, None)
    assert own["properties"]["environmentVariables"] == {"AZUREML_MODEL_DIR": "/mnt"}
