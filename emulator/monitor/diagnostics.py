"""Diagnostic settings of online endpoints: what may be written, and when which category was on.

Sources: the REST reference of diagnostic settings (2021-05-01-preview), the supported-logs page of online endpoints
for the categories, azure-monitor-limits for the number of settings, and for the sentences of refusals public reports of
what the service answered. Settings are kept under `{endpoint id}/{name}`, the times that a category was on under the
endpoint's id. The times outlive setting and endpoint: rows that have reached Log Analytics stay there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emulator.documents import Document, Documents

LOG_CATEGORIES = ("AmlOnlineEndpointTrafficLog", "AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog")
METRIC_CATEGORIES = ("AllMetrics",)
GROUPS = {"allLogs": LOG_CATEGORIES}
MAX_SETTINGS = 5
"""Settings of one resource."""

_SETTING = "diagnostic"
_TIMES = "diagnosticTimes"
_SINKS = ("storageAccountId", "serviceBusRuleId", "eventHubAuthorizationRuleId", "marketplacePartnerId")

Interval = tuple[float, float | None]
"""Epoch seconds from and to; no end while the category is still on."""


class Refused(Exception):
    """A setting that Azure refuses. The service answers `code` and `message` without the usual envelope."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class SinkNotEmulated(Exception):
    """A destination other than Log Analytics; `str()` is the name of its field."""


def read_setting(body: Mapping[str, Any], workspace_id: str) -> Document:
    """The properties of a setting as they are kept, from the body of a PUT.

    `workspace_id` is the ARM id of the only Log Analytics workspace there is. Raises :class:`Refused` for what Azure
    refuses and :class:`SinkNotEmulated` for a destination that does not exist here.
    """
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise _bad("The request has no properties.")
    for sink in _SINKS:
        if properties.get(sink):
            raise SinkNotEmulated(sink)
    given = properties.get("workspaceId")
    if not given:
        raise _bad("At least one data sink needs to be specified.")
    if not str(given).lower().startswith("/subscriptions/"):
        raise Refused(
            400,
            "LinkedInvalidPropertyId",
            f"Property id '{given}' at path 'properties.workspaceId' is invalid. Expect fully qualified resource Id"
            " that start with '/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'.",
        )
    if str(given).lower().rstrip("/") != workspace_id.lower():
        raise Refused(404, "ResourceNotFound", f"The Log Analytics workspace '{given}' was not found.")
    destination = properties.get("logAnalyticsDestinationType")
    if destination not in (None, "Dedicated", "AzureDiagnostics"):
        raise _bad(f"Log Analytics destination type '{destination}' is not supported.")
    logs = [_log(entry) for entry in _entries(properties, "logs")]
    metrics = [_metric(entry) for entry in _entries(properties, "metrics")]
    if len({str(entry["category"] or entry["categoryGroup"]).lower() for entry in [*logs, *metrics]}) < len(
        [*logs, *metrics]
    ):
        raise _bad("A category is named more than once.")
    return {
        **dict.fromkeys((*_SINKS, "eventHubName")),
        "workspaceId": given,
        "logs": logs,
        "metrics": metrics,
        "logAnalyticsDestinationType": destination,
    }


def check_conflicts(name: str, properties: Document, others: Mapping[str, Document]) -> None:
    """Raise :class:`Refused` when a setting of this name cannot stand beside `others` (by name) on one resource."""
    if len(others) >= MAX_SETTINGS:
        raise Refused(
            409,
            "Conflict",
            f"The limit of {MAX_SETTINGS} diagnostic settings was reached. To create new setting '{name}', delete an"
            " existing one.",
        )
    wanted = switched_on(properties)
    for other, found in others.items():
        for category in wanted:
            if category in switched_on(found):
                raise Refused(
                    409,
                    "Conflict",
                    f"Data sink '{properties['workspaceId']}' is already used in diagnostic setting '{other}' for"
                    f" category '{category}'. Data sinks can't be reused in different settings on the same category for"
                    " the same resource.",
                )


def switched_on(properties: Mapping[str, Any]) -> list[str]:
    """The categories that a setting switches on, groups taken apart."""
    wanted = {
        str(entry.get("category") or entry.get("categoryGroup")).lower()
        for entry in [*properties["logs"], *properties["metrics"]]
        if entry["enabled"]
    }
    for group, members in GROUPS.items():
        if group.lower() in wanted:
            wanted |= {member.lower() for member in members}
    return [category for category in (*LOG_CATEGORIES, *METRIC_CATEGORIES) if category.lower() in wanted]


def settings_of(documents: Documents, endpoint_id: str) -> dict[str, Document]:
    """The properties of every setting of an endpoint, by name in the spelling of the last write."""
    return {found["name"]: found["properties"] for _, found in documents.all(_SETTING, f"{endpoint_id}/")}


