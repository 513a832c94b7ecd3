"""When each request of a load test is meant to start, and how much a test may ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.errors import RuleBroken

MOST_RATE, MOST_SECONDS = 500.0, 600.0
"""What a test may ask for: requests per second, and seconds. More needs ``goes_beyond``."""
HIGHEST_RATE, HIGHEST_SECONDS = 5000.0, 3600.0
"""What no test may exceed."""
MOST_REQUESTS = 2_000_000
"""In one test, whatever was asked for: the time of each is kept until the end, 24 bytes of memory apiece."""
MOST_IN_FLIGHT = 1024
"""Requests without an answer at one time. Each has a connection of its own, and a process may often hold 1024 files."""
FEWEST_SECONDS = 1.0
_NOT_STARTED = "The load test was not started."


@dataclass(frozen=True)
class Plan:
    """Requests at a rate that grows or falls evenly from ``start_rate`` to ``end_rate``, per second, for ``seconds``.

    The test is open loop: a request is due at its time whether earlier ones have been answered or not.
    """

    start_rate: float
    end_rate: float
    seconds: float

    @property
    def is_ramp(self) -> bool:
        """Whether the rate changes."""
        return self.start_rate != self.end_rate

    @property
    def total(self) -> int:
        """How many requests become due. The rounding keeps 50 per second for 3 s at 150."""
        return math.ceil(round((self.start_rate + self.end_rate) / 2 * self.seconds, 6))

    def due(self, index: int) -> float:
        """Seconds from the start to the moment at which request ``index``, counted from 0, is due.

        After t seconds at a rate that grows from a by s per second, a·t + s·t²/2 requests are due; this is its inverse
        for ``index``, in the form that loses no digits when s is small.
        """
        slope = (self.end_rate - self.start_rate) / self.seconds
        root = math.sqrt(max(0.0, self.start_rate**2 + 2 * slope * index))
        return 2 * index / (self.start_rate + root) if index else 0.0

    def words(self) -> str:
        """The rate and the time, as a person says it."""
        rate = f"{self.start_rate:g} to {self.end_rate:g}" if self.is_ramp else f"{self.start_rate:g}"
        return f"{rate} requests per second for {self.seconds:g} s"

    def check(self, *, goes_beyond: bool = False) -> None:
        """Raise RuleBroken when the plan asks for too much, or makes no sense.

        ``goes_beyond`` says that somebody has asked for more than the usual limits on purpose.
        """
        rate, seconds = (HIGHEST_RATE, HIGHEST_SECONDS) if goes_beyond else (MOST_RATE, MOST_SECONDS)
        step = "Ask for less." if goes_beyond else "Ask for less, or use --beyond-limits on the command line."
        for value in (self.start_rate, self.end_rate):
            if not 0 < value <= rate:
                why = f"A rate of {value:g} requests per second is not between 0 and {rate:g}."
                raise RuleBroken(_NOT_STARTED, why, step)
        if not FEWEST_SECONDS <= self.seconds <= seconds:
            why = f"A duration of {self.seconds:g} s is not between {FEWEST_SECONDS:g} and {seconds:g} s."
            raise RuleBroken(_NOT_STARTED, why, step)
        if self.total > MOST_REQUESTS:
            why = f"It would send {self.total:,} requests; the most is {MOST_REQUESTS:,}."
            raise RuleBroken(_NOT_STARTED, why, "Ask for less.")
