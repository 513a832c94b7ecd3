"""When requests come and where they go: pure rules, no clock and no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

PEAK = 1.45
"""The highest value wave() takes."""


def wave(at: float) -> float:
    """Return how busy the moment ``at`` (epoch seconds) is, around 1: a slow swell of 40 minutes and a ripple of 9."""
    return 1 + 0.3 * math.sin(2 * math.pi * at / 2400) + 0.15 * math.sin(2 * math.pi * at / 540 + 1)


def rise(done: float) -> float:
    """Return the level of traffic when the share ``done`` (0 to 1) of the history is over.

    A new endpoint finds its users slowly, then quickly. It ends at 1: the history meets the live stream without a step.
    """
    return 0.12 + 0.88 * done * done * math.sqrt(done)


def arrivals(seconds: float, rate: Callable[[float], float], highest: float, random: Random) -> Iterator[float]:
    """Yield the moments from 0 to ``seconds`` at which requests arrive at ``rate(t)`` per second, at most ``highest``.

    An inhomogeneous Poisson process by thinning (Lewis and Shedler, 1979).
    """
    at = 0.0
    while highest > 0 and (at := at + random.expovariate(highest)) < seconds:
        if random.random() * highest < rate(at):
            yield at


@dataclass(frozen=True)
class Phase:
    """A split and the share of the history (0 to 1) at which it came into effect."""

    begins: float
    live: Mapping[str, int]
    mirror: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """One request of the history: seconds after its start, who answers, and the other request it is a copy of."""

    at: float
    deployment: str
    copy_of: int | None = None
    copied: bool = False


def phase_at(phases: Sequence[Phase], done: float) -> Phase:
    """Return the phase that is in effect when the share ``done`` of the history is over."""
    return [phase for phase in phases if phase.begins <= done][-1]


def choose(shares: Mapping[str, int], random: Random) -> str | None:
    """Return one name with the probability of its percentage, None for what is left of 100."""
    point = random.random() * 100
    for name, percent in shares.items():
        if (point := point - percent) < 0:
            return name
    return None


def plan(phases: Sequence[Phase], seconds: float, per_second: float, ends_at: float, random: Random) -> list[Planned]:
    """Return the requests that an endpoint with this past would have had, copies right behind their originals.

    ``per_second`` is the mean rate at the end, ``ends_at`` the epoch second at which the history ends.
    """
    planned: list[Planned] = []

    def rate(at: float) -> float:
        return per_second * rise(at / seconds) * wave(ends_at - seconds + at)

    for at in arrivals(seconds, rate, per_second * PEAK, random):
        phase = phase_at(phases, at / seconds)
        deployment = choose(phase.live, random)
        if deployment is None:
            continue
        shadow = choose(phase.mirror, random)
        planned.append(Planned(at, deployment, copied=shadow is not None))
        if shadow is not None:
            planned.append(Planned(at, shadow, copy_of=len(planned) - 1))
    return planned


def dated(rows: Sequence[Mapping[str, Any]], planned: Sequence[Planned], starts_at: float) -> list[dict[str, Any]]:
    """Return ``rows`` at their planned times, with the route each would have taken instead of the pinned one."""
    finished = []
    for row, request in zip(rows, planned, strict=True):
        is_copy = request.copy_of is not None
        changes = {
            "started_at": starts_at + request.at,
            "kind": "mirror" if is_copy else "live",
            "route": "mirror" if is_copy else "split",
            "mirrored": int(request.copied),
        }
        if request.copy_of is not None:
            changes["request_id"] = rows[request.copy_of]["request_id"]
        finished.append({**row, **changes})
    return finished
