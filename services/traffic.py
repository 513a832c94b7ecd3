"""Change a split: plan it, check it, apply it in the background, read it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.azure.connection import Connection
from services.errors import SluiceError
from services.model import Deployment, Endpoint, Split


@dataclass(frozen=True)
class Change:
    """What a plan does to one deployment, in percent."""

    deployment: str
    live_before: int
    live_after: int
    mirror_before: int
    mirror_after: int


@dataclass(frozen=True)
class Plan:
    """A legal change of an endpoint's split. ``changes`` is empty when the plan changes nothing.

    ``notes`` are sentences about consequences that a person may not expect.
    """

    endpoint_name: str
    before: Split
    after: Split
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Application:
    """A snapshot of a plan being applied.

    ``phase`` is one of "reading", "writing", "waiting", "reading back", "done", "failed".
    """

    plan: Plan
    phase: str
    started_at: datetime
    finished_at: datetime | None
    error: SluiceError | None
    elapsed_seconds: float

    @property
    def is_running(self) -> bool:
        """Whether the plan is still being applied."""
        return self.finished_at is None


def plan(
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    live: Mapping[str, int],
    mirror_target: str | None,
    mirror_percent: int,
) -> Plan:
    """The change from the endpoint's split to the wished one. Pure.

    A deployment that receives mirrored traffic and is given live traffic loses its mirrored traffic in the same write;
    the notes say so. Raises RuleBroken when the result breaks one of Azure's rules.
    """
    raise NotImplementedError


def balance(shares: Mapping[str, int], name: str, percent: int) -> dict[str, int]:
    """``shares`` with ``name`` set to ``percent``; the others keep their ratios and everything adds up to 100.

    Pure. Raises RuleBroken for an unknown name or a percentage outside 0–100.
    """
    raise NotImplementedError


class Applier:
    """Applies plans in the background, one at a time per endpoint. Thread-safe; one per process."""

    def __init__(self, conn: Connection) -> None:
        raise NotImplementedError

    def start(self, plan: Plan) -> Application:
        """Begin to apply ``plan``, or return the running application when it is the same plan.

        Raises Conflict when another plan is being applied to the endpoint, RuleBroken when there is nothing to change.
        """
        raise NotImplementedError

    def current(self, endpoint_name: str) -> Application | None:
        """The running or last application on an endpoint, None when there was none since the start."""
        raise NotImplementedError
