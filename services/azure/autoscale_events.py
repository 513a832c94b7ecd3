"""What autoscale did to the deployments of an endpoint, from Azure Monitor's activity log.

The engine writes events of the autoscale setting, of the category Autoscale: one when it begins to scale
(``Microsoft.Insights/AutoscaleSettings/Scaleup/Action`` or ``Scaledown/Action``), one when that has ended
(``ScaleupResult/Action``), with the scaled resource in ``ResourceName`` (activity log event schema, Autoscale). The
log is filtered by one field beside the time, so the events of all settings of the subscription are read and narrowed
here. They come 3 to 20 minutes late and are kept for 90 days, as all events of that log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from services.azure.activity import KEPT
from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.documents import moment

MOST_EVENTS = 2_000
"""Events of Azure Monitor's own resources that are looked at, the newest first: ten pages of the log."""

_API_VERSION = "2015-04-01"
_PROVIDER = "microsoft.insights"
_BEFORE_THE_EDGE = timedelta(minutes=1)
_OPERATION = re.compile(r"microsoft\.insights/autoscalesettings/scale(up|down)(result)?/action", re.IGNORECASE)
_SIGNS = {
    "GreaterThan": ">",
    "GreaterThanOrEqual": "≥",
    "LessThan": "<",
    "LessThanOrEqual": "≤",
    "Equals": "=",
    "NotEquals": "≠",
}
_DIRECTIONS = {"up": "Increase", "down": "Decrease"}


@dataclass(frozen=True)
class Scaling:
    """One time that autoscale changed, or tried to change, the number of instances of ``deployment``.

    ``at`` is when it began, by Azure's clock. ``old`` and ``new`` are instance counts, None when the log does not say.
    ``reason`` is what asked for it, as far as the log lets it be told: the profile in force, and the limit that the
    count was outside of, or the condition when only one rule of that profile goes this way. ``is_failed``: the count
    was not changed. ``ended_at`` is when it had ended, None while the log has not told.
    """

    at: datetime
    deployment: str
    old: int | None
    new: int | None
    reason: str
    correlation_id: str
    is_failed: bool = False
    ended_at: datetime | None = None


def scalings(conn: Connection, endpoint_id: str, since: datetime, until: datetime) -> tuple[Scaling, ...]:
    """What autoscale did to the endpoint's deployments in [since, until], as far as Azure shows it, the oldest first.

    Both moments are by Azure's clock. Raises AccessDenied without the right to read the log of the subscription
    (Monitoring Reader has it), Throttled, and the other SluiceErrors.
    """
    since = max(since, conn.now() - KEPT + _BEFORE_THE_EDGE)
    if since >= until:
        return ()
    return found_in(islice(_events(conn, endpoint_id, since, until), MOST_EVENTS), endpoint_id)


def _events(conn: Connection, endpoint_id: str, since: datetime, until: datetime) -> Iterator[Json]:
    path = f"/subscriptions/{endpoint_id.split('/')[2]}/providers/Microsoft.Insights/eventtypes/management/values"
    call = conn.call("What autoscale did could not be read from the activity log.", "Monitoring Reader")
    times = f"eventTimestamp ge '{_text(since)}' and eventTimestamp le '{_text(until)}'"
    params = {"$filter": f"{times} and resourceProvider eq '{_PROVIDER}'"}
    return conn.pages(path, call, api_version=_API_VERSION, params=params)


def found_in(events: Iterable[Json], endpoint_id: str) -> tuple[Scaling, ...]:
    """The scalings of an endpoint's deployments among ``events`` of any kind, the oldest first. Pure."""
    begun: dict[str, Scaling] = {}
    failed: set[str] = set()
    ended: dict[str, datetime] = {}
    for event in events:
        operation = _OPERATION.fullmatch(_value(event, "operationName"))
        scaling = _scaling(event, endpoint_id, operation[1].lower()) if operation else None
        if scaling is None or operation is None:
            continue
        if scaling.is_failed:
            failed.add(scaling.correlation_id)
        if operation[2]:
            ended[scaling.correlation_id] = scaling.at
        if not operation[2] or scaling.correlation_id not in begun:
            begun[scaling.correlation_id] = scaling
    marked = (
        replace(each, is_failed=each.correlation_id in failed, ended_at=ended.get(each.correlation_id))
        for each in begun.values()
    )
    return tuple(sorted(marked, key=lambda each: (each.at, each.deployment)))


