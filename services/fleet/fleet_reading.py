"""How workspaces and what is in them are read behind the scenes, call by call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from services.azure.connection import Connection, Workspace
from services.azure.endpoints import list_deployments, list_endpoints
from services.azure.workspaces import Subscription, list_subscriptions, list_workspaces
from services.errors import ServiceFailed, SluiceError, Throttled, Timeout, Unreachable
from services.fleet.call_queue import CallQueue
from services.model import Deployment, Endpoint

_PASSING = (Timeout, Unreachable, Throttled, ServiceFailed)
"""Problems that say nothing about what is there, so that what was read before is shown on."""
_PATIENCE = 3
"""Calls of one workspace that may time out before its other calls are not tried any more."""
_SEARCH = "the search for workspaces"


@dataclass
class Calls:
    """The calls of one reading. What belongs to an earlier ``number`` is not done, and its answer thrown away."""

    number: int = 0
    expected: int = 0
    done: int = 0
    finished_at: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether answers are missing."""
        return self.done < self.expected

    def begin(self) -> int:
        """Begin a reading with its first call. Returns the reading's number."""
        self.number, self.expected, self.done = self.number + 1, 1, 0
        return self.number

    def answer(self, at: float, more: int = 0) -> None:
        """One call has been answered, and has led to ``more`` others."""
        self.expected += more
        self.done += 1
        if not self.is_busy:
            self.finished_at = at

    def forget(self) -> None:
        """There was no reading."""
        self.number, self.expected, self.done, self.finished_at = self.number + 1, 0, 0, None


@dataclass
class State:
    """What is known of one workspace. Deployments and problems are kept by endpoint id in lower case."""

    workspace: Workspace
    calls: Calls = field(default_factory=Calls)
    endpoints: tuple[Endpoint, ...] = ()
    deployments: dict[str, tuple[Deployment, ...]] = field(default_factory=dict)
    problems: dict[str, SluiceError] = field(default_factory=dict)
    problem: SluiceError | None = None
    read_at: float | None = None
    timeouts: int = 0

    @property
    def key(self) -> str:
        """The workspace's address in lower case: Azure compares names without case."""
        return self.workspace.ref.address.lower()

    def keep(self, endpoints: list[Endpoint]) -> None:
        """Replace the endpoints, and forget those that are gone.

        What is made or deleted while pages are read can stand on two of them; it is one endpoint.
        """
        known = {endpoint.id.lower(): endpoint for endpoint in endpoints}
        self.endpoints = tuple(known.values())
        self.deployments = {key: found for key, found in self.deployments.items() if key in known}
        self.problems = {key: problem for key, problem in self.problems.items() if key in known}

    def fail(self, error: SluiceError) -> None:
        """The endpoints could not be read."""
        self.problem = error
        if not isinstance(error, _PASSING):
            self.keep([])
            self.read_at = None

    def fail_one(self, key: str, error: SluiceError) -> None:
        """The deployments of one endpoint could not be read."""
        self.problems[key] = error
        self.timeouts += isinstance(error, Timeout)
        if not isinstance(error, _PASSING):
            self.deployments.pop(key, None)


@dataclass
class Search:
    """Which workspaces there are, by the id of their subscription; problems likewise, "" for the subscriptions."""

    calls: Calls = field(default_factory=Calls)
    subscriptions: tuple[Subscription, ...] = ()
    workspaces: dict[str, tuple[Workspace, ...]] = field(default_factory=dict)
    problems: dict[str, SluiceError] = field(default_factory=dict)

    def keep(self, subscriptions: list[Subscription]) -> None:
        """Replace the subscriptions, and forget those that are gone."""
        self.subscriptions = tuple(subscriptions)
        known = {each.id for each in subscriptions}
        self.workspaces = {key: found for key, found in self.workspaces.items() if key in known}
        self.problems = {key: problem for key, problem in self.problems.items() if key in known}

    def fail(self, key: str, error: SluiceError) -> None:
        """The subscriptions (""), or the workspaces of one, could not be read."""
        self.problems[key] = error
        if not isinstance(error, _PASSING):
            self.workspaces.pop(key, None)
            if not key:
                self.keep([])
                self.problems[key] = error


