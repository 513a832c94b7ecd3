"""Apply YAML files as ``az ml … create -f`` does: azure-ai-ml, and nothing of ours.

Arguments: an endpoint's file, then deployments' files. Run in a process of its own: azure-ai-ml changes the process it
runs in. The split of the endpoint's file is applied last, when its deployments are there.
"""

from __future__ import annotations

import os
import sys

from azure.ai.ml import MLClient, load_online_deployment, load_online_endpoint
from azure.identity import DefaultAzureCredential


def main(endpoint_file: str, deployment_files: list[str]) -> None:
    """Create the endpoint without traffic, its deployments, and then the whole endpoint."""
    client = MLClient(
        DefaultAzureCredential(),
        os.environ["AZURE_SUBSCRIPTION_ID"],
        os.environ["AZURE_RESOURCE_GROUP"],
        os.environ["AZUREML_WORKSPACE_NAME"],
    )
    bare = load_online_endpoint(endpoint_file, params_override=[{"traffic": {}}, {"mirror_traffic": {}}])
    client.online_endpoints.begin_create_or_update(bare).result()
    for file in deployment_files:
        client.online_deployments.begin_create_or_update(load_online_deployment(file)).result()
    client.online_endpoints.begin_create_or_update(load_online_endpoint(endpoint_file)).result()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
