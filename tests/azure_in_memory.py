"""One endpoint of an Azure in memory that fails as it is told to, and a clock that moves only when somebody sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.azure.connection import Connection
from services.azure.endpoints import Sent
from services.azure.operations import Poll
from services.errors import NotFound
from services.model import Deployment, Endpoint, Split
from tests.values import deployments, endpoint

WAIT_SECONDS = 60.0
DONE = Poll("Succeeded", has_succeeded=True)
Step = Exception | Callable[[], None]


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Azure:
    """One endpoint in memory.

    ``reads``, ``puts`` and ``polls`` say what happens at the next calls: an exception is raised instead, a callable is
    called first. ``hold`` keeps a write waiting until it is set. ``lag`` reads answer from before the last write.
    """

    def __init__(self, clock: Clock, start: Split, names: tuple[str, ...] = ("blue", "green")) -> None:
        self.clock = clock
        self.names = names
        self.document = replace(endpoint(start.live, start.mirror), modified_at=clock.now())
        self.before = self.document
        self.is_deleted = False
        self.hold = threading.Event()
        self.hold.set()
        self.writing = threading.Event()
        self.written: list[Split] = []
        self.reads: list[Step | None] = []
        self.puts: list[Step | None] = []
        self.polls: list[Step | Poll | None] = []
        self.lag = 0
        self.loses: Exception | None = None
        """What the caller of an accepted write hears instead of an answer."""
        self.is_deaf = False
        """Whether writes never arrive."""
        self.tells_times = True
        self.answers_times = True
        """Whether the answer to a write tells the time of that write, and not of the one before."""

    @property
    def split(self) -> Split:
        return self.document.split

    def change(self, split: Split, state: str = "Succeeded") -> None:
        """A write by anybody."""
        self.clock.sleep(0.001)
        at = self.clock.now() if self.tells_times else None
        self.before, self.document = self.document, replace(self.document, split=split, state=state, modified_at=at)

    def state(self, state: str) -> None:
        """An operation that begins or ends without a write."""
        self.document = replace(self.document, state=state)

    def get_endpoint(self, _conn: Connection, name: str) -> Endpoint:
        _take(self.reads)
        if self.is_deleted:
            raise NotFound(f"The endpoint {name} could not be read.", "It is not there.", "Choose another one.")
        if self.lag:
            self.lag -= 1
            return self.before
        return self.document

    def list_deployments(self, _conn: Connection, _endpoint: str) -> list[Deployment]:
        return deployments(*self.names)

    def send_split(self, _conn: Connection, from_document: Endpoint, after: Split) -> Sent:
        assert from_document.name == self.document.name
        self.writing.set()
        assert self.hold.wait(WAIT_SECONDS)
        _take(self.puts)
        self.written.append(after)
        if not self.is_deaf:
            self.change(after)
        if self.loses:
            return Sent(doubt=self.loses)  # type: ignore[arg-type]  # a test hands in the errors it wants
        at = (self.document if self.answers_times else self.before).modified_at
        return Sent("https://operation", at, ("r-1",))

    def poll_split(self, _conn: Connection, _endpoint: Endpoint, _operation: str) -> Poll:
        step = self.polls.pop(0) if self.polls else None
        if isinstance(step, Poll):
            return step
        if isinstance(step, Exception):
            raise step
        if step:
            step()
        return DONE


def _take(steps: list[Step | None]) -> None:
    step = steps.pop(0) if steps else None
    if isinstance(step, Exception):
        raise step
    if step:
        step()
