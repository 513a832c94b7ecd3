"""Which deployment answers a request, and whether a copy goes to the shadow. Pure: randomness is passed in."""

from __future__ import annotations

import random
from collections.abc import Mapping

from emulator.scoring.model import EndpointRoute


def weighted(shares: Mapping[str, int], source: random.Random) -> str | None:
    """One name, drawn with a chance proportional to its share; None when every share is 0."""
    total = sum(shares.values())
    if total <= 0:
        return None
    point = source.random() * total
    for name, share in shares.items():
        point -= share
        if point < 0:
            return name
    return [name for name, share in shares.items() if share > 0][-1]


def shadow_for(route: EndpointRoute, source: random.Random) -> str | None:
    """The deployment that gets a copy of this request, or None. At most one, as Azure allows one shadow."""
    for name, percent in route.mirror.items():
        if percent > 0 and source.random() * 100 < percent:
            return name
    return None
