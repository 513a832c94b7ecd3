"""MLflow models are served without a scoring script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emulator.scoring.environments.recipe import recipe
from emulator.scoring.model import DeploymentFailed
from tests.emulator.scoring_rig import Rig

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]

SERVER = "azureml-inference-server-http"
MLMODEL = """
flavors:
  python_function:
    code: code
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: doubling
    python_version: 3.11.7
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}, {"type": "long", "name": "b", "required": true}]'
  params: '[{"name": "factor", "type": "long", "default": 2, "shape": null}]'
"""
CONDA = """
dependencies:
- python=3.11
- pip<=24
- pip: [mlflow-skinny, pandas]
"""
LOADER = """
class Doubling:
    def predict(self, table, params=None):
        assert str(table["a"].dtype) == "float64", table.dtypes
        return table["a"].to_numpy() * params["factor"] + table["b"].to_numpy()

def _load_pyfunc(path):
    return Doubling()
"""


def write_model(folder: Path) -> Path:
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text(MLMODEL)
    (folder / "conda.yaml").write_text(CONDA)
    (folder / "code" / "doubling.py").write_text(LOADER)
    return folder


NO_SCRIPT: dict[str, Any] = {"mlflow": True, "code_path": None, "scoring_script": "", "conda_yaml": None, "image": ""}


async def test_a_model_answers_in_all_forms_that_azure_documents(rig: Rig, tmp_path: Path) -> None:
    model = write_model(tmp_path / "trained" / "model")
    await rig.deploy("blue", model_path=model, **NO_SCRIPT)
    await rig.route({"blue": 100})
    forms: list[Any] = [
        {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 10], [2, 20]]},
        {"columns": ["b", "a"], "data": [[10, 1], [20, 2]]},
        [{"a": 1, "b": 10}, {"a": 2, "b": 20}],
        [[1, 10], [2, 20]],
        {"a": [1, 2], "b": [10, 20]},
    ]
    for form in forms:
        reply = await rig.send({"input_data": form})
        assert (reply.status, reply.body and reply.json()) == (200, [12.0, 24.0]), form
    reply = await rig.send({"input_data": forms[0], "params": {"factor": 100}})
    assert reply.json() == [110.0, 220.0]
    wrong = await rig.send({"data": forms[0]})
    assert wrong.status == 424
    await rig.logged("Request must contain a top level key named 'input_data'")
    assert "a scoring script for it was generated" in rig.fleet.logs("shop", "blue", "storage-initializer", 1000)


async def test_a_folder_without_mlmodel_cannot_be_served_so(rig: Rig) -> None:
    with pytest.raises(DeploymentFailed, match="no file named MLmodel") as failure:
        await rig.deploy("blue", **NO_SCRIPT)
    assert failure.value.code == "ImageBuildFailure"
    assert "no file named MLmodel" in rig.fleet.logs("shop", "blue", "storage-initializer", 1000)


async def test_the_environment_is_the_one_that_the_model_names(rig: Rig, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    spec = rig.spec(model_path=model, **NO_SCRIPT)
    assert recipe(spec).lines == ("mlflow-skinny", "pandas", SERVER)
    (model / "conda.yaml").unlink()
    (model / "requirements.txt").write_text("# made by mlflow\nscikit-learn==1.5.0  # pinned\n\ncloudpickle\n")
    found = recipe(spec)
    assert found.lines == ("scikit-learn==1.5.0", "cloudpickle", "mlflow", SERVER)
    assert found.brings_server
    (model / "requirements.txt").unlink()
    assert recipe(spec).lines == ("mlflow", SERVER)
    (model / "MLmodel").write_text(json.dumps({"flavors": {}}))
    with pytest.raises(DeploymentFailed, match="no flavour named python_function"):
        recipe(spec)
