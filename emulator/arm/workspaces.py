"""Workspaces: the one of the command line, and those that are made beside it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.subscriptions import in_group, in_subscription
from emulator.errors import ServiceError
from emulator.resources import DATASTORE_CONTAINER, MACHINE_LEARNING, STORAGE_ACCOUNT, Place

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
WORKSPACE = GROUP + f"/providers/{MACHINE_LEARNING}/workspaces/" + "{workspace}"
EPOCH = "2025-01-01T00:00:00.000000Z"
SAS_SECONDS = 24 * 3600
# Source: resource-name-rules of Azure Resource Manager.
_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GROUP_NAME = re.compile(r"[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]")
_WORKSPACE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_REGION = re.compile(r"[a-z][a-z0-9]{1,49}")


def workspace_routes(context: Context) -> Sequence[ArmRoute]:
    """The routes of this module. Workspaces are made by the command line and by /_emulator/seed, not through ARM."""

    async def workspace(call: Call) -> Response:
        return JSONResponse(_workspace(context, call.place))

    async def workspaces(call: Call) -> Response:
        found = in_group(context, call) if "group" in call.params else in_subscription(context, call)
        kind = call.request.query_params.get("kind", "")
        rendered = [_workspace(context, place) for place in found]
        # The kinds hub, project and featurestore are not emulated: there are none of them.
        value = [each for each in rendered if not kind or each["kind"].lower() in kind.lower().split(",")]
        return JSONResponse({"value": value, "nextLink": None})

    listing = f"/providers/{MACHINE_LEARNING}/workspaces"
    return [
        ArmRoute(context, "/subscriptions/{subscription}" + listing, workspaces),
        ArmRoute(context, GROUP + listing, workspaces),
        ArmRoute(context, WORKSPACE, workspace),
    ]


def settle(context: Context) -> None:
    """Write the home workspace down, and take what an earlier version kept without a workspace into it."""
    with context.documents.transaction():
        context.documents.put("workspace", context.home.key, asdict(context.home))
        for collection in ("codes", "models", "environments"):
            for key, found in context.documents.all(collection):
                if key.count("/") == 1:
                    context.documents.delete(collection, key)
                    context.documents.put(collection, f"{context.home.key}/{key}", found)


def add_workspace(context: Context, subscription: str, resource_group: str, name: str, region: str) -> Place:
    """Make a workspace, with its subscription and resource group; one that is there already is returned as it is.

    Raises :class:`ServiceError` 400 for a name that Azure would not take.
    """
    for pattern, text, what in (
        (_SUBSCRIPTION, subscription, "subscription id"),
        (_GROUP_NAME, resource_group, "resource group name"),
        (_WORKSPACE_NAME, name, "workspace name"),
        (_REGION, region, "region"),
    ):
        if not isinstance(text, str) or not pattern.fullmatch(text):
            raise ServiceError(400, "BadRequest", f"The {what} {str(text)[:100]!r} is not valid.")
    found = context.find_place(subscription, resource_group, name)
    if found is not None:
        return found
    # A group keeps the spelling of its first workspace.
    key = f"{subscription}/{resource_group}".lower()
    near = next((each for each in context.places() if each.key.rpartition("/")[0] == key), None)
    place = Place(subscription, near.resource_group if near else resource_group, name, region)
    context.documents.put("workspace", place.key, asdict(place))
    return place


def datastore_container(context: Context, place: Place) -> str:
    """The blob container behind the datastore of a workspace."""
    if place.key == context.home.key:
        return DATASTORE_CONTAINER
    return f"{DATASTORE_CONTAINER}-{uuid.uuid5(uuid.NAMESPACE_URL, place.key)}"


def made_with_the_cloud() -> dict[str, str]:
    """System data of what nobody made."""
    made = {"createdBy": "Local Azure", "createdByType": "Application", "createdAt": EPOCH}
    return {**made, "lastModifiedBy": "Local Azure", "lastModifiedByType": "Application", "lastModifiedAt": EPOCH}


def workspace_guid(place: Place) -> str:
    """The GUID of a workspace, which logs name it by."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, place.key))


def storage_account_id(place: Place) -> str:
    """ARM id of the storage account."""
    return f"{place.group_id}/providers/Microsoft.Storage/storageAccounts/{STORAGE_ACCOUNT}"


def _workspace(context: Context, place: Place) -> dict[str, Any]:
    group = place.group_id
    return {
        "id": place.workspace_id,
        "name": place.workspace,
        "type": f"{MACHINE_LEARNING}/workspaces",
        "location": place.region,
        "tags": {},
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "systemData": made_with_the_cloud(),
        "identity": {
            "type": "SystemAssigned",
            "principalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{place.key}/identity")),
            "tenantId": context.secrets.tenant_id,
        },
        "properties": {
            "friendlyName": place.workspace,
            "description": "The local Azure's workspace",
            "provisioningState": "Succeeded",
            "workspaceId": workspace_guid(place),
            "storageAccount": storage_account_id(place),
            "keyVault": f"{group}/providers/Microsoft.KeyVault/vaults/local",
            "applicationInsights": f"{group}/providers/Microsoft.Insights/components/local",
            "hbiWorkspace": False,
            "publicNetworkAccess": "Enabled",
            "discoveryUrl": f"{context.addresses.control}/discovery",
            "mlFlowTrackingUri": f"azureml://localhost:{context.addresses.control_port}/mlflow/v1.0{place.workspace_id}",
            "tenantId": context.secrets.tenant_id,
        },
    }
