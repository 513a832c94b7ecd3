"""What lies above a workspace: tenant, subscriptions, regions, resource groups, providers, and resources of all kinds.

Shapes: the public REST reference of Azure Resource Manager, as azure-mgmt-resource reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.api_versions import is_azures, provider_name, provider_names, types_of
from emulator.arm.context import Context
from emulator.arm.regions import REGIONS
from emulator.errors import ServiceError
from emulator.http import not_emulated
from emulator.resources import Place, operation_name

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourceGroups/{group}"
_EVERY = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE")


def subscription_routes(context: Context) -> Sequence[ArmRoute]:
    """The routes of this module. The last one answers 501 to the providers of the tenant."""
    above = _Above(context)
    return [
        ArmRoute(context, "/tenants", above.tenants),
        ArmRoute(context, "/subscriptions", above.subscriptions),
        ArmRoute(context, _SUBSCRIPTION, above.subscription),
        ArmRoute(context, f"{_SUBSCRIPTION}/locations", above.locations),
        ArmRoute(context, f"{_SUBSCRIPTION}/providers", above.providers),
        ArmRoute(context, f"{_SUBSCRIPTION}/providers/{{namespace}}", above.provider),
        ArmRoute(context, f"{_SUBSCRIPTION}/resourceGroups", above.groups),
        ArmRoute(context, _GROUP, above.has_group, ["HEAD"]),
        ArmRoute(context, _GROUP, above.group),
        ArmRoute(context, "/providers/{rest:path}", _not_emulated, _EVERY),
    ]


async def _not_emulated(call: Call) -> Response:
    raise not_emulated(operation_name(call.request.method, call.request.url.path))


class _Above:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def tenants(self, _: Call) -> Response:
        """The one tenant."""
        tenant = self._context.secrets.tenant_id
        return _listed(
            [
                {
                    "id": f"/tenants/{tenant}",
                    "tenantId": tenant,
                    "countryCode": "US",
                    "displayName": "Local Azure",
                    "defaultDomain": "local.invalid",
                    "domains": ["local.invalid"],
                    "tenantType": "AAD",
                    "tenantCategory": "Home",
                }
            ]
        )

    async def subscriptions(self, _: Call) -> Response:
        """Every subscription that has a workspace."""
        found = {place.subscription.lower(): place for place in reversed(self._context.places())}
        value = [self._subscription(place) for place in reversed(found.values())]
        return JSONResponse({"value": value, "count": {"type": "Total", "value": len(value)}})

    async def subscription(self, call: Call) -> Response:
        """One subscription."""
        return JSONResponse(self._subscription(in_subscription(self._context, call)[0]))

    async def locations(self, call: Call) -> Response:
        """Azure's regions, and those that workspaces of this subscription name besides."""
        subscription = in_subscription(self._context, call)[0].subscription
        named = {place.region: place.region for place in in_subscription(self._context, call)}
        return JSONResponse(
            {
                "value": [
                    {
                        "id": f"/subscriptions/{subscription}/locations/{name}",
                        "name": name,
                        "type": "Region",
                        "displayName": shown,
                        "regionalDisplayName": shown,
                        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
                    }
                    for name, shown in {**named, **REGIONS}.items()
                ]
            }
        )

    async def providers(self, call: Call) -> Response:
        """The providers that are emulated, at least in part."""
        subscription = in_subscription(self._context, call)[0].subscription
        return _listed([_provider(subscription, name) for name in provider_names()])

    async def provider(self, call: Call) -> Response:
        """One provider with its resource types and their api-versions."""
        asked = call.params["namespace"]
        name = provider_name(asked)
        if name is None and is_azures(asked):
            raise not_emulated(f"the provider {asked}")
        if name is None:
            raise ServiceError(404, "InvalidResourceNamespace", f"The resource namespace '{asked[:120]}' is invalid.")
        return JSONResponse(_provider(in_subscription(self._context, call)[0].subscription, name))

    async def groups(self, call: Call) -> Response:
        """The resource groups of a subscription. Groups here bear no tags, so that a filter by tag finds none."""
        found: dict[str, Place] = {}
        for place in in_subscription(self._context, call):
            found.setdefault(place.resource_group.lower(), place)
        wanted = call.request.query_params.get("$filter", "")
        if wanted and not wanted.lower().lstrip().startswith("tagname eq "):
            raise ServiceError(
                400, "InvalidFilterInQueryString", f"Invalid $filter '{wanted[:200]}' specified in the query string."
            )
        value = [] if wanted else [_group(place) for place in found.values()]
        top = call.request.query_params.get("$top", "")
        return _listed(value[: int(top)] if top.isascii() and top.isdigit() and len(top) < 7 else value)

    async def has_group(self, _: Call) -> Response:
        """Whether a resource group is there; the gate has answered when it is not."""
        return Response(status_code=204)

    async def group(self, call: Call) -> Response:
        """One resource group."""
        return JSONResponse(_group(in_group(self._context, call)[0]))

    def _subscription(self, place: Place) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{place.subscription}",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionId": place.subscription,
            "tenantId": self._context.secrets.tenant_id,
            "displayName": "Local Azure",
            "state": "Enabled",
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "PayAsYouGo_2014-09-01",
                "spendingLimit": "Off",
            },
        }


def in_subscription(context: Context, call: Call) -> list[Place]:
    """The workspaces of the subscription that the path names; the gate has seen that there are some."""
    wanted = call.params["subscription"].lower()
    return [place for place in context.places() if place.subscription.lower() == wanted]


def in_group(context: Context, call: Call) -> list[Place]:
    """The workspaces of the resource group that the path names; the gate has seen that there are some."""
    wanted = call.params["group"].lower()
    return [place for place in in_subscription(context, call) if place.resource_group.lower() == wanted]


def _group(place: Place) -> dict[str, Any]:
    return {
        "id": place.group_id,
        "name": place.resource_group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": place.region,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }


def _provider(subscription: str, name: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{subscription}/providers/{name}",
        "namespace": name,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [
            {
                "resourceType": kind,
                "locations": list(REGIONS.values()),
                "apiVersions": sorted(versions, reverse=True),
                "capabilities": "None",
            }
            for kind, versions in types_of(name).items()
            if versions
        ],
    }


def _listed(value: list[dict[str, Any]]) -> Response:
    return JSONResponse({"value": value})
