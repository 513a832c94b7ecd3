"""Diagnostic settings of an endpoint: which of its logs are sent where, and how to have one more sent.

A write replaces a whole setting, and Azure has no ETag for it. So a setting is read right before it is written, is
written back with everything that it held, and is read again afterwards. Within this process one write waits for the
other: two people who switch on two logs at once get both.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.azure.cloud import Json
from services.azure.connection import Connection
from services.errors import NotConfigured, NotFound, RuleBroken, ServiceFailed
from services.model import Endpoint

TRAFFIC = "AmlOnlineEndpointTrafficLog"
"""The log category, and the table, with one row for each request (Azure Monitor's reference of online endpoints)."""
CONSOLE = "AmlOnlineEndpointConsoleLog"
"""The category, and the table, with one row for each line that a container writes."""
EVENTS = "AmlOnlineEndpointEventLog"
"""The category, and the table, of what happens to containers: started, killed, a probe that failed."""
MOST_SETTINGS = 5
"""Settings that one resource may have (Azure Monitor, limits)."""
OWN_NAME = "sluice"
"""The name of a setting that Sluice makes."""

_API = "2021-05-01-preview"
_WORKSPACES_API = "2023-09-01"
_ALL_LOGS = "allLogs"
_READER, _WRITER = "Monitoring Reader", "Monitoring Contributor"
_OTHER_PLACES = {
    "storageAccountId": "storage account",
    "eventHubAuthorizationRuleId": "event hub",
    "serviceBusRuleId": "service bus",
    "marketplacePartnerId": "partner",
}


@dataclass(frozen=True)
class Setting:
    """One diagnostic setting. ``workspace_id`` is the ARM id of the Log Analytics workspace it sends to, or "".

    ``other_places`` are its other destinations, in words. ``properties`` is all that Azure said about it.
    """

    name: str
    workspace_id: str
    other_places: tuple[str, ...]
    properties: dict[str, Any] = field(repr=False, hash=False)

    def sends(self, category: str) -> bool:
        """Whether the setting sends a log category, by its own name or as one of all logs."""
        # allLogs is the only group of online endpoints (diagnosticSettingsCategories).
        wanted = (category.lower(), _ALL_LOGS.lower())
        return any(
            log.get("enabled") and str(log.get("category") or log.get("categoryGroup") or "").lower() in wanted
            for log in self.properties.get("logs") or []
        )

    @property
    def has_groups(self) -> bool:
        """Whether it names groups of categories. Azure refuses a setting that names both groups and categories."""
        return any(log.get("categoryGroup") for log in self.properties.get("logs") or [])


@dataclass(frozen=True)
class LogWorkspace:
    """A Log Analytics workspace. ``customer_id`` is the GUID that queries name it by; days None: not said."""

    id: str
    name: str
    customer_id: str
    region: str
    retention_days: int | None


def settings(conn: Connection, endpoint: Endpoint) -> tuple[Setting, ...]:
    """The diagnostic settings of ``endpoint``, in Azure's order. Raises SluiceError."""
    call = conn.call(f"The diagnostic settings of {endpoint.name} could not be read.", _READER)
    return tuple(_setting(entry) for entry in conn.pages(_path(endpoint), call, api_version=_API))


def are_sent(conn: Connection, endpoint: Endpoint, category: str) -> bool:
    """Whether a diagnostic setting of ``endpoint`` sends ``category`` to Log Analytics. Raises SluiceError."""
    return any(each.workspace_id and each.sends(category) for each in settings(conn, endpoint))


def log_workspaces(conn: Connection) -> tuple[LogWorkspace, ...]:
    """The Log Analytics workspaces of the subscription that the signed-in identity may see, by name. Raises
    SluiceError."""
    call = conn.call("The Log Analytics workspaces could not be read.", "Log Analytics Reader")
    path = f"/subscriptions/{conn.workspace.subscription_id}/providers/Microsoft.OperationalInsights/workspaces"
    found = [_workspace(entry) for entry in conn.pages(path, call, api_version=_WORKSPACES_API)]
    return tuple(sorted(found, key=lambda each: each.name.lower()))


def switch_on(conn: Connection, endpoint: Endpoint, category: str, workspace_id: str) -> Setting:
    """Have ``category`` sent to the Log Analytics workspace with this ARM id; the setting as Azure holds it then.

    A setting that sends to this workspace alone gets the category beside what it sends; else one is added. One that
    sends the category there already is answered as it is. Raises RuleBroken when there is no room for another setting,
    ServiceFailed when Azure holds something else than what was written, and the other SluiceErrors.
    """
    what = f"The log {category} of {endpoint.name} could not be switched on."
    with _writing(conn, endpoint):
        return _switch_on(conn, endpoint, category, workspace_id, what)


def _switch_on(conn: Connection, endpoint: Endpoint, category: str, workspace_id: str, what: str) -> Setting:
    before = settings(conn, endpoint)
    there = [each for each in before if each.workspace_id.lower() == workspace_id.lower()]
    sending = next((each for each in there if each.sends(category)), None)
    if sending is not None:
        return sending
    # One with other destinations would send the log to those too, which nobody has asked for.
    grown = next((each for each in there if not each.has_groups and not each.other_places), None)
    if grown is not None:
        name, properties = grown.name, _with_category(grown.properties, category)
    else:
        name, properties = _new(before, category, workspace_id, what)
    call = conn.call(what, _WRITER)
    conn.send("PUT", f"{_path(endpoint)}/{name}", call, api_version=_API, body={"properties": properties})
    return _checked(conn, endpoint, name, properties, what)


def switch_off(conn: Connection, endpoint: Endpoint, category: str, name: str) -> None:
    """Have the setting ``name`` not send ``category`` any more. A setting that sends nothing else is deleted.

    One that sends all logs as a group cannot leave one out: RuleBroken. A setting that is gone is fine. Raises
    SluiceError.
    """
    what = f"The log {category} of {endpoint.name} could not be switched off."
    with _writing(conn, endpoint):
        _switch_off(conn, endpoint, category, name, what)


def _switch_off(conn: Connection, endpoint: Endpoint, category: str, name: str, what: str) -> None:
    found = next((each for each in settings(conn, endpoint) if each.name.lower() == name.lower()), None)
    if found is None or not found.sends(category):
        return
    if found.has_groups:
        raise RuleBroken(
            what,
            f"The setting {found.name} sends all logs as one group.",
            "Choose the categories of this setting one by one in the Azure portal.",
        )
    properties = copy.deepcopy(found.properties)
    for log in properties["logs"]:
        if str(log.get("category") or "").lower() == category.lower():
            log["enabled"] = False
    entries = [*properties["logs"], *(properties.get("metrics") or [])]
    call, path = conn.call(what, _WRITER), f"{_path(endpoint)}/{found.name}"
    if any(entry.get("enabled") for entry in entries):
        conn.send("PUT", path, call, api_version=_API, body={"properties": properties})
        _checked(conn, endpoint, found.name, properties, what)
        return
    try:
        conn.send("DELETE", path, call, api_version=_API)
    except NotFound:
        return


def configured_workspace(conn: Connection, found: Sequence[LogWorkspace], held: Sequence[Setting] = ()) -> LogWorkspace:
    """Where to send a log: the workspace of ``found`` that SLUICE_LOG_WORKSPACE_ID names, else the one that the
    endpoint's settings ``held`` send to already, else the only one. Raises NotConfigured."""
    wanted = (conn.settings.log_workspace_id or "").lower()
    named = [each for each in found if wanted and wanted in (each.customer_id.lower(), each.id.lower())]
    if named:
        return named[0]
    used = {each.workspace_id.lower() for each in held if each.workspace_id}
    there = [each for each in found if each.id.lower() in used]
    for some in (there, found):
        if len(some) == 1 and not wanted:
            return some[0]
    what = "Sluice does not know where to send the log."
    if wanted:
        raise NotConfigured(
            what,
            "The Log Analytics workspace that SLUICE_LOG_WORKSPACE_ID names is not among those that you may see.",
            "Check the setting, or ask for the role Log Analytics Reader on that workspace.",
        )
    raise NotConfigured(
        what,
        f"You may see {len(found)} Log Analytics workspaces in the subscription."
        if found
        else "You may see no Log Analytics workspace in the subscription.",
        "Set SLUICE_LOG_WORKSPACE_ID to the id (a GUID) of the one to use.",
    )


def _writing(conn: Connection, endpoint: Endpoint) -> threading.Lock:
    lock: threading.Lock = conn.memory.setdefault(("diagnostics", endpoint.id.lower()), threading.Lock())
    return lock


def _path(endpoint: Endpoint) -> str:
    return f"{endpoint.id}/providers/Microsoft.Insights/diagnosticSettings"


def _setting(entry: Json) -> Setting:
    properties = dict(entry.get("properties") or {})
    return Setting(
        name=str(entry.get("name") or ""),
        workspace_id=str(properties.get("workspaceId") or ""),
        other_places=tuple(words for place, words in _OTHER_PLACES.items() if properties.get(place)),
        properties=properties,
    )


def _workspace(entry: Json) -> LogWorkspace:
    properties = entry.get("properties") or {}
    days = properties.get("retentionInDays")
    return LogWorkspace(
        id=str(entry.get("id") or ""),
        name=str(entry.get("name") or ""),
        customer_id=str(properties.get("customerId") or ""),
        region=str(entry.get("location") or ""),
        retention_days=days if isinstance(days, int) and days > 0 else None,
    )


def _with_category(properties: dict[str, Any], category: str) -> dict[str, Any]:
    """The same setting, with ``category`` on. What else is in the category's entry stays too."""
    changed = copy.deepcopy(properties)
    logs = changed["logs"] = list(changed.get("logs") or [])
    for log in logs:
        if str(log.get("category") or "").lower() == category.lower():
            log["enabled"] = True
            return changed
    logs.append({"category": category, "enabled": True})
    return changed


def _new(before: Sequence[Setting], category: str, workspace_id: str, what: str) -> tuple[str, dict[str, Any]]:
    if len(before) >= MOST_SETTINGS:
        raise RuleBroken(
            what,
            f"The endpoint has {len(before)} diagnostic settings, and Azure allows {MOST_SETTINGS}.",
            "Delete one in the Azure portal, or add the category to one of them there.",
        )
    taken = {each.name.lower() for each in before}
    names = (OWN_NAME, *(f"{OWN_NAME}-{number}" for number in range(2, MOST_SETTINGS + 2)))
    name = next(each for each in names if each not in taken)
    return name, {"workspaceId": workspace_id, "logs": [{"category": category, "enabled": True}]}


def _checked(conn: Connection, endpoint: Endpoint, name: str, written: dict[str, Any], what: str) -> Setting:
    """The setting as Azure holds it. What was written has to be in it; what Azure adds by itself may be."""
    found = next((each for each in settings(conn, endpoint) if each.name.lower() == name.lower()), None)
    lost = ["the setting"] if found is None else _lost(written, found.properties)
    if found is None or lost:
        raise ServiceFailed(
            what,
            f"Azure took the setting {name}, and does not hold {', '.join(lost)} as it was written.",
            "Look at the diagnostic settings of the endpoint in the Azure portal: somebody may change them just now.",
        )
    return found


def _lost(written: dict[str, Any], held: dict[str, Any]) -> list[str]:
    return [key for key, value in written.items() if not _holds(held.get(key), value)]


def _holds(held: Json, written: Json) -> bool:
    if isinstance(written, dict):
        return isinstance(held, dict) and all(_holds(held.get(key), value) for key, value in written.items())
    if isinstance(written, list):
        return isinstance(held, list) and all(any(_holds(one, each) for one in held) for each in written)
    if isinstance(written, str) and isinstance(held, str):
        # Azure spells ids and names of categories in its own case.
        return held.lower() == written.lower()
    return bool(held == written) or (written in (None, False) and held in (None, False))
