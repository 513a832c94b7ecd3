"""Which endpoint or deployment an ARM id names: what Azure Monitor's resources hang on."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.arm.access import not_found
from emulator.arm.context import Context
from emulator.resources import MACHINE_LEARNING, parse_path


@dataclass(frozen=True)
class Target:
    """An endpoint, or one of its deployments. `arm_id` is in the service's own spelling, names are in lower case."""

    arm_id: str
    endpoint: str
    deployment: str

    @property
    def key(self) -> str:
        """The key of its document."""
        return f"{self.endpoint}/{self.deployment}" if self.deployment else self.endpoint


def find_target(context: Context, arm_id: str) -> Target | None:
    """The endpoint or deployment with this id; None when the id names something else.

    Raises ServiceError 404 when it names an endpoint or deployment that is not there.
    """
    found = parse_path(arm_id)
    types, names = [each.lower() for each in found.types], [each.lower() for each in found.segments[1::2]]
    if found.provider.lower() != MACHINE_LEARNING.lower() or len(names) not in (2, 3) or len(types) != len(names):
        return None
    if types != ["workspaces", "onlineendpoints", "deployments"][: len(types)]:
        return None
    group = found.resource_group or ""
    place = context.find_place(found.subscription or "", group, names[0])
    endpoint, deployment = names[1], names[2] if len(names) == 3 else ""
    parent = context.documents.get("endpoint", endpoint)
    is_there = place is not None and parent is not None and context.place_of(endpoint).key == place.key
    if deployment:
        is_there = is_there and context.documents.get("deployment", f"{endpoint}/{deployment}") is not None
    if not is_there or place is None:
        raise not_found(group, "/".join(found.segments))
    own_id = place.deployment_id(endpoint, deployment) if deployment else place.endpoint_id(endpoint)
    return Target(own_id, endpoint, deployment)
