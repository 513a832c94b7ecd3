"""How far one change is, seen from other threads: what is being done, for how long at most, and whether to go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from services.errors import SluiceError
from services.journal.entry import Entry
from services.model import Split
from services.traffic.application import DONE, READING, Application

_SLICE_SECONDS = 1.0
"""How long a sleep may be before it is looked whether to go on."""


class Cancelled(Exception):
    """The person has stopped the change before anything was written."""


class Stopped(Exception):
    """Sluice ends. What was written goes on in Azure; the next start looks at it."""


class Progress:
    """One change on its way. Thread-safe."""

    def __init__(self, entry: Entry, now: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
        self.entry = entry
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._phase, self._note = READING, ""
        self._limit: float | None = None
        self._is_committed = entry.sent_at is not None
        self._is_cancelled = self._is_stopped = False
        self._finished_at: datetime | None = None
        self._outcome = ""
        self._error: SluiceError | None = None
        self._held: Split | None = None

    def show(self, phase: str, note: str = "", limit_seconds: float | None = None) -> None:
        """Say what is being done now, and for how long at most."""
        with self._lock:
            self._phase, self._note, self._limit = phase, note, limit_seconds

    def pause(self, seconds: float) -> None:
        """Sleep. Raises Cancelled or Stopped as soon as there is no need to go on."""
        self.check()
        left = seconds
        while left > 0:
            self._sleep(min(left, _SLICE_SECONDS))
            left -= _SLICE_SECONDS
            self.check()

    def check(self) -> None:
        """Raise Cancelled or Stopped when there is no need to go on."""
        with self._lock:
            if self._is_cancelled:
                raise Cancelled
            if self._is_stopped:
                raise Stopped

    def commit(self) -> None:
        """From here on the change cannot be cancelled. Raises Cancelled or Stopped when it just was."""
        self.check()
        with self._lock:
            if self._is_cancelled:
                raise Cancelled
            self._is_committed = True

    def take_back(self) -> None:
        """Nothing was written after all: it can be cancelled again."""
        with self._lock:
            self._is_committed = False

    def cancel(self) -> bool:
        """Ask to stop. False when the write has begun or everything is over."""
        with self._lock:
            if self._is_committed or self._finished_at is not None:
                return False
            self._is_cancelled = True
            return True

    def stop(self) -> None:
        """Ask to stop because Sluice ends."""
        with self._lock:
            self._is_stopped = True

    @property
    def is_committed(self) -> bool:
        """Whether a write may have left for Azure."""
        with self._lock:
            return self._is_committed

    def finish(self, outcome: str, error: SluiceError | None, held: Split | None) -> None:
        """Everything is over."""
        with self._lock:
            self._phase, self._note, self._limit = DONE, "", None
            self._outcome, self._error, self._held = outcome, error, held
            self._finished_at = self._now()

    def snapshot(self) -> Application:
        """How far it is."""
        with self._lock:
            entry, until = self.entry, self._finished_at or self._now()
            return Application(
                change_id=entry.id,
                endpoint_id=entry.endpoint_id,
                endpoint_name=entry.endpoint_name,
                before=entry.before or Split(),
                after=entry.after,
                phase=self._phase,
                note=self._note,
                started_at=entry.began_at,
                finished_at=self._finished_at,
                outcome=self._outcome,
                error=self._error,
                held=self._held,
                elapsed_seconds=max(0.0, (until - entry.began_at).total_seconds()),
                can_cancel=not (self._is_committed or self._is_cancelled or self._finished_at),
                limit_seconds=self._limit,
            )
