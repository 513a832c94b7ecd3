"""The sample files are what azure-ai-ml and the command line tool accept."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.ai.ml import load_online_deployment, load_online_endpoint

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
ENDPOINTS = {"whats-in-a-name": SAMPLES, "wine-cultivars": SAMPLES / "wine"}
DEPLOYMENTS = sorted(SAMPLES.glob("**/*-deployment.yml"))


def test_the_files_of_the_quick_start_are_there() -> None:
    for name in (
        "endpoint.yml",
        "blue-deployment.yml",
        "green-deployment.yml",
        "sample-request.json",
        "model-1/model",
        "model-1/onlinescoring/score.py",
        "model-1/environment/conda.yml",
        "model-2/model",
        "model-2/onlinescoring/score.py",
        "model-2/environment/conda.yml",
    ):
        assert (SAMPLES / name).exists(), name


@pytest.mark.parametrize(("name", "folder"), ENDPOINTS.items())
def test_an_endpoint_loads_and_uses_keys(name: str, folder: Path) -> None:
    endpoint = load_online_endpoint(folder / "endpoint.yml")
    assert (endpoint.name, endpoint.auth_mode) == (name, "key")
    assert 3 <= len(name) <= 32
    assert not endpoint.traffic  # applying the file again must not look like a change of traffic


def test_there_are_two_deployments_for_the_digits_and_three_for_the_wines() -> None:
    assert [path.relative_to(SAMPLES).as_posix() for path in DEPLOYMENTS] == [
        "blue-deployment.yml",
        "green-deployment.yml",
        "wine/bayes-deployment.yml",
        "wine/forest-deployment.yml",
        "wine/linear-deployment.yml",
    ]


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=lambda path: path.name)
def test_a_deployment_loads_and_everything_it_names_exists(path: Path) -> None:
    deployment = load_online_deployment(path)
    assert f"{deployment.name}-deployment.yml" == path.name
    assert deployment.endpoint_name == load_online_endpoint(path.with_name("endpoint.yml")).name
    assert deployment.instance_count == 1
    code = deployment.code_configuration
    assert (path.parent / code.code / code.scoring_script).is_file()
    # A script joins AZUREML_MODEL_DIR with "model/...": the folder keeps its own name on Azure.
    assert (path.parent / deployment.model.path).is_dir()
    assert Path(deployment.model.path).name == "model"
    assert deployment.environment.conda_file["dependencies"]
    assert deployment.environment.image.startswith("mcr.microsoft.com/azureml/")


@pytest.mark.parametrize("folder", ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_endpoint_has_a_request_beside_it(folder: Path) -> None:
    assert (folder / "sample-request.json").is_file()
