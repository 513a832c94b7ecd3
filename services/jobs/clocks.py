"""Whether this machine's clock can be trusted with leases: it may just have been set, or the machine have slept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.jobs.jobs import LEASE_SECONDS

STEP_SECONDS = 5.0
"""How far the two clocks may part between two looks until one was set."""


class Clocks:
    """Compares ``now``, which is set, with ``ticks`` (seconds), which only runs on. Not for several threads."""

    def __init__(self, now: Callable[[], datetime], ticks: Callable[[], float]) -> None:
        self._now = now
        self._ticks = ticks
        self._apart = self._difference()
        self._bad_until = float("-inf")

    def are_good(self) -> bool:
        """False for as long as a lease after a step: until then everybody who lives has renewed by the new time."""
        apart = self._difference()
        if abs(apart - self._apart) > STEP_SECONDS:
            self._bad_until = self._ticks() + LEASE_SECONDS
        self._apart = apart
        return self._ticks() >= self._bad_until

    def _difference(self) -> float:
        return self._now().timestamp() - self._ticks()
