"""Routes of diagnostic settings, and of the Log Analytics workspace that is their only destination here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call, Handler
from emulator.arm.context import Context
from emulator.arm.targets import find_target
from emulator.arm.workspaces import EPOCH
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.http import not_emulated
from emulator.monitor import diagnostics
from emulator.monitor.diagnostics import GROUPS, LOG_CATEGORIES, METRIC_CATEGORIES, Refused, SinkNotEmulated

LOG_WORKSPACE = "local"
"""Name of the Log Analytics workspace. It lies in the resource group of the workspace named on the command line."""
_OPERATIONAL = "Microsoft.OperationalInsights"
_SETTINGS = "/subscriptions/{resource:path}/providers/Microsoft.Insights/diagnosticSettings"
_CATEGORIES = _SETTINGS + "Categories"


def log_workspace_id(context: Context) -> str:
    """ARM id of the Log Analytics workspace."""
    return f"{context.home.group_id}/providers/{_OPERATIONAL}/workspaces/{LOG_WORKSPACE}"


def diagnostic_routes(context: Context) -> Sequence[ArmRoute]:
    """Diagnostic settings and their categories."""
    documents = context.documents

    async def put(call: Call) -> Response:
        endpoint_id, name = _endpoint_id(context, call), call.params["name"]
        properties = diagnostics.read_setting(await call.body(), log_workspace_id(context))
        diagnostics.write_setting(documents, endpoint_id, name, properties, context.now())
        return JSONResponse(_rendered(endpoint_id, name, properties))

    async def get(call: Call) -> Response:
        endpoint_id, wanted = _endpoint_id(context, call), call.params["name"].lower()
        for name, properties in diagnostics.settings_of(documents, endpoint_id).items():
            if name.lower() == wanted:
                return JSONResponse(_rendered(endpoint_id, name, properties))
        raise Refused(404, "ResourceNotFound", f"The diagnostic setting '{call.params['name']}' doesn't exist.")

    async def delete(call: Call) -> Response:
        is_gone = diagnostics.delete_setting(documents, _endpoint_id(context, call), call.params["name"], context.now())
        return Response(status_code=200 if is_gone else 204)

    async def every(call: Call) -> Response:
        endpoint_id = _endpoint_id(context, call)
        found = diagnostics.settings_of(documents, endpoint_id)
        return JSONResponse({"value": [_rendered(endpoint_id, name, each) for name, each in found.items()]})

    async def categories(call: Call) -> Response:
        return JSONResponse({"value": _categories(_endpoint_id(context, call))})

    async def category(call: Call) -> Response:
        wanted = call.params["name"].lower()
        for found in _categories(_endpoint_id(context, call)):
            if found["name"].lower() == wanted:
                return JSONResponse(found)
        raise Refused(404, "ResourceNotFound", f"The category '{call.params['name']}' doesn't exist.")

    def flat(path: str, handler: Handler, method: str = "GET") -> ArmRoute:
        return ArmRoute(context, path, _flat(handler), [method])

    return [
        flat(_SETTINGS, every),
        flat(_SETTINGS + "/{name}", get),
        flat(_SETTINGS + "/{name}", put, "PUT"),
        flat(_SETTINGS + "/{name}", delete, "DELETE"),
        flat(_CATEGORIES, categories),
        flat(_CATEGORIES + "/{name}", category),
    ]


def log_workspace_routes(context: Context) -> Sequence[ArmRoute]:
    """The Log Analytics workspace, so that tools find its id and its customerId."""
    subscription = f"/subscriptions/{{subscription}}/providers/{_OPERATIONAL}/workspaces"
    group = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{_OPERATIONAL}/workspaces"

    def is_home(call: Call) -> bool:
        home = context.home
        asked = (call.params["subscription"], call.params.get("group", home.resource_group))
        return [part.lower() for part in asked] == [home.subscription.lower(), home.resource_group.lower()]

    async def every(call: Call) -> Response:
        return JSONResponse({"value": [_log_workspace(context)] if is_home(call) else []})

    async def get(call: Call) -> Response:
        name = call.params["name"]
        if not is_home(call) or name.lower() != LOG_WORKSPACE:
            raise ServiceError(
                404,
                "ResourceNotFound",
                f"The Resource '{_OPERATIONAL}/workspaces/{name}' under resource group '{call.params['group']}' was not"
                " found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        return JSONResponse(_log_workspace(context))

    return [
        ArmRoute(context, subscription, every),
        ArmRoute(context, group, every),
        ArmRoute(context, group + "/{name}", get),
    ]


def _flat(handler: Handler) -> Handler:
    async def answered(call: Call) -> Response:
        try:
            return await handler(call)
        except Refused as error:
            return JSONResponse({"code": error.code, "message": error.message}, error.status)
        except SinkNotEmulated as error:
            raise not_emulated(f"the destination {error} of diagnostic settings; use workspaceId") from error

    return answered


def _endpoint_id(context: Context, call: Call) -> str:
    """The endpoint that a call is about, in its own spelling."""
    target = find_target(context, "/subscriptions/" + call.params["resource"])
    if target is None:
        raise not_emulated(f"diagnostic settings of {call.params['resource']}")
    if target.deployment:
        raise Refused(
            400,
            "ResourceTypeNotSupported",
            "The resource type 'microsoft.machinelearningservices/workspaces/onlineendpoints/deployments' does not"
            " support diagnostic settings.",
        )
    return target.arm_id


def _rendered(endpoint_id: str, name: str, properties: Document) -> dict[str, Any]:
    return {
        "id": f"{endpoint_id}/providers/microsoft.insights/diagnosticSettings/{name}",
        "type": "Microsoft.Insights/diagnosticSettings",
        "name": name,
        "location": None,
        "kind": None,
        "tags": None,
        "properties": properties,
        "identity": None,
    }


def _categories(endpoint_id: str) -> list[dict[str, Any]]:
    def groups(name: str) -> list[str]:
        return [group for group, members in GROUPS.items() if name in members]

    return [
        {
            "id": f"{endpoint_id}/providers/microsoft.insights/diagnosticSettingsCategories/{name}",
            "type": "microsoft.insights/diagnosticSettingsCategories",
            "name": name,
            "location": None,
            "kind": None,
            "tags": None,
            "properties": {"categoryType": kind, "categoryGroups": groups(name)},
            "identity": None,
        }
        for kind, names in (("Logs", LOG_CATEGORIES), ("Metrics", METRIC_CATEGORIES))
        for name in names
    ]


def _log_workspace(context: Context) -> dict[str, Any]:
    return {
        "id": log_workspace_id(context),
        "name": LOG_WORKSPACE,
        "type": f"{_OPERATIONAL}/workspaces",
        "location": context.home.region,
        "tags": {},
        "properties": {
            "source": "Azure",
            "customerId": context.secrets.log_workspace_id,
            "provisioningState": "Succeeded",
            "sku": {"name": "PerGB2018", "lastSkuUpdate": EPOCH},
            "retentionInDays": 30,
            "features": {"legacy": 0, "searchVersion": 1, "enableLogAccessUsingOnlyResourcePermissions": True},
            "workspaceCapping": {"dailyQuotaGb": -1.0, "dataIngestionStatus": "RespectQuota"},
            "publicNetworkAccessForIngestion": "Enabled",
            "publicNetworkAccessForQuery": "Enabled",
            "createdDate": EPOCH,
            "modifiedDate": EPOCH,
        },
    }
