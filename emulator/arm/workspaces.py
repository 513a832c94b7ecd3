"""Subscription, resource group, workspace, its default datastore, and what the caller may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call, not_found
from emulator.arm.context import Context
from emulator.resources import DATASTORE, DATASTORE_CONTAINER, MACHINE_LEARNING, STORAGE_ACCOUNT, STORAGE_SUFFIX
from emulator.storage.signatures import sign

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
WORKSPACE = GROUP + f"/providers/{MACHINE_LEARNING}/workspaces/" + "{workspace}"
EPOCH = "2025-01-01T00:00:00.000000Z"
SAS_SECONDS = 24 * 3600


def workspace_routes(context: Context) -> Sequence[ArmRoute]:
    """The routes of this module."""
    place = context.place

    async def subscription(_: Call) -> Response:
        return JSONResponse(_subscription(context))

    async def subscriptions(_: Call) -> Response:
        return JSONResponse({"value": [_subscription(context)]})

    async def group(_: Call) -> Response:
        return JSONResponse(
            {
                "id": place.group_id,
                "name": place.resource_group,
                "type": "Microsoft.Resources/resourceGroups",
                "location": place.region,
                "tags": {},
                "properties": {"provisioningState": "Succeeded"},
            }
        )

    async def workspace(_: Call) -> Response:
        return JSONResponse(_workspace(context))

    async def workspaces(_: Call) -> Response:
        return JSONResponse({"value": [_workspace(context)]})

    async def permissions(call: Call) -> Response:
        actions = ["*"] if call.caller.may_write else ["*/read"]
        value = [{"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}]
        return JSONResponse({"value": value})

    async def datastores(_: Call) -> Response:
        # The one datastore is the default one, so that every filter finds it.
        return JSONResponse({"value": [_datastore(context)]})

    async def datastore(call: Call) -> Response:
        _check_datastore(context, call)
        return JSONResponse(_datastore(context))

    async def secrets(call: Call) -> Response:
        _check_datastore(context, call)
        token = sign(context.secrets.storage_key, DATASTORE_CONTAINER, "racwl", int(context.now()) + SAS_SECONDS)
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


def _check_datastore(context: Context, call: Call) -> None:
    name = call.params["name"]
    if name.lower() != DATASTORE:
        raise not_found(context, f"workspaces/{context.place.workspace}/datastores/{name}")


def _system_data() -> dict[str, str]:
    made = {"createdBy": "Local Azure", "createdByType": "Application", "createdAt": EPOCH}
    return {**made, "lastModifiedBy": "Local Azure", "lastModifiedByType": "Application", "lastModifiedAt": EPOCH}


def _subscription(context: Context) -> dict[str, Any]:
    place = context.place
    return {
        "id": f"/subscriptions/{place.subscription}",
        "subscriptionId": place.subscription,
        "displayName": "Local Azure",
        "state": "Enabled",
        "tenantId": context.secrets.tenant_id,
    }


def storage_account_id(context: Context) -> str:
    """ARM id of the storage account."""
    return f"{context.place.group_id}/providers/Microsoft.Storage/storageAccounts/{STORAGE_ACCOUNT}"


def _workspace(context: Context) -> dict[str, Any]:
    place, group = context.place, context.place.group_id
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
            "storageAccount": storage_account_id(context),
            "keyVault": f"{group}/providers/Microsoft.KeyVault/vaults/local",
            "applicationInsights": f"{group}/providers/Microsoft.Insights/components/local",
            "hbiWorkspace": False,
            "publicNetworkAccess": "Enabled",
            "discoveryUrl": f"{context.addresses.control}/discovery",
            "mlFlowTrackingUri": f"azureml://localhost:{context.addresses.control_port}/mlflow/v1.0{place.workspace_id}",
            "tenantId": context.secrets.tenant_id,
        },
    }


def _datastore(context: Context) -> dict[str, Any]:
    return {
        "id": f"{context.place.workspace_id}/datastores/{DATASTORE}",
        "name": DATASTORE,
        "type": f"{MACHINE_LEARNING}/workspaces/datastores",
        "systemData": _system_data(),
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": context.addresses.account_name,
            "containerName": DATASTORE_CONTAINER,
            "endpoint": STORAGE_SUFFIX,
            "protocol": "https",
            "credentials": {"credentialsType": "Sas"},
            "isDefault": True,
            "tags": {},
            "properties": {},
            "serviceDataAccessAuthIdentity": "None",
        },
    }
