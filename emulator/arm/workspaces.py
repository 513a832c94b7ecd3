"""Subscription, resource group, workspace, its default datastore, and what the caller may do."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.errors import ServiceError
from emulator.resources import (
    DATASTORE,
    DATASTORE_CONTAINER,
    MACHINE_LEARNING,
    STORAGE_ACCOUNT,
    STORAGE_SUFFIX,
    Place,
)
from emulator.storage.signatures import sign

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
    """The routes of this module."""

    async def subscription(call: Call) -> Response:
        return JSONResponse(_subscription(context, _in_subscription(context, call)[0]))

    async def subscriptions(_: Call) -> Response:
        found = {place.subscription.lower(): place for place in reversed(context.places())}
        return JSONResponse({"value": [_subscription(context, place) for place in reversed(found.values())]})

    async def group(call: Call) -> Response:
        return JSONResponse(_group(_in_group(context, call)[0]))

    async def workspace(call: Call) -> Response:
        return JSONResponse(_workspace(context, call.place))

    async def workspaces(call: Call) -> Response:
        found = _in_group(context, call) if "group" in call.params else _in_subscription(context, call)
        return JSONResponse({"value": [_workspace(context, place) for place in found]})

    async def permissions(call: Call) -> Response:
        actions = ["*"] if call.caller.may_write else ["*/read"]
        value = [{"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}]
        return JSONResponse({"value": value})

    async def datastores(call: Call) -> Response:
        # The one datastore is the default one, so that every filter finds it.
        return JSONResponse({"value": [_datastore(context, call.place)]})

    async def datastore(call: Call) -> Response:
        _check_datastore(call)
        return JSONResponse(_datastore(context, call.place))

    async def secrets(call: Call) -> Response:
        _check_datastore(call)
        container = datastore_container(context, call.place)
        token = sign(context.secrets.storage_key, container, "racwl", int(context.now()) + SAS_SECONDS)
        return JSONResponse({"secretsType": "Sas", "sasToken": token})

    listing = f"/providers/{MACHINE_LEARNING}/workspaces"
    return [
        ArmRoute(context, "/subscriptions", subscriptions),
        ArmRoute(context, "/subscriptions/{subscription}", subscription),
        ArmRoute(context, GROUP, group),
        ArmRoute(context, "/subscriptions/{subscription}" + listing, workspaces),
        ArmRoute(context, GROUP + listing, workspaces),
        ArmRoute(context, WORKSPACE, workspace),
        ArmRoute(context, WORKSPACE + "/providers/Microsoft.Authorization/permissions", permissions),
        ArmRoute(context, WORKSPACE + "/datastores", datastores),
        ArmRoute(context, WORKSPACE + "/datastores/{name}", datastore),
        ArmRoute(context, WORKSPACE + "/datastores/{name}/listSecrets", secrets, ["POST"]),
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


def _in_subscription(context: Context, call: Call) -> list[Place]:
    wanted = call.params["subscription"].lower()
    return [place for place in context.places() if place.subscription.lower() == wanted]


def _in_group(context: Context, call: Call) -> list[Place]:
    wanted = call.params["group"].lower()
    return [place for place in _in_subscription(context, call) if place.resource_group.lower() == wanted]


def _group(place: Place) -> dict[str, Any]:
    return {
        "id": place.group_id,
        "name": place.resource_group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": place.region,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }


def _check_datastore(call: Call) -> None:
    name = call.params["name"]
    if name.lower() != DATASTORE:
        raise call.missing(f"datastores/{name}")


def _system_data() -> dict[str, str]:
    made = {"createdBy": "Local Azure", "createdByType": "Application", "createdAt": EPOCH}
    return {**made, "lastModifiedBy": "Local Azure", "lastModifiedByType": "Application", "lastModifiedAt": EPOCH}


def _subscription(context: Context, place: Place) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{place.subscription}",
        "subscriptionId": place.subscription,
        "displayName": "Local Azure",
        "state": "Enabled",
        "tenantId": context.secrets.tenant_id,
    }


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
        "systemData": _system_data(),
        "identity": {
            "type": "SystemAssigned",
            "principalId": place.subscription,
            "tenantId": context.secrets.tenant_id,
        },
        "properties": {
            "friendlyName": place.workspace,
            "description": "The local Azure's workspace",
            "provisioningState": "Succeeded",
            "workspaceId": place.subscription,
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


def _datastore(context: Context, place: Place) -> dict[str, Any]:
    return {
        "id": f"{place.workspace_id}/datastores/{DATASTORE}",
        "name": DATASTORE,
        "type": f"{MACHINE_LEARNING}/workspaces/datastores",
        "systemData": _system_data(),
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": context.addresses.account_name,
            "containerName": datastore_container(context, place),
            "endpoint": STORAGE_SUFFIX,
            "protocol": "https",
            "credentials": {"credentialsType": "Sas"},
            "isDefault": True,
            "tags": {},
            "properties": {},
            "serviceDataAccessAuthIdentity": "None",
        },
    }
