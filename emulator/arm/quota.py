"""Cores: how many a deployment takes from its family's quota, and how many are taken.

Source: how-to-manage-quotas, "Virtual machine quota allocation for deployment": a fifth more instances are reserved for
upgrades, except on the sizes that the SKU list exempts.
"""

from __future__ import annotations

from collections import Counter

from emulator.arm.context import Context
from emulator.arm.sizes import VmSize, find_size


def cores_needed(size: VmSize, instances: int) -> int:
    """Cores that so many instances take from the quota, with those reserved for upgrades."""
    reserved = -(-instances * 6 // 5) if size.reserves else instances
    return size.cores * reserved


def cores_used(context: Context, subscription: str, region: str) -> dict[str, int]:
    """Cores taken in a subscription and region, by family of instance types.

    A deployment holds its cores from the moment it is asked for until it is deleted.
    """
    used: Counter[str] = Counter()
    for key, deployment in context.documents.all("deployment"):
        place = context.place_of(key.partition("/")[0])
        if place.subscription.lower() != subscription.lower() or place.region != region:
            continue
        sent = deployment["sent"]
        size = find_size(str(sent["properties"].get("instanceType", "")))
        if size is not None:
            used[size.family] += cores_needed(size, sent["sku"]["capacity"])
    return dict(used)
