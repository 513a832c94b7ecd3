"""What of a written setting Azure does not hold, compared by what it means and not by how it is spelled. Pure.

Azure may answer PT60M as PT1H, 70 as 70.0, a moment with another offset or with parts of a second, and names and words
in another case.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo

from services.autoscale.settings import seconds
from services.autoscale.zones import zone
from services.azure.cloud import Json

_NOTHING: tuple[Json, ...] = (None, "", [], {})
_OFF = ("", "none", "false")


def lost(written: Json, held: Json) -> tuple[str, ...]:
    """The places in ``written`` whose values ``held`` does not have. What Azure adds by itself may be there."""
    return tuple(_lost(written, held, "", UTC))


def _lost(written: Json, held: Json, where: str, clock: tzinfo) -> Iterator[str]:
    if isinstance(written, Mapping) and isinstance(held, Mapping):
        told = {str(key).lower(): value for key, value in held.items()}
        # A moment without an offset is by the clock that stands beside it; Azure takes UTC when none does.
        clock = zone(str(written.get("timeZone") or "UTC")) or UTC
        for key, value in written.items():
            yield from _lost(value, told.get(str(key).lower()), f"{where}.{key}".lstrip("."), clock)
    elif isinstance(written, list) and isinstance(held, list) and len(written) == len(held):
        for number, (one, other) in enumerate(zip(written, held, strict=True), 1):
            yield from _lost(one, other, f"{where}[{number}]", clock)
    elif not _is_same(written, held, clock):
        yield where or "the setting"


def _is_same(one: Json, other: Json, clock: tzinfo) -> bool:
    if one in _NOTHING or one is False:
        # Azure may leave out what is empty or off.
        return other in _NOTHING or _word(other) in _OFF
    if isinstance(one, bool) or isinstance(other, bool):
        return _word(one) == _word(other)
    if isinstance(one, Mapping | list) or isinstance(other, Mapping | list):
        return False
    if _word(one) == _word(other):
        return True
    readers = (_number, seconds, lambda value: _moment(value, clock))
    return any((found := read(one)) is not None and found == read(other) for read in readers)


def _word(value: Json) -> str:
    return str(value).strip().lower()


def _number(value: Json) -> float | None:
    try:
        found = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _moment(value: Json, clock: tzinfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=clock)).astimezone(UTC)
