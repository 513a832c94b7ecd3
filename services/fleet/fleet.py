"""Many workspaces at once: what has been read of their endpoints so far, while the rest is still being read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.azure.connection import Connection, Workspace
from services.errors import SluiceError
from services.fleet.call_queue import CallQueue
from services.fleet.fleet_reading import Reader, Search, State
from services.model import Deployment, Endpoint, WorkspaceRef

SEARCH_SECONDS = 300.0
"""How old the list of workspaces may be: they come and go far less often than their endpoints change."""
_MOST_ROUNDS = 100


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


@dataclass
class _Round:
    """One reading of a scope: what was finished before ``due_before`` is read again."""

    due_before: float
    finished_at: float | None = None


class Fleet:
    """Reads fleets in the background, at most ``parallel`` calls to Azure at once over everything. Thread-safe.

    One call lists the endpoints of a workspace, one more per endpoint its deployments. Scopes share what was read.
    """

    def __init__(self, conn: Connection, *, parallel: int = 8, clock: Callable[[], float] = time.time) -> None:
        self._conn = conn
        self._clock = clock
        self._lock = threading.RLock()
        self._queue = CallQueue(parallel)
        self._reader = Reader(conn, self._queue, self._lock, clock)
        self._states: dict[str, State] = {}
        self._search = Search()
        self._rounds: dict[Scope, _Round] = {}
        self._is_closed = False

    def view(self, scope: Scope, *, max_age_seconds: float = 15.0) -> FleetView:
        """What is known of ``scope`` now. Never waits: what is missing or too old is read behind the scenes.

        What was read is read again when it is looked at more than ``max_age_seconds`` after the whole scope was
        complete. What was there before stays until the new answer comes.
        """
        with self._lock:
            now = self._clock()
            current = self._rounds.get(scope)
            if current is None or (current.finished_at is not None and current.finished_at < now - max_age_seconds):
                current = self._begin_round(scope, now, max_age_seconds)
            if current.finished_at is None:
                self._read_due(scope)
            states = self._states_of(scope)
            calls = [state.calls for state in states] + ([self._search.calls] if scope.workspaces is None else [])
            if current.finished_at is None and not any(each.is_busy for each in calls):
                current.finished_at = max((each.finished_at or now for each in calls), default=now)
            return FleetView(
                scope=scope,
                workspaces=tuple(_reading(state) for state in states),
                members=tuple(member for state in states for member in _members(state)),
                problems=tuple(self._search.problems.values()) if scope.workspaces is None else (),
                is_complete=current.finished_at is not None,
                done=sum(each.done for each in calls),
                expected=sum(each.expected for each in calls),
                read_at=min((state.read_at for state in states if state.read_at is not None), default=None),
            )

    def forget(self) -> None:
        """Read everything again when it is looked at next; what is there is shown until then."""
        with self._lock:
            self._queue.clear()
            self._rounds.clear()
            for calls in (self._search.calls, *(state.calls for state in self._states.values())):
                calls.forget()

    def close(self) -> None:
        """Begin no more calls. Those under way end in threads that nobody has to wait for."""
        with self._lock:
            self._is_closed = True
            self.forget()

    def _begin_round(self, scope: Scope, now: float, max_age_seconds: float) -> _Round:
        self._rounds.pop(scope, None)
        if len(self._rounds) >= _MOST_ROUNDS:
            del self._rounds[next(iter(self._rounds))]
        self._rounds[scope] = begun = _Round(now - max_age_seconds)
        calls = self._search.calls
        is_due = calls.finished_at is None or calls.finished_at < now - SEARCH_SECONDS
        if scope.workspaces is None and is_due and not calls.is_busy and not self._is_closed:
            self._reader.search(self._search, lambda: self._read_due(scope))
        return begun

    def _read_due(self, scope: Scope) -> None:
        """Begin to read the workspaces of ``scope`` that this round has not read and nobody reads."""
        current = self._rounds.get(scope)
        if current is None or self._is_closed:
            return
        for state in self._states_of(scope):
            finished_at = state.calls.finished_at
            if not state.calls.is_busy and (finished_at is None or finished_at < current.due_before):
                self._reader.read(state)

    def _states_of(self, scope: Scope) -> list[State]:
        if scope.workspaces is not None:
            wanted = {ref.address.lower(): ref for ref in scope.workspaces}
            return [self._state(Workspace(ref, "")) for ref in wanted.values()]
        search = self._search
        found = [each for sub in search.subscriptions for each in search.workspaces.get(sub.id, ())]
        if search.problems:
            # The list of subscriptions may be closed to somebody who works in this workspace every day.
            found.append(Workspace(self._conn.workspace, ""))
        return list({each.ref.address.lower(): self._state(each) for each in found}.values())

    def _state(self, workspace: Workspace) -> State:
        state = self._states.setdefault(workspace.ref.address.lower(), State(workspace))
        if workspace.location:
            state.workspace = workspace
        return state


def _reading(state: State) -> WorkspaceReading:
    is_done = state.calls.finished_at is not None and not state.calls.is_busy
    return WorkspaceReading(state.workspace, state.problem, is_done)


def _members(state: State) -> Iterator[Member]:
    for endpoint in state.endpoints:
        key = endpoint.id.lower()
        yield Member(endpoint, state.deployments.get(key), state.problems.get(key))
