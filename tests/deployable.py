"""The smallest thing that can be deployed: a model file, a scoring script, a conda file, and the YAML around them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import requests

from tests.local_azure import LocalAzure

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


def upload_and_put(azure: LocalAzure, endpoint: str, name: str, factor: int, **changes: Any) -> requests.Response:
    """What the SDK does for a deployment, by hand: upload, register, PUT. Returns the answer to the last PUT.

    `changes` replace whole fields of the deployment's properties; `sku` replaces the document's sku.
    """
    body = {
        "location": "westeurope",
        "sku": changes.pop("sku", {"name": "Default", "capacity": 1}),
        "tags": {},
        "properties": {
            "endpointComputeType": "Managed",
            "instanceType": "Standard_DS3_v2",
            "model": register_model(azure, f"factor-{factor}", "factor.txt", str(factor)),
            "environmentId": _register_environment(azure),
            "codeConfiguration": {
                "codeId": _register_code(azure, changes.pop("score", SCORE)),
                "scoringScript": "score.py",
            },
            **changes,
        },
    }
    return azure.arm("PUT", f"onlineEndpoints/{endpoint}/deployments/{name}", body)


def create_endpoint(azure: LocalAzure, name: str, **properties: Any) -> requests.Response:
    """PUT an endpoint and wait for its operation, unless it is refused."""
    body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": {"authMode": "Key"}}
    answer = azure.arm("PUT", f"onlineEndpoints/{name}", {**body, "properties": {"authMode": "Key", **properties}})
    if answer.ok:
        assert azure.finish(answer)["status"] == "Succeeded"
    return answer


def put_blob(azure: LocalAzure, address: str, signature: str, content: bytes, **headers: str) -> requests.Response:
    """Upload one blob in a single shot."""
    return requests.put(
        f"{address}?{signature}",
        data=content,
        headers={"x-ms-blob-type": "BlockBlob", **{key.replace("_", "-"): value for key, value in headers.items()}},
        verify=azure.bundle,
        timeout=60,
    )


def _register_code(azure: LocalAzure, script: str) -> str:
    version = f"codes/{uuid.uuid5(uuid.NAMESPACE_OID, script)}/versions/1"
    started = azure.arm("POST", f"{version}/startPendingUpload", {"pendingUploadType": "TemporaryBlobReference"}).json()
    reference = started["blobReferenceForConsumption"]
    signature = reference["credential"]["sasUri"].partition("?")[2]
    put_blob(azure, f"{reference['blobUri']}/code/score.py", signature, script.encode()).raise_for_status()
    answer = azure.arm("PUT", version, {"properties": {"codeUri": f"{reference['blobUri']}/code", "isAnonymous": True}})
    return str(answer.json()["id"])


def register_model(azure: LocalAzure, name: str, file: str, content: str) -> str:
    """Register a model of one file, as a training job does. Returns its id."""
    datastore = azure.arm("GET", "datastores/workspaceblobstore").json()["properties"]
    signature = azure.arm("POST", "datastores/workspaceblobstore/listSecrets").json()["sasToken"]
    address = f"https://{datastore['accountName']}.blob.core.local/{datastore['containerName']}"
    path = f"LocalUpload/{name}/model"
    put_blob(azure, f"{address}/{path}/{file}", signature, content.encode()).raise_for_status()
    uri = f"azureml:/{azure.workspace}/datastores/workspaceblobstore/paths/{path}"
    answer = azure.arm(
        "PUT", f"models/{name}/versions/1", {"properties": {"modelUri": uri, "modelType": "custom_model"}}
    )
    return str(answer.json()["id"])


def _register_environment(azure: LocalAzure) -> str:
    properties = {"image": "mcr.microsoft.com/azureml/minimal", "condaFile": CONDA}
    return str(azure.arm("PUT", "environments/smallest/versions/1", {"properties": properties}).json()["id"])
