"""Numbers with a few digits, as a person reads them: never in scientific notation. Pure."""

from __future__ import annotations

import math

_MOST_DECIMALS = 12
_DECIMAL_DIGITS = 15
"""So many digits of a float are certain."""


def rounded(number: float, digits: int, *, signed: bool = False) -> str:
    """``number`` to ``digits`` significant digits: ``0.0012``, ``1.5``, ``12,346``; whole numbers stay whole.

    ``signed`` puts a plus before what is above 0. What is no number is "no data", and what is endless "without end".
    """
    if math.isnan(number):
        return "no data"
    if math.isinf(number):
        return "without end"
    size = abs(number)
    # What is rounded up to the next power of ten has a digit more before its point.
    exponent = int(f"{size:.{digits - 1}e}".partition("e")[2])
    decimals = min(_MOST_DECIMALS, max(0, digits - 1 - exponent))
    shown = f"{float(f'{size:.{_DECIMAL_DIGITS}g}'):,.{decimals}f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    if not shown.strip("0."):
        return "0"
    return f"{'−' if number < 0 else '+' if signed else ''}{shown}"
