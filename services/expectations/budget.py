"""How much work judging one expectation may be. Who wrote the expectation may not be who waits for it."""

from __future__ import annotations

from contextvars import ContextVar

MOST_STEPS = 300_000
"""Of one expectation: places looked at, comparisons, characters matched. Less than a second of work."""


class TooMuch(Exception):
    """Judging would take more than MOST_STEPS."""


class Budget:
    """What is left of the steps."""

    def __init__(self, steps: int | None = None) -> None:
        self.left = MOST_STEPS if steps is None else steps

    def spend(self, steps: int = 1) -> None:
        """Take ``steps``. Raises TooMuch when they are not there any more."""
        self.left -= steps
        if self.left < 0:
            raise TooMuch


CURRENT: ContextVar[Budget] = ContextVar("budget_of_judging")
"""The budget of the expectation that is being judged in this thread, for code that libraries call back."""
