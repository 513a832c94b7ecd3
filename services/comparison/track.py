"""One criterion over a run: the strongest evidence so far, its interval, and how much more it may need. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from services.comparison.errors import Evidence

_GROWTH = 1.05
"""An interval is worked out again when there are 5 % more requests: in between it hardly moves."""
_MOST_TIMES = 1000.0
"""Further ahead than a thousand times what was seen, nothing is foretold."""


@dataclass
class Track:
    """``needed_worse`` and ``needed_fine`` are the log e-values that refute "not worse" and "worse by more".

    ``lower`` and ``upper`` are the intersection of all intervals so far.
    """

    name: str
    unit: str
    needed_worse: float
    needed_fine: float
    lower: float = -math.inf
    upper: float = math.inf
    _worse: float = 0.0
    _fine: float = 0.0
    _seen: float = 0.0

    def look(self, evidence: Evidence) -> None:
        """Keep what is stronger than before."""
        self._worse, self._fine = max(self._worse, evidence.worse), max(self._fine, evidence.fine)

    def narrow(self, lower: float, upper: float) -> None:
        """Keep what this interval leaves."""
        self.lower, self.upper = max(self.lower, lower), min(self.upper, upper)

    def is_due(self, requests: float, *, at_once: bool) -> bool:
        """Whether the interval is to be worked out for so many requests. Said once for each growth."""
        is_due = at_once or requests > _GROWTH * self._seen
        self._seen = requests if is_due else self._seen
        return is_due

    @property
    def is_worse(self) -> bool:
        """Whether "not worse by more than the margin" is refuted."""
        return self._worse >= self.needed_worse

    @property
    def is_fine(self) -> bool:
        """Whether "worse by more than the margin" is refuted."""
        return self._fine >= self.needed_fine

    @property
    def has_changed(self) -> bool:
        """Whether no single difference explains the whole run."""
        return self.lower > self.upper or (self.is_worse and self.is_fine)

    @property
    def needed(self) -> Evidence:
        """What would change the verdict: no more is asked of a side that is refuted for good."""
        return Evidence(
            math.inf if self.is_worse else self.needed_worse, math.inf if self.is_fine else self.needed_fine
        )

    def more(self, evidence: Callable[[float], Evidence], n: float) -> int | None:
        """Requests until a verdict if what comes is like what came: ``evidence`` is that of so many times as much as
        the ``n`` so far. None when that is too far ahead."""

        def is_told(factor: float) -> bool:
            told = evidence(factor)
            return told.worse >= self.needed_worse or told.fine >= self.needed_fine

        low, high = 1.0, 2.0
        while not is_told(high):
            low, high = high, 2 * high
            if high > _MOST_TIMES:
                return None
        while high / low > 1.02:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if is_told(middle) else (middle, high)
        return max(1, math.ceil((high - 1) * n))
