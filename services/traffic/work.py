"""What applying a change works with: Azure, the journal, the clock, and how long each wait may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.azure.connection import Connection
from services.azure.endpoints import Sent
from services.azure.operations import Poll
from services.errors import SluiceError, Throttled
from services.journal.entry import Entry, Known
from services.journal.journal import Journal
from services.model import Deployment, Endpoint, Split
from services.traffic.progress import Progress


@dataclass(frozen=True)
class Limits:
    """How long each wait may be, in seconds. Azure publishes none of these."""

    others: float = 900.0
    """An operation of somebody else. A deployment takes some minutes to be made, rarely more than fifteen."""
    operation: float = 900.0
    """Our own operation. A split is in effect within a minute or two; a quarter of an hour means that it is stuck."""
    lag: float = 60.0
    """Reads may answer from before a write; seconds are usual."""
    throttled: float = 120.0
    """Altogether, because Azure asks to send less."""
    trouble: float = 30.0
    """Altogether, because Azure gives no answer before anything is written."""
    silence: float = 120.0
    """Without any answer after the write."""
    gone: float = 10.0
    """That Azure says that there is no such endpoint, until it is believed after the write."""
    stood_still: float = 5.0
    """Between the read and the write; after more, this process stood still and reads again."""


POLL_SECONDS = 2.0
LONGEST_POLL_SECONDS = 30.0
THROTTLED_SECONDS = 10.0
"""How long to wait after a 429 that does not say."""
READ_SECONDS = 1.0
"""Between two reads that wait for Azure's own copies to agree."""


class Azure(Protocol):
    """What applying a change needs of Azure; ``services.azure.endpoints`` is it."""

    def get_endpoint(self, conn: Connection, name: str, /) -> Endpoint:
        """One endpoint as Azure holds it now."""

    def list_deployments(self, conn: Connection, endpoint: str, /) -> list[Deployment]:
        """The deployments of an endpoint."""

    def send_split(self, conn: Connection, endpoint: Endpoint, after: Split, /) -> Sent:
        """Send one PUT of the endpoint's document with another split."""

    def poll_split(self, conn: Connection, endpoint: Endpoint, operation: str, /) -> Poll:
        """How far Azure is with an accepted PUT."""


@dataclass(frozen=True)
class Seen:
    """An endpoint as Azure answered it, and when it was asked."""

    endpoint: Endpoint
    read_at: datetime

    @property
    def known(self) -> Known:
        """The same as the journal keeps it."""
        return Known(self.endpoint.split, self.endpoint.modified_at, self.read_at)


@dataclass(frozen=True)
class Ending:
    """How a change ended: one of the journal's outcomes, and why it is not APPLIED."""

    outcome: str
    error: SluiceError | None = None
    held: Known | None = None


@dataclass
class Work:
    """One change on its way. ``seen_at`` is Azure's time of the endpoint's last write when the person saw it."""

    conn: Connection
    entry: Entry
    seen_at: datetime | None
    azure: Azure
    journal: Journal
    progress: Progress
    now: Callable[[], datetime]
    limits: Limits
    request_ids: list[str] = field(default_factory=list)
    last: Seen | None = None

    def read(self) -> Seen:
        """Read the endpoint. Raises SluiceError."""
        read_at = self.now()
        self.last = Seen(self.azure.get_endpoint(self.conn, self.entry.endpoint_name), read_at)
        return self.last

    def note(self, *request_ids: str | None) -> None:
        """Keep request ids for the journal."""
        self.request_ids += [each for each in request_ids if each and each not in self.request_ids]


class Patience:
    """Bounds of waits. Each kind of reason has one of its own."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._began: dict[str, datetime] = {}
        self._spent: dict[str, float] = {}

    def left(self, reason: str, limit_seconds: float) -> float:
        """How many seconds may still be waited for this reason; the first question begins the wait."""
        began = self._began.setdefault(reason, self._now())
        return limit_seconds - (self._now() - began).total_seconds()

    def spend(self, reason: str, seconds: float, limit_seconds: float) -> bool:
        """Whether so many seconds more may be waited for this reason, all its waits taken together."""
        spent = self._spent.get(reason, 0.0) + seconds
        if spent > limit_seconds:
            return False
        self._spent[reason] = spent
        return True

    def forget(self, reason: str) -> None:
        """The reason is gone; a later wait for it is another one."""
        self._began.pop(reason, None)


def asked_to_wait(error: SluiceError) -> float | None:
    """How long a 429 asks to wait, a default when it does not say; None for any other error."""
    if not isinstance(error, Throttled):
        return None
    return THROTTLED_SECONDS if error.retry_after_seconds is None else max(error.retry_after_seconds, READ_SECONDS)


def is_before(endpoint: Endpoint, moment: datetime | None) -> bool:
    """Whether an answer is from before a write of which Azure's time is known."""
    return moment is not None and endpoint.modified_at is not None and endpoint.modified_at < moment