class Reader:
    """Fills states and searches through a queue of calls. What it changes, it changes under ``lock``."""

    def __init__(
        self, conn: Connection, queue: CallQueue, lock: AbstractContextManager[object], clock: Callable[[], float]
    ) -> None:
        self._conn = conn
        self._queue = queue
        self._lock = lock
        self._clock = clock

    def read(self, state: State) -> None:
        """Begin to read the endpoints of a workspace and their deployments. To be called under the lock."""
        number, state.timeouts = state.calls.begin(), 0
        self._ask_workspace(state, number, partial(self._endpoints, state, number), state.fail)

    def search(self, search: Search, found: Callable[[], None]) -> None:
        """Begin to look for workspaces; ``found`` hears when some are known. To be called under the lock."""
        number = search.calls.begin()
        run = partial(self._subscriptions, search, number, found)
        self._ask(_SEARCH, "tenant", search.calls, number, run, partial(search.fail, ""))

    def _subscriptions(self, search: Search, number: int, found: Callable[[], None]) -> None:
        subscriptions = list_subscriptions(self._conn)
        with self._lock:
            if search.calls.number != number:
                return
            search.keep(subscriptions)
            for each in subscriptions:
                run = partial(self._workspaces, search, number, each.id, found)
                self._ask(_SEARCH, each.id.lower(), search.calls, number, run, partial(search.fail, each.id))
            search.calls.answer(self._clock(), more=len(subscriptions))

    def _workspaces(self, search: Search, number: int, subscription: str, found: Callable[[], None]) -> None:
        workspaces = tuple(list_workspaces(self._conn, subscription))
        with self._lock:
            if search.calls.number != number:
                return
            search.workspaces[subscription] = workspaces
            search.problems.pop(subscription, None)
            search.calls.answer(self._clock())
            found()

    def _endpoints(self, state: State, number: int) -> None:
        at = self._clock()
        endpoints = list_endpoints(self._conn.at(state.workspace.ref))
        with self._lock:
            if state.calls.number != number:
                return
            state.keep(endpoints)
            state.problem, state.read_at = None, at
            for endpoint in state.endpoints:
                run = partial(self._deployments, state, number, endpoint)
                self._ask_workspace(state, number, run, partial(state.fail_one, endpoint.id.lower()))
            state.calls.answer(self._clock(), more=len(state.endpoints))

    def _deployments(self, state: State, number: int, endpoint: Endpoint) -> None:
        if state.timeouts >= _PATIENCE:
            raise Unreachable(
                f"The deployments of {endpoint.name} could not be read.",
                f"Azure did not answer for {_PATIENCE} other endpoints of {state.workspace.name}.",
                "Read again later.",
            )
        deployments = tuple(list_deployments(self._conn.at(state.workspace.ref), endpoint.name))
        with self._lock:
            if state.calls.number == number:
                state.deployments[endpoint.id.lower()] = deployments
                state.problems.pop(endpoint.id.lower(), None)
                state.calls.answer(self._clock())

    def _ask_workspace(
        self, state: State, number: int, run: Callable[[], None], fail: Callable[[SluiceError], None]
    ) -> None:
        self._ask(state.key, state.workspace.ref.subscription_id.lower(), state.calls, number, run, fail)

    def _ask(
        self,
        group: str,
        lane: str,
        calls: Calls,
        number: int,
        run: Callable[[], None],
        fail: Callable[[SluiceError], None],
    ) -> None:
        def begin() -> None:
            if calls.number == number:
                run()

        def end(error: SluiceError) -> None:
            with self._lock:
                if calls.number == number:
                    fail(error)
                    calls.answer(self._clock())

        self._queue.add(group, lane, begin, end)