def _scaling(event: Json, endpoint_id: str, direction: str) -> Scaling | None:
    at = moment(event.get("eventTimestamp"))
    told = {str(name).lower(): value for name, value in (event.get("properties") or {}).items()}
    resource = str(told.get("resourcename") or "").rstrip("/")
    parent, _, name = resource.rpartition("/deployments/")
    if at is None or not name or parent.lower() != endpoint_id.lower().rstrip("/"):
        return None
    old, new = _count(told.get("oldinstancescount")), _count(told.get("newinstancescount"))
    return Scaling(
        at=at,
        deployment=name,
        old=old,
        new=new,
        reason=_reason(told.get("activeautoscaleprofile"), _DIRECTIONS[direction], old, new),
        correlation_id=str(event.get("correlationId") or event.get("eventDataId") or ""),
        is_failed=_value(event, "status").lower() == "failed",
    )


def _value(event: Json, name: str) -> str:
    return str((event.get(name) or {}).get("value") or "")


def _count(text: object) -> int | None:
    try:
        return int(str(text))
    except ValueError:
        return None


def _reason(text: object, direction: str, old: int | None, new: int | None) -> str:
    """The profile, and the limit or the condition that asked for it, as far as only one can have."""
    try:
        profile = _lowered(json.loads(text) if isinstance(text, str) else text)
    except ValueError:
        return ""
    if not isinstance(profile, Mapping):
        return ""
    name = f"profile {profile['name']}" if profile.get("name") else ""
    rules = [each for each in profile.get("rules") or () if _direction(each) == direction.lower()]
    # Limits and the number without metrics count before any rule does.
    limit, is_by_limits = _limit(profile.get("capacity"), old, new)
    if not is_by_limits and len(rules) == 1:
        limit = _condition(rules[0].get("metrictrigger"))
    return ", ".join(filter(None, (name, limit)))


def _limit(capacity: Json, old: int | None, new: int | None) -> tuple[str, bool]:
    """The limit that ``old`` was outside of, and whether something else than a rule has, or may have, asked for it."""
    told = capacity if isinstance(capacity, Mapping) else {}
    least, most, default = (_count(told.get(each)) for each in ("minimum", "maximum", "default"))
    if old is None or new is None:
        return "", False
    if least is not None and old < least:
        return f"minimum {least}", True
    if most is not None and old > most:
        return f"maximum {most}", True
    return "", default is not None and old < default == new


def _lowered(value: Json) -> Json:
    """With names in lower case: the log spells ``Name`` and ``MetricTrigger`` where the setting has ``name`` and so on
    (autoscale-diagnostics, "Autoscale action")."""
    if isinstance(value, Mapping):
        return {str(key).lower(): _lowered(each) for key, each in value.items()}
    return [_lowered(each) for each in value] if isinstance(value, list) else value


def _direction(rule: Json) -> str:
    action = rule.get("scaleaction") if isinstance(rule, Mapping) else None
    return str((action or {}).get("direction") or "").lower()


def _condition(trigger: Json) -> str:
    if not isinstance(trigger, Mapping):
        return ""
    # The log calls it Name, the setting metricName.
    name = trigger.get("metricname") or trigger.get("name")
    if not name:
        return ""
    sign = _SIGNS.get(str(trigger.get("operator")), str(trigger.get("operator") or ""))
    threshold = trigger.get("threshold")
    value = f"{threshold:g}" if isinstance(threshold, int | float) else str(threshold)
    return f"{name} {sign} {value}"


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
