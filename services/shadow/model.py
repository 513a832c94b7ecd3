"""The values of shadow tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from services.comparison.criteria import Criteria
from services.comparison.judge import Arm


@dataclass(frozen=True)
class Pair:
    """The names of the two deployments that are compared."""

    live: str
    candidate: str


@dataclass(frozen=True)
class Minute:
    """What both did in the minute that begins at ``at``."""

    at: datetime
    live: Arm
    candidate: Arm


@dataclass(frozen=True)
class Reading:
    """The settled minutes of a span, in order, and where they come from.

    ``counts`` and ``rows`` name the sources of the requests with their errors, and of the latencies; "" is none. Both
    arms always come from the same one. ``notes`` are whole sentences: what could not be read, what taints a number, and
    which switch or log line would help.
    """

    minutes: tuple[Minute, ...]
    counts: str
    rows: str
    notes: tuple[str, ...] = ()


class RunState(Enum):
    """Where a run is in its life."""

    RUNNING = "running"
    ENDED = "ended"
    STOPPED = "stopped"
    BROKEN = "broken"


@dataclass(frozen=True)
class Run:
    """A shadow test. Pair, percentage, criteria and start never change; ``ends_at`` is when the mirror is cleared.

    ``why`` says in a sentence how it came to its end, "" while it runs. ``prepares_promotion`` asks for the Traffic
    page to open with the promotion prepared, never for the promotion itself.
    """

    id: str
    endpoint_id: str
    pair: Pair
    percent: int
    criteria: Criteria
    started_at: datetime
    ends_at: datetime
    person: str
    prepares_promotion: bool = False
    state: RunState = RunState.RUNNING
    ended_at: datetime | None = None
    why: str = ""
