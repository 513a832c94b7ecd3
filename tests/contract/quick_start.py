"""The whole quick start as its reader does it: azure-ai-ml, DefaultAzureCredential, requests, and nothing of ours.

Run by test_quick_start.py with the environment that `python -m emulator env` prints. Its one argument is the folder
with endpoint.yml, blue-deployment.yml and green-deployment.yml. Prints one JSON object at the end.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import requests
from azure.ai.ml import MLClient, load_online_deployment, load_online_endpoint
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential


def post(address: str, key: str, deployment: str | None = None) -> dict[str, Any]:
    """One scoring request."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    answer = requests.post(address, data='{"data": [3, 4]}', headers=headers, timeout=60)
    return {
        "status": answer.status_code,
        "body": answer.json() if answer.ok else answer.text,
        "deployment": answer.headers.get("azureml-model-deployment"),
    }


def main(folder: Path) -> dict[str, Any]:
    """Create, deploy, shift, score, scale, read logs, delete."""
    found: dict[str, Any] = {}
    client = MLClient(
        DefaultAzureCredential(),
        os.environ["AZURE_SUBSCRIPTION_ID"],
        os.environ["AZURE_RESOURCE_GROUP"],
        os.environ["AZUREML_WORKSPACE_NAME"],
    )
    found["workspace"] = client.workspaces.get().location
    endpoint = load_online_endpoint(folder / "endpoint.yml")
    created = client.online_endpoints.begin_create_or_update(endpoint).result()
    name = created.name
    found["created"] = [created.provisioning_state, created.scoring_uri]
    for color in ("blue", "green"):
        deployment = load_online_deployment(folder / f"{color}-deployment.yml")
        done = client.online_deployments.begin_create_or_update(deployment).result()
        found[color] = [done.provisioning_state, done.instance_count]

    endpoint = client.online_endpoints.get(name)
    endpoint.traffic, endpoint.mirror_traffic = {"blue": 100}, {"green": 10}
    client.online_endpoints.begin_create_or_update(endpoint).result()
    read = client.online_endpoints.get(name)
    found["split"] = [read.traffic, read.mirror_traffic]

    keys = client.online_endpoints.get_keys(name)
    found["scored"] = post(read.scoring_uri, keys.primary_key)
    found["scored with the secondary key"] = post(read.scoring_uri, keys.secondary_key)
    found["pinned"] = post(read.scoring_uri, keys.primary_key, "green")
    found["wrong key"] = post(read.scoring_uri, "wrong")["status"]
    client.online_endpoints.begin_regenerate_keys(name, key_type="primary").result()
    found["old key"] = post(read.scoring_uri, keys.primary_key)["status"]
    found["new key"] = post(read.scoring_uri, client.online_endpoints.get_keys(name).primary_key)["status"]

    scaled = client.online_deployments.get("green", name)
    scaled.instance_count = 2
    found["scaled"] = client.online_deployments.begin_create_or_update(scaled).result().instance_count
    found["logs"] = client.online_deployments.get_logs("blue", name, lines=5000)
    found["storage log"] = client.online_deployments.get_logs(
        "blue", name, lines=50, container_type="storage-initializer"
    )
    found["listed"] = [sorted(each.name for each in client.online_deployments.list(name))]
    found["listed"].append([each.name for each in client.online_endpoints.list()])
    try:
        client.online_deployments.begin_delete("blue", name).result()
    except HttpResponseError as error:
        found["delete with traffic"] = error.error and error.error.message
    client.online_deployments.begin_delete("green", name).result()
    found["after delete"] = client.online_endpoints.get(name).mirror_traffic
    client.online_endpoints.begin_delete(name).result()
    try:
        client.online_endpoints.get(name)
    except ResourceNotFoundError as error:
        found["gone"] = error.error and error.error.code
    return found


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(Path(sys.argv[1]))) + "\n")
