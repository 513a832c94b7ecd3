"""Endpoints and deployments from their YAML files, with azure-ai-ml alone: what any user of it would write."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from azure.ai.ml import MLClient, load_online_deployment, load_online_endpoint
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from demo_parts.local_azure import Unavailable

Say = Callable[[str], None]

PATIENCE_SECONDS = 900.0
"""How long to wait for something that another program is creating."""


def connect(environ: Mapping[str, str], cloud: str) -> MLClient:
    """Return a client for the workspace that the environment names, in the cloud of that name."""
    # The SDK reports every existence check as information.
    logging.getLogger("azure.ai.ml.operations").setLevel(logging.WARNING)
    return MLClient(
        DefaultAzureCredential(),
        environ["AZURE_SUBSCRIPTION_ID"],
        environ["AZURE_RESOURCE_GROUP"],
        environ["AZUREML_WORKSPACE_NAME"],
        cloud=cloud,
        enable_telemetry=False,
        # Without a progress bar, a failed upload makes azure-ai-ml 1.35 wait for ever.
        show_progress=True,
        polling_interval=1,
        retry_total=2,
    )


def deploy_endpoint(client: MLClient, file: Path, say: Say) -> Any:
    """Return the endpoint of ``file``, creating it when it is missing or failed."""
    wanted = load_online_endpoint(file)
    endpoint = settled(lambda: client.online_endpoints.get(wanted.name))
    if endpoint is None or endpoint.provisioning_state == "Failed":
        say(f"creating the endpoint {wanted.name} …")
        with quiet():
            endpoint = client.online_endpoints.begin_create_or_update(wanted).result()
    return endpoint


def deploy_deployment(client: MLClient, file: Path, say: Say) -> Any:
    """Return the deployment of ``file``, uploading and creating it when it is missing or failed."""
    wanted = load_online_deployment(file)
    deployment = settled(lambda: client.online_deployments.get(wanted.name, wanted.endpoint_name))
    if deployment is not None and deployment.provisioning_state == "Failed":
        # Azure takes no update of a deployment that failed while it was created.
        say(f"deleting {wanted.name} from {wanted.endpoint_name}, which failed …")
        with quiet():
            client.online_deployments.begin_delete(wanted.name, wanted.endpoint_name).result()
        deployment = None
    if deployment is None:
        say(f"deploying {wanted.name} to {wanted.endpoint_name} …")
        with quiet():
            deployment = client.online_deployments.begin_create_or_update(wanted).result()
    return deployment


def settled(get: Callable[[], Any]) -> Any | None:
    """Return what ``get`` finds once nobody is working on it any more, None when it does not exist."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            found = get()
        except ResourceNotFoundError:
            return None
        if found.provisioning_state in ("Succeeded", "Failed", "Canceled"):
            return found
        time.sleep(1)
    raise Unavailable(f"{found.name} has been {found.provisioning_state} for {PATIENCE_SECONDS / 60:.0f} minutes.")


def set_split(client: MLClient, name: str, live: Mapping[str, int], mirror: Mapping[str, int]) -> None:
    """Give an endpoint its first split. One that already has a split keeps it: a person may have chosen it."""
    endpoint = client.online_endpoints.get(name)
    if any((endpoint.traffic or {}).values()) or any((endpoint.mirror_traffic or {}).values()):
        return
    endpoint.traffic, endpoint.mirror_traffic = dict(live), dict(mirror)
    with quiet():
        client.online_endpoints.begin_create_or_update(endpoint).result()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the dots that azure-ai-ml prints while it waits out of our own output."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
