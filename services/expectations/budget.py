"""How much work judging one expectation may be. Who wrote the expectation may not be who waits for it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

MOST_STEPS = 300_000
"""Of one expectation: places looked at, comparisons, characters matched. A few seconds of work at most."""
_PARTS, _CHARACTERS = 5, 1000
"""Of a value, that are read or written down in the time of one step."""


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

    def weigh(self, value: Any) -> None:  # noqa: ANN401 - parsed JSON
        """Take what reading the whole of ``value`` costs: a step at least. Raises TooMuch."""
        self.spend()
        waiting, seen = [value], 0
        while waiting:
            each = waiting.pop()
            if isinstance(each, dict):
                waiting.extend(each)
                waiting.extend(each.values())
            elif isinstance(each, list):
                waiting.extend(each)
            elif isinstance(each, str):
                self.spend(len(each) // _CHARACTERS)
            seen += 1
            if seen % _PARTS == 0:
                self.spend()


CURRENT: ContextVar[Budget] = ContextVar("budget_of_judging")
"""The budget of the expectation that is being judged in this thread, for code that libraries call back."""
