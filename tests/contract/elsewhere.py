"""Somebody else, who changes endpoints without Sluice."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from services.model import WorkspaceRef
from tests.local_azure import LocalAzure


def seed_endpoint(
    azure: LocalAzure, workspace: WorkspaceRef, name: str, live: Mapping[str, int], mirror: Mapping[str, int]
) -> str:
    """An endpoint without processes and with the deployments blue, green and red. Returns its ARM id."""
    entry = {
        "name": name,
        "workspace": workspace.id,
        "deployments": ["blue", "green", "red"],
        "traffic": live,
        "mirrorTraffic": mirror,
    }
    azure.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    return f"{workspace.id}/onlineEndpoints/{name}"


def seed_workspace(azure: LocalAzure, name: str) -> WorkspaceRef:
    """A workspace of its own, so that nothing of other tests is in it."""
    ref = WorkspaceRef(azure.environment["AZURE_SUBSCRIPTION_ID"], azure.environment["AZURE_RESOURCE_GROUP"], name)
    entry = {"subscription": ref.subscription_id, "resource_group": ref.resource_group, "name": name}
    azure.control("POST", "seed", {"workspaces": [entry | {"region": "westeurope"}]}).raise_for_status()
    return ref


def put_split(
    azure: LocalAzure, endpoint_id: str, live: Mapping[str, int], mirror: Mapping[str, int] | None = None
) -> requests.Response:
    """One PUT of the whole endpoint. ``mirror`` None leaves the field out, as clients do that do not know it."""
    document = azure.arm("GET", endpoint_id).json()
    document["properties"].pop("mirrorTraffic", None)
    document["properties"]["traffic"] = dict(live)
    if mirror is not None:
        document["properties"]["mirrorTraffic"] = dict(mirror)
    return azure.arm("PUT", endpoint_id, document)


def change_split(
    azure: LocalAzure, endpoint_id: str, live: Mapping[str, int], mirror: Mapping[str, int] | None = None
) -> requests.Response:
    """:func:`put_split`, and wait until it is in effect."""
    answer = put_split(azure, endpoint_id, live, mirror)
    assert azure.finish(answer)["status"] == "Succeeded"
    return answer
