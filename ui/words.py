"""Numbers and moments as a person reads them. Every number carries its unit; what is not known is never shown as 0."""

from __future__ import annotations

from datetime import UTC, datetime

NO_DATA = "no data"


def milliseconds(value: float | None) -> str:
    """A duration given in milliseconds: ``0.84 ms``, ``12.4 ms``, ``840 ms``, ``1.25 s``."""
    if value is None:
        return NO_DATA
    if value >= 9_950:
        return f"{value / 1000:.1f} s"
    if value >= 999.5:
        return f"{value / 1000:.2f} s"
    return f"{_three_digits(value)} ms"


def rate(value: float | None) -> str:
    """Requests per minute: ``0.4 /min``, ``12.6 /min``, ``1,240 /min``."""
    return NO_DATA if value is None else f"{_three_digits(value)} /min"


def percent(value: float | None) -> str:
    """A share given in percent: ``0 %``, ``0.04 %``, ``2.5 %``, ``38 %``; something small is never rounded to 0."""
    if value is None:
        return NO_DATA
    if value == 0:
        return "0 %"
    if value < 0.01:
        return "< 0.01 %"
    return f"{value:.2f} %" if value < 1 else f"{value:.1f} %" if value < 10 else f"{value:.0f} %"


def elapsed(seconds: float) -> str:
    """A span of time: ``4 s``, ``1 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def moment(at: datetime | None) -> str:
    """A moment to the minute in UTC: ``2026-03-01 14:05 UTC``."""
    return "unknown" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def count(number: int, one: str, many: str | None = None) -> str:
    """A counted thing: ``1 endpoint``, ``3 endpoints``, ``2 entries``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    if value < 0.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"
