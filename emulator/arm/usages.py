"""Quotas, usages and instance types of a subscription in a region.

Shapes: what azure-mgmt-machinelearningservices reads. Names and types of the entries: what people's scripts compare
them with; the family is named as in the SKU list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.quota import cores_used
from emulator.arm.regions import REGIONS, region_name
from emulator.arm.sizes import SIZES
from emulator.errors import ServiceError
from emulator.resources import MACHINE_LEARNING

_LOCATION = f"/subscriptions/{{subscription}}/providers/{MACHINE_LEARNING}/locations/{{location}}"
_FAMILIES = tuple(dict.fromkeys(size.family for size in SIZES))
_UNLIMITED = -1


def usage_routes(context: Context) -> Sequence[ArmRoute]:
    """The routes of this module."""

    async def usages(call: Call) -> Response:
        region, subscription = _region(context, call), call.params["subscription"]
        used = cores_used(context, subscription, region)
        limit = context.settings.current.cores_quota
        total = _entry(subscription, region, "TotalDedicatedCores", "totalDedicatedCores", "usages", _UNLIMITED)
        families = [
            {**_entry(subscription, region, family, "vmFamily/dedicatedCores", "usages", limit), "currentValue": taken}
            for family, taken in ((family, used.get(family, 0)) for family in _FAMILIES)
        ]
        return _listed([{**total, "currentValue": sum(used.values())}, *families])

    async def quotas(call: Call) -> Response:
        region, subscription = _region(context, call), call.params["subscription"]
        limit = context.settings.current.cores_quota
        return _listed(
            [_entry(subscription, region, each, "vmFamily/dedicatedCores", "quotas", limit) for each in _FAMILIES]
        )

    async def sizes(call: Call) -> Response:
        _region(context, call)
        value = [
            {
                "name": size.name,
                "family": size.family,
                "vCPUs": size.cores,
                "gpus": size.gpus,
                "memoryGB": float(size.memory_gb),
                "lowPriorityCapable": False,
                "supportedComputeTypes": ["ManagedOnlineEndpoint"],
            }
            for size in SIZES
        ]
        return JSONResponse({"value": value})

    return [
        ArmRoute(context, f"{_LOCATION}/usages", usages),
        ArmRoute(context, f"{_LOCATION}/quotas", quotas),
        ArmRoute(context, f"{_LOCATION}/vmSizes", sizes),
    ]


def _region(context: Context, call: Call) -> str:
    region = region_name(call.params["location"])
    known = {*REGIONS, *(place.region.lower() for place in context.places())}
    if region not in known:
        raise ServiceError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{region[:80]}' is not available for resource type '{MACHINE_LEARNING}/locations'."
            f" List of available regions for the resource type is '{','.join(REGIONS)}'.",
        )
    return region


def _entry(subscription: str, region: str, name: str, kind: str, collection: str, limit: int) -> dict[str, Any]:
    base = f"/subscriptions/{subscription}/providers/{MACHINE_LEARNING}/locations/{region}"
    return {
        "id": f"{base}/{kind}/{name.replace(' ', '_')}/{collection}",
        "amlWorkspaceLocation": region,
        "type": f"{MACHINE_LEARNING}/{kind}/{collection}",
        "name": {"value": name, "localizedValue": name},
        "unit": "Count",
        "limit": limit,
    }


def _listed(value: list[dict[str, Any]]) -> Response:
    return JSONResponse({"value": value, "nextLink": None})
