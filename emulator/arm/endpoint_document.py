"""The document of an online endpoint: what a client sends, what is kept, what a client reads."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from emulator.arm import rules
from emulator.arm.context import Context
from emulator.arm.rules import RuleBroken
from emulator.documents import Document
from emulator.http import not_emulated
from emulator.resources import MACHINE_LEARNING, Place

TYPE = f"{MACHINE_LEARNING}/workspaces/onlineEndpoints"
SLOTS = {"primary": "primaryKey", "secondary": "secondaryKey"}
_READ_ONLY = ("id", "name", "type", "systemData")
_READ_ONLY_PROPERTIES = ("provisioningState", "scoringUri", "swaggerUri", "keys")
_KEY = re.compile(r"[!-~](?:[ -~]{0,1022}[!-~])?")
_SERVICE_PROPERTIES = ("azureml.onlineendpointid", "AzureAsyncOperationUri")


def cleaned(body: Document, before: Document | None) -> Document:
    """What is kept of the body of a PUT: all but what the service alone decides.

    `before` is what was kept until now: the dictionary `properties.properties` only grows (API description: "Properties
    can be added, but not removed or altered"). Raises RuleBroken for what does not fit, and ServiceError 501 for
    Kubernetes.
    """
    rules.check_objects(body, "properties", "tags", "identity", "sku")
    rules.check_plain(body, "location", "kind")
    properties = body.get("properties") or {}
    rules.check_objects(properties, "properties", "keys")
    rules.check_plain(properties, "description")
    rules.check_tags(body.get("tags") or {})
    rules.check_texts(properties.get("properties") or {}, "The property")
    if properties.get("compute"):
        raise not_emulated("Kubernetes online endpoints")
    kept = {name: value for name, value in properties.items() if name not in _READ_ONLY_PROPERTIES}
    if "publicNetworkAccess" in kept:
        kept["publicNetworkAccess"] = rules.switch(kept["publicNetworkAccess"], "publicNetworkAccess")
    kept["authMode"] = rules.auth_mode(properties.get("authMode"))
    for field in ("traffic", "mirrorTraffic"):
        kept[field] = rules.shares(properties.get(field), field)
    own = {k: v for k, v in (properties.get("properties") or {}).items() if k not in _SERVICE_PROPERTIES}
    kept["properties"] = {**own, **(before["properties"].get("properties") or {} if before else {})}
    return {
        **{name: value for name, value in body.items() if name not in _READ_ONLY},
        "identity": identity_of(body.get("identity")),
        "properties": kept,
    }


def identity_of(sent: Mapping[str, Any] | None) -> Document:
    """What is kept of an identity. Raises RuleBroken."""
    identity = dict(sent or {"type": "SystemAssigned"})
    rules.check_identity(identity)
    return {name: value for name, value in identity.items() if name not in ("principalId", "tenantId")}


def initial_keys(body: Document) -> Mapping[str, str]:
    """The keys that the creator of an endpoint wants it to have from the start. Raises RuleBroken."""
    given = {name: value for name, value in ((body.get("properties") or {}).get("keys") or {}).items() if value}
    for name, value in given.items():
        if name not in SLOTS.values() or not isinstance(value, str) or not _KEY.fullmatch(value):
            raise RuleBroken("keys takes primaryKey and secondaryKey: texts of printable ASCII.")
    return given


def is_ready(document: Document) -> bool:
    """Whether the endpoint has been created successfully, whatever became of later changes."""
    return bool(document.get("ready", document["state"] != "Creating"))


def render_endpoint(context: Context, document: Document, place: Place | None = None) -> Document:
    """The document as a client reads it: what was sent, unknown fields included, and what the service adds.

    `place` saves finding the workspace again.
    """
    name, sent = document["name"], document["sent"]
    place = place or context.place_of(name)
    arm_id = place.endpoint_id(name)
    properties = sent["properties"]
    own = {**(properties.get("properties") or {}), "azureml.onlineendpointid": arm_id.lower()}
    if document.get("operation"):
        own["AzureAsyncOperationUri"] = context.addresses.control + document["operation"]
    ready = is_ready(document)
    return {
        **sent,
        "id": arm_id,
        "name": name,
        "type": TYPE,
        "location": sent.get("location") or place.region,
        "kind": sent.get("kind") or "Managed",
        "tags": sent.get("tags") or {},
        "identity": _identity(sent.get("identity"), document["principalId"], context.secrets.tenant_id),
        "systemData": document["systemData"],
        "properties": {
            "description": None,
            **properties,
            "publicNetworkAccess": properties.get("publicNetworkAccess") or "Enabled",
            "properties": own,
            "compute": None,
            "keys": None,
            "scoringUri": context.addresses.scoring(name) if ready else None,
            "swaggerUri": context.addresses.swagger(name) if ready else None,
            "provisioningState": document["state"],
        },
    }


def _identity(sent: Mapping[str, Any] | None, principal: str, tenant: str) -> Document:
    identity = dict(sent or {"type": "SystemAssigned"})
    given = identity.get("userAssignedIdentities")
    if given:
        identity["userAssignedIdentities"] = {
            arm_id: {
                "principalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"principal {arm_id.lower()}")),
                "clientId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"client {arm_id.lower()}")),
            }
            for arm_id in given
        }
    if "systemassigned" in str(identity.get("type")).lower():
        return {**identity, "principalId": principal, "tenantId": tenant}
    return identity


def created_part(before: Document | None) -> dict[str, str] | None:
    """Who made a document and when."""
    return {key: before["systemData"][key] for key in ("createdBy", "createdByType", "createdAt")} if before else None


def is_in(document: Document, place: Place, context: Context) -> bool:
    """Whether an endpoint's document belongs to a workspace."""
    return bool(document.get("workspace", context.home.key) == place.key)
