"""Azure's clock, as far as Azure's answers tell it: a machine whose own clock is wrong must not ask for wrong minutes.

Every answer of HTTP says when it was made, in whole seconds (``Date``, RFC 9110, 6.6.1). Together with the moments of
sending and receiving it gives bounds for the difference of the clocks, which many answers narrow.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests

RESOLUTION_SECONDS = 2.0
"""How much later than its ``Date`` an answer may have been made: the header has whole seconds, and servers write it
anew about once a second."""
DRIFT = 1e-4
"""How fast two clocks may part, seconds in a second: five times what quartz does without correction."""


@dataclass(frozen=True)
class Bounds:
    """Azure's clock is ``least`` to ``most`` seconds ahead of this machine's; ``at`` is when that was measured."""

    least: float
    most: float
    at: float

    def now(self, at: float) -> Bounds:
        """The bounds at a later moment: as far apart as the clocks may have parted."""
        parted = DRIFT * max(0.0, at - self.at)
        return Bounds(self.least - parted, self.most + parted, at)

    def with_(self, other: Bounds) -> Bounds | None:
        """What both say, None when they contradict each other."""
        least, most = max(self.least, other.least), min(self.most, other.most)
        return Bounds(least, most, other.at) if least <= most else None

    def nearest(self, known: float) -> float:
        """The difference to count with: the one counted with so far if it may be right, else none, else the middle."""
        likely = (known, 0.0, (self.least + self.most) / 2)
        return next(each for each in likely if self.least <= each <= self.most)


def bounds_of(said: datetime, sent: float, received: float) -> Bounds:
    """The bounds that one answer gives: dated ``said``, between two moments of this machine in epoch seconds. Pure."""
    dated = said.timestamp()
    return Bounds(dated - received, dated + RESOLUTION_SECONDS - sent, received)


class AzureClock:
    """Azure's time. Thread-safe; one per connection.

    One answer alone cannot turn the clock: it may come from something else than Azure. A second one that agrees with it
    can, as it is when the clock of this machine has been set. ``clock`` is epoch seconds of this machine.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: Bounds | None = None
        self._doubt: Bounds | None = None
        self._ahead = 0.0

    def hear(self, said: datetime, sent: float, received: float) -> None:
        """Learn from an answer dated ``said`` to a request between ``sent`` and ``received`` (epoch seconds, here)."""
        new = bounds_of(said, sent, received)
        with self._lock:
            held = self._held.now(new.at) if self._held else new
            agreed = held.with_(new)
            if agreed is None and self._doubt is not None:
                agreed = self._doubt.now(new.at).with_(new)
            if agreed is None:
                self._doubt = new
                return
            self._held, self._doubt = agreed, None
            self._ahead = agreed.nearest(self._ahead)

    @property
    def ahead_seconds(self) -> float:
        """How far Azure's clock is ahead of this machine's, negative when behind; 0 while no difference is certain.

        It stays as it is while it may be right, so that times that were counted with it stay where they are.
        """
        return self._ahead

    def now(self) -> datetime:
        """The present by Azure's clock, UTC."""
        return self.of(datetime.fromtimestamp(self._clock(), UTC))

    def of(self, at: datetime) -> datetime:
        """A recent moment of this machine's clock, by Azure's."""
        return at + timedelta(seconds=self.ahead_seconds)

    def listen(self, answer: requests.Response, *_: object, **__: object) -> None:
        """A response hook of requests: learn from every answer that was made for us and says when."""
        written = answer.headers.get("Date")
        if not written or "Age" in answer.headers:
            return
        try:
            said = parsedate_to_datetime(written)
        except ValueError:
            return
        received = self._clock()
        self.hear(said.replace(tzinfo=said.tzinfo or UTC), received - answer.elapsed.total_seconds(), received)
