"""Who holds the cores of a region: the deployments that can be seen, and what is used elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.azure.usages import Usage, VmSize, size_named
from services.model import Deployment, Endpoint
from services.quota.cores import Need, need


@dataclass(frozen=True)
class Holding:
    """A deployment and what it takes. ``need`` is None when Azure does not list its instance type."""

    endpoint: Endpoint
    deployment: Deployment
    need: Need | None

    @property
    def cores(self) -> int | None:
        """Cores that it takes of the quota, None when that is not known."""
        return self.need.cores if self.need else None

    @property
    def has_failed(self) -> bool:
        """Whether it failed. It holds its cores all the same, until it is deleted."""
        return self.deployment.state == "Failed"

    @property
    def name(self) -> str:
        """``endpoint/deployment``."""
        return f"{self.endpoint.name}/{self.deployment.name}"


@dataclass(frozen=True)
class Family:
    """The cores of one family of instance types, with the deployments that hold them, the largest first.

    ``elsewhere`` are cores that Azure counts and no deployment that was read explains: clusters, compute instances,
    workspaces that cannot be read. None when the deployments explain more than Azure counts: then Azure counts late, or
    counts otherwise.
    """

    usage: Usage
    holdings: tuple[Holding, ...]

    @property
    def held(self) -> int:
        """Cores of the deployments."""
        return sum(each.cores or 0 for each in self.holdings)

    @property
    def elsewhere(self) -> int | None:
        """Cores that no deployment explains."""
        rest = self.usage.used - self.held
        return rest if rest >= 0 else None

    @property
    def words(self) -> str:
        """The arithmetic: "16 of deployments + 4 elsewhere = 20 of 100 used, 80 free"."""
        usage = self.usage
        limit = f"of {usage.limit} used, {usage.free} free" if usage.limit is not None else "used, no limit"
        if self.elsewhere is None:
            return f"Azure counts {usage.used} {limit}; the deployments add up to {self.held}"
        return f"{self.held} of deployments + {self.elsewhere} elsewhere = {usage.used} {limit}"


def holdings(
    offered: tuple[VmSize, ...], deployed: Iterable[tuple[Endpoint, Sequence[Deployment]]]
) -> tuple[Holding, ...]:
    """What each managed deployment takes. Those of Kubernetes run on somebody's own cluster and take nothing."""
    return tuple(
        Holding(endpoint, each, need(size, each.instance_count) if size else None)
        for endpoint, deployments in deployed
        if not endpoint.is_kubernetes
        for each in deployments
        for size in [size_named(offered, each.instance_type)]
    )


def families(usages: Iterable[Usage], held: Sequence[Holding]) -> tuple[Family, ...]:
    """The families in the order of what is used of them, with their deployments. The total over all is none of them."""
    found = []
    for usage in usages:
        if usage.is_total:
            continue
        own = [each for each in held if each.need and each.need.size.family.lower() == usage.family.lower()]
        own.sort(key=lambda each: (-(each.cores or 0), each.name))
        found.append(Family(usage, tuple(own)))
    return tuple(sorted(found, key=lambda each: (-each.usage.used, -each.held, each.usage.family.lower())))


def total(usages: Iterable[Usage], held: Sequence[Holding]) -> Family | None:
    """All families together, if Azure counts them so, with every deployment."""
    usage = next((each for each in usages if each.is_total), None)
    return Family(usage, tuple(held)) if usage else None
