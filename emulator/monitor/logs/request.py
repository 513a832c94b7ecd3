"""What a query request asks for: text, time range, preferences. Pure; every mistake is a LogsError."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from emulator.monitor.logs.errors import invalid_request
from emulator.monitor.query import EARLIEST, LATEST, MetricsError, timespan

DEFAULT_WAIT_SECONDS = 180
MAX_WAIT_SECONDS = 600
"""How long a query may take: by default, and at most when asked for in the Prefer header (API documentation)."""

MAX_QUERY_CHARACTERS = 100_000
"""Azure's own limit is not public; here it bounds the time that translating takes."""

_WAIT = re.compile(r"\bwait\s*=\s*(\d{1,9})", re.IGNORECASE)
_RENDER = re.compile(r"\|\s*render\s+(\w+)(?:\s+with\s*\((.*?)\))?\s*;?\s*$", re.IGNORECASE | re.DOTALL)
_PROPERTY = re.compile(r"""(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))""")


class LogsQuery(NamedTuple):
    """A request, parsed. Times are epoch seconds; the range ends at `end` inclusive, and a bound may be missing."""

    text: str
    start: float | None
    end: float | None
    workspaces: tuple[str, ...]


class Preferences(NamedTuple):
    """What the Prefer header asks for."""

    wait_seconds: float
    statistics: bool
    render: bool


def parse_query(body: Mapping[str, object], parameters: Mapping[str, str], now: float) -> LogsQuery:
    """Read the body of a POST, or the query string of a GET as the body.

    A timespan in `parameters` narrows that of the body, as documented. Raises LogsError.
    """
    text = body.get("query")
    if not isinstance(text, str) or not text.strip():
        raise invalid_request("InvalidQuery", "The query is missing or empty.", "query")
    if len(text) > MAX_QUERY_CHARACTERS:
        raise invalid_request("InvalidQuery", f"The query is longer than {MAX_QUERY_CHARACTERS} characters.", "query")
    others = body.get("workspaces") or []
    names = others.split(",") if isinstance(others, str) else others
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid_request("InvalidWorkspaces", "workspaces must be a list of names or ids.", "workspaces")
    spans = [_range(given, now) for given in (body.get("timespan"), parameters.get("timespan")) if given]
    starts, ends = [span[0] for span in spans], [span[1] for span in spans]
    return LogsQuery(
        text=text,
        start=max(starts) if starts else None,
        end=min(ends) if ends else None,
        workspaces=tuple(name.strip() for name in names if name.strip()),
    )


def _range(given: object, now: float) -> tuple[float, float]:
    if not isinstance(given, str):
        raise invalid_request("InvalidTimespan", "timespan must be a text.", "timespan")
    wrong = invalid_request("InvalidTimespan", f"The timespan '{given[:200]}' is invalid.", "timespan")
    try:
        start, end = timespan(given, now)
    except (MetricsError, OverflowError) as error:
        raise wrong from error
    if not (EARLIEST <= start < LATEST and EARLIEST <= end < LATEST):
        raise wrong
    return start, end


def parse_preferences(header: str) -> Preferences:
    """Read a Prefer header; what it does not say is the default, and longer waits than the service's are cut."""
    wait = _WAIT.search(header)
    lower = header.lower().replace(" ", "")
    return Preferences(
        wait_seconds=float(
            min(int(wait[1]) or DEFAULT_WAIT_SECONDS, MAX_WAIT_SECONDS) if wait else DEFAULT_WAIT_SECONDS
        ),
        statistics="include-statistics=true" in lower,
        render="include-render=true" in lower,
    )


def visualization(text: str) -> dict[str, object]:
    """What `render` at the end of a query asks for, in the shape of the answer's ``render``."""
    names = ("title", "accumulate", "isQuerySorted", "kind", "annotation", "by", "legend", "series", "xAxis", "xColumn")
    nothing: dict[str, object] = dict.fromkeys(
        (*names, "xTitle", "yAxis", "yColumns", "ySplit", "yTitle", "anomalyColumns")
    )
    found = _RENDER.search(text)
    if not found:
        return {}
    given = {key.lower(): first or second or third for key, first, second, third in _PROPERTY.findall(found[2] or "")}
    return {"visualization": found[1], **{name: given.get(name.lower()) for name in nothing}}
