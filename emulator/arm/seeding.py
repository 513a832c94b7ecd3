"""Endpoints and deployments that exist for the control plane alone: documents in their final state, and no processes.

They are listed, read, changed and deleted like any others, in any number: Azure's limits do not count them, and
nothing is started for them, not even when they are changed. Requests to them find no deployment.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from emulator.arm import rules
from emulator.arm.context import Context
from emulator.arm.deployment_document import cleaned as cleaned_deployment
from emulator.arm.endpoint_document import SLOTS
from emulator.arm.endpoint_document import cleaned as cleaned_endpoint
from emulator.arm.rules import RuleBroken
from emulator.documents import Document
from emulator.resources import Place, parse_path

_FIELDS = {"name", "workspace", "deployments", "traffic", "mirrorTraffic", "authMode", "tags", "description"}
_DEPLOYMENT_FIELDS = {"name", "instanceType", "capacity", "tags"}
_AUTHOR = {"createdBy": "seed", "createdByType": "Application", "lastModifiedBy": "seed"}


def seed_endpoints(context: Context, entries: Iterable[Mapping[str, Any]]) -> int:
    """Write endpoints and their deployments in state Succeeded; all of them or none. Returns how many endpoints.

    An entry has a `name` and may have `workspace` (its ARM id; the home workspace otherwise), `deployments` (names, or
    objects of name, instanceType, capacity and tags), `traffic`, `mirrorTraffic`, `authMode`, `tags` and `description`.
    Raises RuleBroken for what Azure would not take, and for a name that is there already.
    """
    now = context.moment()
    author = {**_AUTHOR, "createdAt": now, "lastModifiedByType": "Application", "lastModifiedAt": now}
    count = 0
    with context.documents.transaction():
        for entry in entries:
            _seed(context, entry, author)
            count += 1
    return count


def _seed(context: Context, entry: Mapping[str, Any], author: Mapping[str, str]) -> None:
    _check_fields(entry, _FIELDS, "An endpoint")
    name, place = str(entry.get("name", "")).lower(), _place(context, entry.get("workspace"))
    rules.check_name("endpoint", name)
    if context.documents.get("endpoint", name) is not None:
        raise RuleBroken(f"The endpoint '{name}' is there already.")
    listed = entry.get("deployments") or []
    if not isinstance(listed, list):
        raise RuleBroken("deployments must be a list of names or objects.")
    wanted = [each if isinstance(each, Mapping) else {"name": each} for each in listed]
    deployments = {str(each.get("name", "")).lower(): _deployment(each, place) for each in wanted}
    properties = {field: entry.get(field) for field in ("traffic", "mirrorTraffic", "description")}
    body = {
        "location": place.region,
        "tags": entry.get("tags") or {},
        "properties": {**properties, "authMode": entry.get("authMode", "Key")},
    }
    sent = cleaned_endpoint(body, None)
    split = sent["properties"]
    rules.check_split(split["traffic"], split["mirrorTraffic"], dict.fromkeys(deployments, True))
    kept: Document = {
        "name": name,
        "workspace": place.key,
        "sent": sent,
        "keys": {slot: secrets.token_urlsafe(32) for slot in SLOTS.values()},
        "principalId": str(uuid.uuid4()),
        "ready": True,
        **_state(author),
    }
    context.documents.put("endpoint", name, kept)
    for deployment, document in deployments.items():
        made = {"name": deployment, "sent": document, "applied": document, **_state(author)}
        context.documents.put("deployment", f"{name}/{deployment}", made)


def _state(author: Mapping[str, str]) -> Document:
    return {"state": "Succeeded", "seeded": True, "systemData": dict(author)}


def _place(context: Context, arm_id: object) -> Place:
    if arm_id is None:
        return context.home
    found = parse_path(str(arm_id))
    names = (found.subscription or "", found.resource_group or "", found.workspace or "")
    place = context.find_place(*names)
    if place is None:
        raise RuleBroken(f"There is no workspace {arm_id}.")
    return place


def _deployment(entry: Mapping[str, Any], place: Place) -> Document:
    _check_fields(entry, _DEPLOYMENT_FIELDS, "A deployment")
    rules.check_name("deployment", str(entry.get("name", "")).lower())
    sent = cleaned_deployment(
        {
            "location": place.region,
            "tags": entry.get("tags") or {},
            "sku": {"name": "Default", "capacity": entry.get("capacity", 1)},
            "properties": {
                "instanceType": entry.get("instanceType", "Standard_DS3_v2"),
                "model": f"{place.workspace_id}/models/seeded/versions/1",
                "environmentId": f"{place.workspace_id}/environments/seeded/versions/1",
            },
        },
        None,
    )
    rules.check_instances(sent["sku"]["capacity"])
    return sent


def _check_fields(entry: Mapping[str, Any], known: set[str], what: str) -> None:
    if not isinstance(entry, Mapping) or set(entry) - known:
        raise RuleBroken(f"{what} to be seeded is an object of {', '.join(sorted(known))}.")
