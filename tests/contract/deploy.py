"""Create an endpoint and its deployments from YAML files, with azure-ai-ml and nothing of ours.

Arguments: the folder with endpoint.yml and {name}-deployment.yml, then the names of the deployments. The first one gets
all live traffic. Run in a process of its own: azure-ai-ml changes the process it runs in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from azure.ai.ml import MLClient, load_online_deployment, load_online_endpoint
from azure.identity import DefaultAzureCredential


def main(folder: Path, names: list[str]) -> None:
    """Create the endpoint, the deployments, the traffic."""
    client = MLClient(
        DefaultAzureCredential(),
        os.environ["AZURE_SUBSCRIPTION_ID"],
        os.environ["AZURE_RESOURCE_GROUP"],
        os.environ["AZUREML_WORKSPACE_NAME"],
    )
    endpoint = load_online_endpoint(folder / "endpoint.yml")
    client.online_endpoints.begin_create_or_update(endpoint).result()
    for name in names:
        deployment = load_online_deployment(folder / f"{name}-deployment.yml")
        client.online_deployments.begin_create_or_update(deployment).result()
    endpoint.traffic = {names[0]: 100}
    client.online_endpoints.begin_create_or_update(endpoint).result()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
