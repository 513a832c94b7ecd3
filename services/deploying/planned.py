"""The phases that a deploy is expected to have, before it has begun. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from services.deploying.model import Kind, Phase
from services.deploying.order import Item

_OF_DEPLOYMENT = (
    Phase.UPLOAD,
    Phase.REGISTER,
    Phase.WRITE,
    Phase.BUILD,
    Phase.PROVISION,
    Phase.PROBES,
    Phase.READY,
)


def plan_of(items: Iterable[Item]) -> tuple[tuple[str, Phase], ...]:
    """Resource and phase, in the order in which they are expected. Azure leaves out what it does not need."""
    found: list[tuple[str, Phase]] = []
    for item in items:
        if item.kind is Kind.ENDPOINT:
            phases: tuple[Phase, ...] = (changes_endpoint(item), Phase.READY)
        else:
            phases = ((Phase.DELETE,) if item.replaces else ()) + _OF_DEPLOYMENT
        found += [(item.resource, phase) for phase in phases]
    return tuple(dict.fromkeys(found))


def changes_endpoint(item: Item) -> Phase:
    """What is done to an endpoint: it is made, or written."""
    return Phase.WRITE if item.exists else Phase.PROVISION
