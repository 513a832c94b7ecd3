"""The smallest thing that can be deployed: a model file, a scoring script, a conda file, and the YAML around them."""

from __future__ import annotations

from pathlib import Path

SCORE = """
import json, os, pathlib

def init():
    global factor
    factor = int(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.txt")).read_text())
    print(f"factor is {factor}")

def run(raw_data):
    numbers = json.loads(raw_data)["data"]
    return [number * factor for number in numbers]
"""
CONDA = """
name: smallest
dependencies:
  - python=3.11
  - pip
  - pip:
      - azureml-inference-server-http
"""
DEPLOYMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: {name}
endpoint_name: {endpoint}
model:
  path: ./{name}/model/
code_configuration:
  code: ./code/
  scoring_script: score.py
environment:
  conda_file: ./conda.yml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
instance_type: Standard_DS3_v2
instance_count: 1
"""
ENDPOINT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: {endpoint}
auth_mode: key
"""


def write_quick_start(folder: Path, endpoint: str, factors: dict[str, int]) -> None:
    """Write endpoint.yml and, for each deployment, its YAML and a model that multiplies by its factor."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "score.py").write_text(SCORE)
    (folder / "conda.yml").write_text(CONDA)
    (folder / "endpoint.yml").write_text(ENDPOINT.format(endpoint=endpoint))
    for name, factor in factors.items():
        (folder / name / "model").mkdir(parents=True)
        (folder / name / "model" / "factor.txt").write_text(str(factor))
        (folder / f"{name}-deployment.yml").write_text(DEPLOYMENT.format(name=name, endpoint=endpoint))
