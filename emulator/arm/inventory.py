"""GET …/resources: workspaces, endpoints and deployments in one list, as ARM keeps track of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.subscriptions import in_group, in_subscription
from emulator.http import not_emulated
from emulator.resources import MACHINE_LEARNING, Place

_TYPE = f"{MACHINE_LEARNING}/workspaces"
_CLAUSE = re.compile(r"\s*\(?\s*(\w+)\s+(eq|ne)\s+'((?:[^']|'')*)'\s*\)?\s*", re.IGNORECASE)
_FIELDS = {"resourcetype": "type", "name": "name", "location": "location", "resourcegroup": "group"}


def inventory_routes(context: Context) -> Sequence[ArmRoute]:
    """The two lists: of a subscription and of a resource group."""

    async def resources(call: Call) -> Response:
        places = in_group(context, call) if "group" in call.params else in_subscription(context, call)
        wanted = _filter(call.request.query_params.get("$filter", ""))
        found = [each for each in _all(context, places) if wanted(each)]
        top = call.request.query_params.get("$top", "")
        if top.isascii() and top.isdigit() and len(top) < 7:
            found = found[: int(top)]
        return JSONResponse({"value": [{key: each[key] for key in each if key != "group"} for each in found]})

    return [
        ArmRoute(context, "/subscriptions/{subscription}/resources", resources),
        ArmRoute(context, "/subscriptions/{subscription}/resourceGroups/{group}/resources", resources),
    ]


def _filter(text: str) -> Callable[[dict[str, Any]], bool]:
    """Read `resourceType eq 'x' and name eq 'y'`. Raises ServiceError 501 for any other kind of filter."""
    clauses = []
    for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE) if text.strip() else []:
        match = _CLAUSE.fullmatch(part)
        if match is None or match[1].lower() not in _FIELDS:
            raise not_emulated(f"the resource list with this $filter: {text[:200]}")
        clauses.append((_FIELDS[match[1].lower()], match[2].lower() == "eq", match[3].replace("''", "'").lower()))
    return lambda each: all((str(each[field]).lower() == value) is equal for field, equal, value in clauses)


def _all(context: Context, places: Sequence[Place]) -> Iterator[dict[str, Any]]:
    inside = {place.key: place for place in places}
    for place in places:
        yield _entry(place, place.workspace_id, place.workspace, _TYPE, {"kind": "Default"})
    homes: dict[str, Place] = {}
    for name, document in context.documents.all("endpoint"):
        home = inside.get(document.get("workspace", context.home.key))
        if home is not None:
            homes[name] = home
            known = {"kind": "Managed", "tags": document["sent"].get("tags") or {}}
            yield _entry(home, home.endpoint_id(name), f"{home.workspace}/{name}", f"{_TYPE}/onlineEndpoints", known)
    for key, document in context.documents.all("deployment"):
        endpoint, _, deployment = key.partition("/")
        if endpoint in homes:
            place, full = homes[endpoint], f"{homes[endpoint].workspace}/{key}"
            known = {"sku": document["sent"]["sku"], "tags": document["sent"].get("tags") or {}}
            arm_id = place.deployment_id(endpoint, deployment)
            yield _entry(place, arm_id, full, f"{_TYPE}/onlineEndpoints/deployments", known)


def _entry(place: Place, arm_id: str, name: str, kind: str, known: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": arm_id,
        "name": name,
        "type": kind,
        "location": place.region,
        "tags": {},
        **known,
        "group": place.resource_group,
    }
