"""What an estimate at an end of what is told apart is called. Pure."""

from __future__ import annotations

from services.comparison.ranks import RATIOS


def told_end(estimate: float | None) -> str:
    """What an estimate of :mod:`services.comparison.ranks` at an end of its ratios stands for, "" for one between.

    The true one may be any number beyond. No other estimate is exactly such an end.
    """
    if estimate == RATIOS[-1]:
        return "4 times or more"
    return "a quarter or less" if estimate == RATIOS[0] else ""
