"""How much more minutes differ than chance explains. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_CALM = 2.0
"""How many minutes' worth of no more than chance is taken for granted."""


@dataclass
class Scatter:
    """The variance of a number that has the variance 1 in each minute when chance alone is at work.

    Where each deployment has good and bad minutes of its own, requests of one minute are not independent, and all
    evidence from them counts for so much less (quasi-likelihood: McCullagh and Nelder, "Generalized Linear Models",
    1989, section 4.5). Evidence divided by an estimate is no e-process any more; how often it errs is simulated.
    """

    minutes: int = 0
    _mean: float = 0.0
    _squares: float = 0.0

    def add(self, standardised: float) -> None:
        """Take in a minute. None is kept: Welford's way ("Note on a method for calculating corrected sums of squares
        and products", Technometrics 4, 1962)."""
        self.minutes += 1
        before = standardised - self._mean
        self._mean += before / self.minutes
        self._squares += before * (standardised - self._mean)

    @property
    def spread(self) -> float:
        """What evidence is divided by, 1 or more."""
        return max(1.0, (self._squares + _CALM) / (max(self.minutes - 1, 0) + _CALM))
