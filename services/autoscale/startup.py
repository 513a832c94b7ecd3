"""How long a scale-out takes until its instances answer, from what autoscale did before. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from services.azure.autoscale_events import Scaling


def seconds(scalings: Iterable[Scaling], deployment: str) -> float | None:
    """The median of a deployment's scale-outs whose beginning and end are known, None when there was none."""
    took = [
        (each.ended_at - each.at).total_seconds()
        for each in scalings
        if each.deployment.lower() == deployment.lower() and each.ended_at is not None and not each.is_failed
        if (each.new or 0) > (each.old or 0)
    ]
    return median(took) if took else None