def write_setting(documents: Documents, endpoint_id: str, name: str, properties: Document, now: float) -> None:
    """Keep a setting in place of the one of this name, and from when on its categories are on. `now` is epoch seconds.

    Raises :class:`Refused` as :func:`check_conflicts` does.
    """
    found = settings_of(documents, endpoint_id)
    check_conflicts(name, properties, {other: kept for other, kept in found.items() if other.lower() != name.lower()})
    with documents.transaction():
        documents.put(_SETTING, f"{endpoint_id}/{name}", {"name": name, "properties": properties})
        _note(documents, endpoint_id, now)


def delete_setting(documents: Documents, endpoint_id: str, name: str, now: float) -> bool:
    """Remove a setting. Returns whether there was one."""
    if documents.get(_SETTING, f"{endpoint_id}/{name}") is None:
        return False
    with documents.transaction():
        documents.delete(_SETTING, f"{endpoint_id}/{name}")
        _note(documents, endpoint_id, now)
    return True


def forget_endpoint(documents: Documents, endpoint_id: str, now: float) -> None:
    """Remove the settings of an endpoint that is no more. What was logged while they were on stays."""
    for name in settings_of(documents, endpoint_id):
        delete_setting(documents, endpoint_id, name, now)


def enabled_since(documents: Documents, endpoint_id: str, delay_seconds: float = 0.0) -> Mapping[str, list[Interval]]:
    """When each category of an endpoint was on, oldest first; a category that never was is left out.

    With `delay_seconds` every interval begins that much later: on Azure rows begin to flow some time after a setting is
    made. `endpoint_id` is the ARM id, compared without case.
    """
    found = documents.get(_TIMES, endpoint_id) or {}
    shifted = {
        category: [(start + delay_seconds, end) for start, end in times if end is None or start + delay_seconds < end]
        for category, times in found.items()
    }
    return {category: times for category, times in shifted.items() if times}


def ever_logged(documents: Documents) -> list[str]:
    """The ids, in lower case, of all endpoints that :func:`enabled_since` knows times of."""
    return [endpoint_id for endpoint_id, _ in documents.all(_TIMES)]


def _note(documents: Documents, endpoint_id: str, now: float) -> None:
    """Write down which categories are on from now."""
    wanted = {category for each in settings_of(documents, endpoint_id).values() for category in switched_on(each)}
    before: dict[str, list[list[float | None]]] = documents.get(_TIMES, endpoint_id) or {}
    times = {category: before.get(category, []) for category in (*LOG_CATEGORIES, *METRIC_CATEGORIES)}
    for category, known in times.items():
        is_on = bool(known) and known[-1][1] is None
        if category in wanted and not is_on:
            known.append([now, None])
        elif category not in wanted and is_on:
            known[-1][1] = now
    documents.put(_TIMES, endpoint_id, {category: known for category, known in times.items() if known})


def _entries(properties: Mapping[str, Any], field: str) -> Sequence[Mapping[str, Any]]:
    entries = properties.get(field) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _bad(f"The property '{field}' must be a list of objects.")
    for entry in entries:
        if not isinstance(entry.get("enabled"), bool):
            raise _bad(f"Every entry of '{field}' must say whether it is enabled.")
        retention = entry.get("retentionPolicy") or {}
        if not isinstance(retention, dict) or retention.get("enabled"):
            raise _bad("Diagnostic settings does not support retention for new diagnostic settings.")
    return entries


def _log(entry: Mapping[str, Any]) -> Document:
    category, group = entry.get("category"), entry.get("categoryGroup")
    if bool(category) == bool(group):
        raise _bad("Each entry of 'logs' names either a category or a categoryGroup.")
    if category and str(category).lower() not in _lower(LOG_CATEGORIES):
        raise _bad(f"Category '{category}' is not supported, supported categories are: '{', '.join(LOG_CATEGORIES)}'.")
    if group and str(group).lower() not in _lower(GROUPS):
        raise _bad(f"Category group '{group}' is not supported, supported groups are: '{', '.join(GROUPS)}'.")
    return {"category": category, "categoryGroup": group, **_rest(entry)}


def _metric(entry: Mapping[str, Any]) -> Document:
    category = entry.get("category")
    if str(category).lower() not in _lower(METRIC_CATEGORIES):
        raise _bad(f"Metric category '{category}' is not supported, supported categories are: 'AllMetrics'.")
    return {"timeGrain": entry.get("timeGrain"), "category": category, **_rest(entry)}


def _rest(entry: Mapping[str, Any]) -> Document:
    return {
        "enabled": entry["enabled"],
        "retentionPolicy": entry.get("retentionPolicy") or {"enabled": False, "days": 0},
    }


def _lower(names: Sequence[str] | Mapping[str, Any]) -> set[str]:
    return {name.lower() for name in names}


def _bad(message: str) -> Refused:
    return Refused(400, "BadRequest", message)
