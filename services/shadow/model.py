"""The values of shadow tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from services.comparison.criteria import Criteria
from services.comparison.judge import Arm, Verdict
from services.comparison.taints import Taint
from services.model import Split
from services.statuses import StatusSets


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
    which switch or log line would help. ``odd`` are those of them that tell of requests which name a deployment, of
    copies that did not arrive, or of requests that one refuses and the other takes.
    """

    minutes: tuple[Minute, ...]
    counts: str
    rows: str
    notes: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


class RunState(Enum):
    """Where a run is in its life."""

    RUNNING = "running"
    ENDED = "ended"
    STOPPED = "stopped"
    BROKEN = "broken"


@dataclass(frozen=True)
class Asked:
    """The shadow test that a person asks for. ``principal`` is whom Azure sees, ``person`` the user of this machine."""

    pair: Pair
    percent: int
    criteria: Criteria
    duration: timedelta
    person: str
    principal: str = ""
    prepares_promotion: bool = False


@dataclass(frozen=True)
class Setup:
    """A deployment as it was when the run began."""

    name: str
    model: str
    environment: str
    instance_type: str
    instance_count: int
    modified_at: datetime | None


@dataclass(frozen=True)
class Remark:
    """What happened to the ground of a run, in a sentence, and when it was seen."""

    at: datetime
    sentence: str


@dataclass(frozen=True)
class Run:
    """A shadow test. Pair, percentage, criteria, start and ``statuses`` never change; ``ends_at`` is when the mirror is
    cleared.

    ``why`` says in a sentence how it came to its end, "" while it runs. ``prepares_promotion`` asks for the Traffic
    page to open with the promotion prepared, never for the promotion itself. ``split`` and ``setup`` are the ground
    that the verdict stands on. Minutes count from the first whole one after ``set_at``, when the mirror was seen to be
    in effect: None until then. ``is_ending`` says that somebody has asked to stop it. ``change_id`` and
    ``clearing_id`` are the journal's entries that set and cleared the mirror, "" where none did. ``remarks`` are
    changes of the ground that did not end the run, ``taints`` what else makes the two differ although neither is
    better; ``trouble`` is why it could not be looked after just now. ``counts`` and ``rows`` are the sources of its
    newest minutes, ``notes`` what was said of them. ``verdict`` is set once the
    last minute is in and the verdict is frozen. ``statuses`` say which answers are errors; None in a run that was
    kept before they were.
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
    principal: str = ""
    split: Split = field(default_factory=Split)
    setup: tuple[Setup, ...] = ()
    set_at: datetime | None = None
    is_ending: bool = False
    change_id: str = ""
    clearing_id: str = ""
    remarks: tuple[Remark, ...] = ()
    taints: tuple[Taint, ...] = ()
    trouble: str = ""
    counts: str = ""
    rows: str = ""
    notes: tuple[str, ...] = ()
    verdict: Verdict | None = None
    statuses: StatusSets | None = None
