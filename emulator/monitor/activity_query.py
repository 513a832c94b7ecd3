"""What may be asked of the activity log: `$filter` and `$select`. Pure.

The reference names the time range and one of four fields, and says that no other syntax is allowed. The service takes
four more that the Azure CLI sends (`az monitor activity-log list`): eventChannels, caller, status, levels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MAX_AGE_SECONDS = 90 * 86_400
_CLAUSE = re.compile(r"\s*(\w+)\s+(eq|ge|le)\s+(?:'([^']*)'|(\S+))\s*", re.IGNORECASE)
_AND = re.compile(r"and\s", re.IGNORECASE)
_SUBJECTS = {
    "resourcegroupname": "resource_group",
    "resourceuri": "resource",
    "resourceid": "resource",
    "resourceprovider": "provider",
    "correlationid": "correlation",
}
_LISTS = {"caller": "caller", "status": "status", "levels": "level", "operations": "operation"}
_SELECTABLE = {
    name.lower(): name
    for name in (
        "authorization",
        "claims",
        "correlationId",
        "description",
        "eventDataId",
        "eventName",
        "eventTimestamp",
        "httpRequest",
        "level",
        "operationId",
        "operationName",
        "properties",
        "resourceGroupName",
        "resourceProviderName",
        "resourceId",
        "status",
        "submissionTimestamp",
        "subStatus",
        "subscriptionId",
    )
}


class WrongQuery(Exception):
    """A filter that the activity log refuses; `str()` says why."""


@dataclass(frozen=True)
class ActivityQuery:
    """A query, parsed. Times are epoch seconds, both ends included; `equals` maps columns to what they may hold."""

    start: float
    end: float
    equals: Mapping[str, Sequence[str]]
    select: tuple[str, ...] = ()

    def selected(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An event with only what was selected; all of it when nothing was."""
        return {name: event[name] for name in self.select} if self.select else dict(event)


def parse_activity_query(text: str, select: str, now: float) -> ActivityQuery:
    """Read `$filter` and `$select`. Raises :class:`WrongQuery`. `now` is epoch seconds.

    The time range needs a beginning, not older than 90 days. What `$select` names beyond the documented list, the
    caller too, is left out of the answer.
    """
    if not text.strip():
        raise WrongQuery(
            "The $filter parameter is required and needs at least the start time: eventTimestamp ge '...'."
        )
    start: float | None = None
    end = now + 86_400
    subjects: dict[str, list[str]] = {}
    lists: dict[str, list[str]] = {}
    for name, operator, value in _clauses(text):
        field = name.lower()
        if field == "eventtimestamp" and operator in ("ge", "le"):
            if operator == "ge":
                start = _moment(value)
            else:
                end = _moment(value)
        elif operator == "eq" and field in _SUBJECTS:
            subjects[_SUBJECTS[field]] = [value.rstrip("/")]
        elif operator == "eq" and field in _LISTS:
            lists[_LISTS[field]] = [each.strip() for each in value.split(",")]
        elif not (operator == "eq" and field == "eventchannels"):
            raise WrongQuery(f"$filter={name} {operator} is not supported.")
    if len(subjects) > 1:
        raise WrongQuery(
            "$filter takes only one of resourceGroupName, resourceUri, resourceProvider and correlationId beside the"
            " time range."
        )
    if start is None:
        raise WrongQuery("$filter needs the start time: eventTimestamp ge '...'.")
    if start < now - MAX_AGE_SECONDS - 60:
        raise WrongQuery("The start time cannot be more than 90 days in the past.")
    if end < start:
        raise WrongQuery("The end time cannot be before the start time.")
    names = [_SELECTABLE.get(each.strip().lower(), "") for each in select.split(",")]
    return ActivityQuery(start, end, {**subjects, **lists}, tuple(name for name in names if name))


def _clauses(text: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    position = 0
    while True:
        clause = _CLAUSE.match(text, position)
        if clause is None:
            raise WrongQuery(f"$filter cannot be read at '{text[position : position + 40]}'.")
        found.append((clause[1], clause[2].lower(), clause[3] if clause[3] is not None else clause[4]))
        position = clause.end()
        if position == len(text):
            break
        joint = _AND.match(text, position)
        if joint is None:
            raise WrongQuery(
                f"$filter cannot be read at '{text[position : position + 40]}': clauses are joined by and."
            )
        position = joint.end()
    names = [(name.lower(), operator) for name, operator, _ in found]
    if len(set(names)) < len(names):
        raise WrongQuery("$filter names a field more than once.")
    return found


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongQuery(f"'{text}' is not a date and time.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
