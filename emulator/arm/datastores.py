"""The datastore of a workspace: its blob container, and a signature that opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.rules import RuleBroken
from emulator.arm.workspaces import SAS_SECONDS, WORKSPACE, datastore_container, made_with_the_cloud
from emulator.resources import DATASTORE, MACHINE_LEARNING, STORAGE_SUFFIX, Place
from emulator.storage.signatures import sign

_MOST_HOURS = 24 * 7


def datastore_routes(context: Context) -> Sequence[ArmRoute]:
    """The routes of this module. Other datastores cannot be made here."""

    async def datastores(call: Call) -> Response:
        rendered = _datastore(context, call.place)
        value = [rendered] if _is_listed(call.request.query_params) else []
        return JSONResponse({"value": value, "nextLink": None})

    async def datastore(call: Call) -> Response:
        _check_name(call)
        return JSONResponse(_datastore(context, call.place))

    async def secrets(call: Call) -> Response:
        _check_name(call)
        body = await call.body()
        seconds = SAS_SECONDS
        if body.get("expirableSecret"):
            hours = body.get("expireAfterHours", 1)
            if isinstance(hours, bool) or not isinstance(hours, int) or not 1 <= hours <= _MOST_HOURS:
                raise RuleBroken(f"expireAfterHours is {hours!r}; it must be a whole number from 1 to {_MOST_HOURS}.")
            seconds = hours * 3600
        container = datastore_container(context, call.place)
        token = sign(context.secrets.storage_key, container, "racwdl", int(context.now()) + seconds)
        return JSONResponse({"secretsType": "Sas", "sasToken": token})

    return [
        ArmRoute(context, WORKSPACE + "/datastores", datastores),
        ArmRoute(context, WORKSPACE + "/datastores/{name}", datastore),
        ArmRoute(context, WORKSPACE + "/datastores/{name}/listSecrets", secrets, ["POST"]),
    ]


def _is_listed(query: Mapping[str, str]) -> bool:
    """Whether the filters of a list let the one datastore, which is the default one, through."""
    names = [name.strip().lower() for name in query.get("names", "").split(",") if name.strip()]
    return (
        query.get("isDefault", "true").lower() != "false"
        and (not names or DATASTORE in names)
        and query.get("searchText", "").lower() in DATASTORE
        and not query.get("$skip")
    )


def _check_name(call: Call) -> None:
    name = call.params["name"]
    if name.lower() != DATASTORE:
        raise call.missing(f"datastores/{name}")


def _datastore(context: Context, place: Place) -> dict[str, Any]:
    return {
        "id": f"{place.workspace_id}/datastores/{DATASTORE}",
        "name": DATASTORE,
        "type": f"{MACHINE_LEARNING}/workspaces/datastores",
        "systemData": made_with_the_cloud(),
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": context.addresses.account_name,
            "containerName": datastore_container(context, place),
            "endpoint": STORAGE_SUFFIX,
            "protocol": "https",
            "credentials": {"credentialsType": "Sas"},
            "isDefault": True,
            "description": None,
            "tags": {},
            "properties": {},
            "resourceGroup": place.resource_group,
            "subscriptionId": place.subscription,
            "serviceDataAccessAuthIdentity": "None",
        },
    }
