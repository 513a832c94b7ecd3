"""Routes of autoscale settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.targets import Target, find_target
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.monitor.autoscale.document import read_properties, read_tags
from emulator.monitor.autoscale.fields import refused, unsupported
from emulator.monitor.catalogue import DEPLOYMENTS, ENDPOINTS

SETTING = "autoscale"
STATE = "autoscaleState"
MAX_SETTINGS = 100
"""Settings of one region and subscription (azure-monitor-limits)."""
_TYPE = "Microsoft.Insights/autoscaleSettings"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + _TYPE
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + _TYPE
_ENABLED_BY_DEFAULT = ("2014-04-01", "2015-04-01")
"""Later versions say that a setting is off unless it is switched on."""


def autoscale_routes(context: Context) -> Sequence[ArmRoute]:
    """Put, read, change, delete and list autoscale settings. The engine that follows them is elsewhere."""
    documents = context.documents

    async def put(call: Call) -> Response:
        before = documents.get(SETTING, _key(call))
        return _keep(context, call, await call.body(), before)

    async def patch(call: Call) -> Response:
        before, body = _find(context, call), await call.body()
        changes = body.get("properties") or {}
        if not isinstance(changes, dict):
            raise unsupported("'properties' must be an object.")
        named = {name.lower() for name in changes}
        kept = {name: value for name, value in before["properties"].items() if name.lower() not in named}
        tags = before["tags"] if body.get("tags") is None else body["tags"]
        merged = {"location": before["location"], "tags": tags, "properties": {**kept, **changes}}
        return _keep(context, call, merged, before)

    async def get(call: Call) -> Response:
        return JSONResponse(_rendered(_find(context, call)))

    async def delete(call: Call) -> Response:
        if documents.get(SETTING, _key(call)) is None:
            return Response(status_code=204)
        with documents.transaction():
            documents.delete(SETTING, _key(call))
            documents.delete(STATE, _key(call))
        return Response(status_code=200)

    async def every(call: Call) -> Response:
        under = "/".join(call.params[part] for part in ("subscription", "group") if part in call.params)
        return JSONResponse({"value": [_rendered(found) for _, found in documents.all(SETTING, f"{under}/")]})

    return [
        ArmRoute(context, _SUBSCRIPTION, every),
        ArmRoute(context, _GROUP, every),
        ArmRoute(context, _GROUP + "/{name}", get),
        ArmRoute(context, _GROUP + "/{name}", put, ["PUT"]),
        ArmRoute(context, _GROUP + "/{name}", patch, ["PATCH"]),
        ArmRoute(context, _GROUP + "/{name}", delete, ["DELETE"]),
    ]


def target_of(context: Context, arm_id: str) -> Target | None:
    """The endpoint or deployment of an id, None when it is not there."""
    try:
        return find_target(context, arm_id)
    except ServiceError:
        return None


def _keep(context: Context, call: Call, body: dict[str, Any], before: Document | None) -> Response:
    """Check a setting and write it down; the answer is 201 for a new one."""
    group, name = _group_id(context, call), before["name"] if before else call.params["name"]
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise ServiceError(400, "LocationRequired", "The location property is required for this definition.")

    def kind_of(arm_id: str) -> str | None:
        found = target_of(context, arm_id)
        return None if found is None else DEPLOYMENTS if found.deployment else ENDPOINTS

    enabled = call.api_version in _ENABLED_BY_DEFAULT
    properties = read_properties(body, name, enabled=enabled, locate=kind_of)
    document: Document = {
        "id": f"{group}/providers/microsoft.insights/autoscalesettings/{name}",
        "name": name,
        "location": location,
        "tags": read_tags(body),
        "properties": properties,
        "systemData": context.system_data(call.caller, _created(before)),
    }
    _check_target(context, call, document, before)
    context.documents.put(SETTING, _key(call), document)
    return JSONResponse(_rendered(document), 200 if before else 201)


def _check_target(context: Context, call: Call, document: Document, before: Document | None) -> None:
    wanted = document["properties"]["targetResourceUri"]
    referenced = before["properties"]["targetResourceUri"] if before else wanted
    if referenced.lower().rstrip("/") != wanted.lower().rstrip("/"):
        raise refused(
            f"The autoscale setting '{document['name']}' under resource group '{call.params['group']}' is referencing"
            f" target resource '{referenced}'. The target resource reference is immutable. If you want to change it,"
            " please create a new autoscale setting with a different name.",
            "TargetResourceIdIsImmutable",
        )
    target = target_of(context, wanted)
    if target is None:
        raise ServiceError(404, "TargetResourceNotFound", f"The target resource '{wanted}' was not found.")
    if not target.deployment:
        raise refused(f"The resource '{wanted}' cannot be scaled: autoscale takes deployments of online endpoints.")
    others = [(key, found) for key, found in context.documents.all(SETTING) if key != _key(call)]
    for _, other in others:
        if other["properties"]["targetResourceUri"].lower().rstrip("/") == target.arm_id.lower():
            raise ServiceError(
                409,
                "Conflict",
                f"The target resource '{wanted}' is already referenced by the autoscale setting '{other['id']}'."
                " A resource can have only one autoscale setting.",
            )
    beside = [found for key, found in others if key.startswith(f"{call.params['subscription'].lower()}/")]
    if before is None and sum(each["location"] == document["location"] for each in beside) >= MAX_SETTINGS:
        raise ServiceError(
            409,
            "Conflict",
            f"The limit of {MAX_SETTINGS} autoscale settings per region and subscription was reached.",
        )


def _group_id(context: Context, call: Call) -> str:
    """The resource group in its own spelling; the gate has found it."""
    wanted = f"/subscriptions/{call.params['subscription']}/resourceGroups/{call.params['group']}"
    return next(place.group_id for place in context.places() if place.group_id.lower() == wanted.lower())


def _key(call: Call) -> str:
    return "/".join(call.params[part] for part in ("subscription", "group", "name")).lower()


def _find(context: Context, call: Call) -> Document:
    found = context.documents.get(SETTING, _key(call))
    if found is None:
        raise ServiceError(
            404,
            "ResourceNotFound",
            f"The Resource 'Microsoft.Insights/autoscalesettings/{call.params['name']}' under resource group"
            f" '{call.params['group']}' was not found. For more details please go to"
            " https://aka.ms/ARMResourceNotFoundFix",
        )
    return found


def _created(before: Document | None) -> dict[str, str] | None:
    return {key: before["systemData"][key] for key in ("createdBy", "createdByType", "createdAt")} if before else None


def _rendered(document: Document) -> dict[str, Any]:
    return {"type": _TYPE, **document}
