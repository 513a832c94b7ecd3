"""What a metrics request asks for: time range, grain, aggregations, filter. Pure; every mistake is a MetricsError."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from emulator.monitor.catalogue import GRAINS

DEFAULT_TOP = 10
"""Series returned when a filter is given and ``top`` is not: the rest is cut off silently, as on Azure."""
_DEFAULT_SPAN_SECONDS = 3600
EARLIEST, LATEST = 0.0, 32_503_680_000.0
"""1970 to 3000: times that every platform can write as a date."""
_AGGREGATIONS = ("average", "minimum", "maximum", "total", "count")

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_CLAUSE = re.compile(r"\s*([\w%()./-]+)\s+(eq|ne|sw)\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
_JOIN = re.compile(r"(and|or)\b", re.IGNORECASE)


class MetricsError(Exception):
    """A request that Azure Monitor refuses; the text is what it says."""

    def __init__(self, message: str, code: str = "BadRequest", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Clause:
    """One condition of a filter; the dimension is in lower case."""

    dimension: str
    operator: str
    value: str

    @property
    def splits(self) -> bool:
        """Whether it only asks to split by the dimension."""
        return self.operator == "eq" and self.value == "*"


@dataclass(frozen=True)
class MetricsQuery:
    """A request, parsed. Times are epoch seconds at whole minutes; ``end`` is exclusive."""

    names: tuple[str, ...]
    namespace: str
    start: int
    end: int
    grain: str
    grain_seconds: int
    aggregations: tuple[str, ...]
    clauses: tuple[Clause, ...]
    roll_up: frozenset[str]
    top: int
    order: str
    ascending: bool
    metadata_only: bool
    validate_dimensions: bool


def parse_query(values: Mapping[str, str], now: float) -> MetricsQuery:
    """Read the query string of either API; parameter names are matched without regard to case.

    The ARM API sends ``timespan`` and ``$filter``, the batch API ``starttime``, ``endtime`` and ``filter``.
    """
    given = {name.lower(): value for name, value in values.items()}
    start, end = _range(given, now)
    grain, grain_seconds = _grain(given, end - start)
    return MetricsQuery(
        names=tuple(name.strip() for name in given.get("metricnames", "").split(",") if name.strip()),
        namespace=given.get("metricnamespace", ""),
        start=start,
        end=end,
        grain=grain,
        grain_seconds=grain_seconds,
        aggregations=_aggregations(given.get("aggregation", "")),
        clauses=parse_filter(given.get("$filter") or given.get("filter") or ""),
        roll_up=frozenset(name.strip().lower() for name in given.get("rollupby", "").split(",") if name.strip()),
        top=_top(given.get("top")),
        order=_order(given.get("orderby", "")),
        ascending=given.get("orderby", "").lower().strip().endswith(" asc"),
        metadata_only=given.get("resulttype", "").lower() == "metadata",
        validate_dimensions=given.get("validatedimensions", "").lower() != "false",
    )


def parse_filter(text: str) -> tuple[Clause, ...]:
    """Clauses joined by ``and`` and ``or``; ``or`` is allowed only between clauses on one dimension."""
    clauses: list[Clause] = []
    joined_by_or = False
    position = 0
    while position < len(text):
        found = _CLAUSE.match(text, position)
        if not found:
            raise MetricsError(f"Invalid filter near: {text[position:]}")
        clause = Clause(found[1].lower(), found[2].lower(), found[3].replace("''", "'"))
        if joined_by_or and clauses[-1].dimension != clause.dimension:
            raise MetricsError("The logical 'or' operator cannot separate two different metadata names.")
        clauses.append(clause)
        position = found.end()
        join = _JOIN.match(text, position)
        if not join and position < len(text):
            raise MetricsError(f"Invalid filter near: {text[position:]}")
        if join:
            joined_by_or = join[1].lower() == "or"
            position = join.end()
            if position >= len(text):
                raise MetricsError(f"Invalid filter: it ends with '{join[1]}'.")
    return tuple(clauses)


def instant(text: str) -> float:
    """Epoch seconds of an ISO 8601 time; one without an offset is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "+").replace("Z", "+00:00"))
    except ValueError:
        raise MetricsError(f"Detect invalid time: {text}, it must be an ISO 8601 date and time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def zulu(seconds: float) -> str:
    """Epoch seconds as Azure Monitor writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> float | None:
    found = _DURATION.fullmatch(text.strip().upper())
    if not found or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def _range(given: Mapping[str, str], now: float) -> tuple[int, int]:
    if "timespan" in given:
        start, end = timespan(given["timespan"], now)
    else:
        end = instant(given["endtime"]) if given.get("endtime") else now
        start = instant(given["starttime"]) if given.get("starttime") else end - _DEFAULT_SPAN_SECONDS
    if not (EARLIEST <= start < LATEST and EARLIEST <= end < LATEST):
        raise MetricsError("Detect invalid time range: it is out of what a date can say.")
    if end < start:
        raise MetricsError(f"Detect invalid time range: start {zulu(start)} is after end {zulu(end)}.")
    first, last = int(start // 60) * 60, int(end // 60) * 60
    return first, max(last, first + 60)


def timespan(text: str, now: float) -> tuple[float, float]:
    """Start and end of ``start/end``, ``start/duration``, ``duration/end``, or of a duration that ends now.

    Epoch seconds. Raises MetricsError.
    """
    first, slash, second = text.partition("/")
    if not slash:
        length = _seconds(first)
        if length is None:
            raise MetricsError(f"Detect invalid timespan: {text}.")
        return now - length, now
    before, after = _seconds(first), _seconds(second)
    if before is not None:
        return instant(second) - before, instant(second)
    start = instant(first)
    return start, (start + after if after is not None else instant(second))


def _grain(given: Mapping[str, str], span: int) -> tuple[str, int]:
    asked = given.get("interval") or "PT1M"
    if asked.upper() == "FULL":
        return "FULL", span
    seconds = _seconds(asked)
    for name, length in GRAINS.items():
        if length == seconds:
            return name, length
    if seconds is not None and given.get("autoadjusttimegrain", "").lower() == "true":
        return next(((name, length) for name, length in GRAINS.items() if length >= seconds), ("P1D", 86400))
    raise MetricsError(f"Detect invalid time grain input: {asked}, supported ones are: {','.join(GRAINS)}")


def _aggregations(text: str) -> tuple[str, ...]:
    names = [name.strip().lower() for name in text.split(",") if name.strip() and name.strip().lower() != "none"]
    for name in names:
        if name not in _AGGREGATIONS:
            raise MetricsError(f"Detect invalid aggregation: {name}, supported ones are: {','.join(_AGGREGATIONS)}")
    return tuple(names) or ("average",)


def _order(text: str) -> str:
    """The aggregation that decides which series come first: of what is not known, and of nothing, it is the sum."""
    first = text.lower().partition(",")[0].split()[:1]
    return first[0] if first and first[0] in _AGGREGATIONS else "total"


def _top(text: str | None) -> int:
    if not text:
        return DEFAULT_TOP
    if not re.fullmatch("0*[1-9][0-9]{0,8}", text):
        raise MetricsError(f"Detect invalid value: {text} for query parameter: 'top', it must be a positive number.")
    return int(text)
