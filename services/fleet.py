"""Many workspaces at once: what has been read of their endpoints so far, while the rest is still being read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from services.azure.connection import Connection, Workspace
from services.errors import SluiceError
from services.model import Deployment, Endpoint, WorkspaceRef


@dataclass(frozen=True)
class Scope:
    """Which workspaces to look at: these, or with None every workspace of every subscription that Azure shows."""

    workspaces: tuple[WorkspaceRef, ...] | None


@dataclass(frozen=True)
class WorkspaceReading:
    """How far the reading of one workspace is, and why it could not be read.

    ``workspace.location`` is empty as long as nobody asked Azure for it.
    """

    workspace: Workspace
    problem: SluiceError | None
    is_done: bool


@dataclass(frozen=True)
class Member:
    """One endpoint of the fleet. ``deployments`` is None until they have been read, or when they could not be read.

    With a ``problem`` that may pass, ``deployments`` are those of the reading before.
    """

    endpoint: Endpoint
    deployments: tuple[Deployment, ...] | None
    problem: SluiceError | None


@dataclass(frozen=True)
class FleetView:
    """What is known of a scope now.

    ``problems`` are those of the search for workspaces; a workspace has its own in ``workspaces``. ``done`` of
    ``expected`` calls have been answered; ``expected`` grows as endpoints are found. ``is_complete`` says that nothing
    is being read any more. ``read_at`` is when the oldest of what is shown was read, in epoch seconds.
    """

    scope: Scope
    workspaces: tuple[WorkspaceReading, ...]
    members: tuple[Member, ...]
    problems: tuple[SluiceError, ...]
    is_complete: bool
    done: int
    expected: int
    read_at: float | None


class Fleet:
    """Reads fleets in the background, at most ``parallel`` calls to Azure at once over everything. Thread-safe."""

    def __init__(self, conn: Connection, *, parallel: int = 8, clock: Callable[[], float] = time.time) -> None:
        self._conn = conn
        self._parallel = parallel
        self._clock = clock

    def view(self, scope: Scope, *, max_age_seconds: float = 15.0) -> FleetView:  # noqa: ARG002
        """What is known of ``scope`` now. Never waits: what is missing or too old is read behind the scenes."""
        return FleetView(scope, (), (), (), False, 0, 1, None)

    def forget(self) -> None:
        """Read everything again when it is looked at next; what is there is shown until then."""

    def close(self) -> None:
        """Begin no more calls."""
