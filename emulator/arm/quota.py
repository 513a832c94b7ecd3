"""What a subscription may have in a region: cores by family of instance types, endpoints, deployments.

Source: how-to-manage-quotas, "Virtual machine quota allocation for deployment": a fifth more instances are reserved for
upgrades, except on the sizes that the SKU list exempts. A deployment holds its cores from the moment it is asked for
until it is deleted. What was seeded without processes counts for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from emulator.arm import refusals, rules
from emulator.arm.context import Context
from emulator.arm.sizes import VmSize, find_size
from emulator.documents import Document
from emulator.resources import Place


def cores_needed(size: VmSize, instances: int) -> int:
    """Cores that so many instances take from the quota, with those reserved for upgrades."""
    reserved = -(-instances * 6 // 5) if size.reserves else instances
    return size.cores * reserved


def cores_used(context: Context, subscription: str, region: str) -> dict[str, int]:
    """Cores taken in a subscription and region, by family of instance types."""
    used: Counter[str] = Counter()
    for _, deployment in _deployments(context, subscription, region):
        size = find_size(str(deployment["sent"]["properties"].get("instanceType", "")))
        if size is not None:
            used[size.family] += cores_needed(size, deployment["sent"]["sku"]["capacity"])
    return dict(used)


def check_cores(context: Context, place: Place, wanted: Document, before: Document | None) -> None:
    """Whether the family has cores left for a deployment as it is `wanted`; `before` is what it was, if it was.

    Raises ServiceError as Azure answers, for an unknown instance type as well.
    """
    name = str(wanted["properties"]["instanceType"])
    size = find_size(name)
    if size is None:
        raise refusals.unknown_size(name, place.region)
    used = cores_used(context, place.subscription, place.region).get(size.family, 0)
    additional = cores_needed(size, wanted["sku"]["capacity"]) - _held(before, size.family)
    limit = context.settings.current.cores_quota
    if additional > 0 and used + additional > limit:
        raise refusals.out_of_cores(name, place.subscription, used, limit, additional)


def check_endpoints(context: Context, place: Place) -> None:
    """Whether one more endpoint fits into the subscription and region. Raises ServiceError."""
    count = sum(1 for each in _endpoints(context, place.subscription, place.region).values() if not each.get("seeded"))
    if count >= rules.MAX_ENDPOINTS:
        raise refusals.too_many_endpoints(place.subscription, count, rules.MAX_ENDPOINTS)


def check_deployments(context: Context, place: Place, endpoint: str) -> None:
    """Whether one more deployment fits into the endpoint, the subscription and the region. Raises RuleBroken."""
    rules.check_room("deployment of the endpoint", context.documents.all("deployment", f"{endpoint}/"))
    every = list(_deployments(context, place.subscription, place.region))
    rules.check_room("deployment of the subscription in this region", every, rules.MAX_DEPLOYMENTS_IN_REGION)


def _held(before: Document | None, family: str) -> int:
    if before is None:
        return 0
    size = find_size(str(before["properties"].get("instanceType", "")))
    return cores_needed(size, before["sku"]["capacity"]) if size is not None and size.family == family else 0


def _endpoints(context: Context, subscription: str, region: str) -> dict[str, Document]:
    inside = {
        place.key
        for place in context.places()
        if place.subscription.lower() == subscription.lower() and place.region.lower() == region.lower()
    }
    found = context.documents.all("endpoint")
    return {name: each for name, each in found if each.get("workspace", context.home.key) in inside}


def _deployments(context: Context, subscription: str, region: str) -> Iterator[tuple[str, Document]]:
    endpoints = _endpoints(context, subscription, region)
    for key, found in context.documents.all("deployment"):
        if key.partition("/")[0] in endpoints and not found.get("seeded"):
            yield key, found
