"""What applying a document changes on a resource that is there already, field by field, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.deploying.model import Document, FieldPath, Kind, Place
from services.deploying.wanted import (
    AUTH_MODES,
    GIVEN,
    UPLOADED,
    deployment_now,
    deployment_wanted,
    endpoint_now,
    endpoint_wanted,
)
from services.errors import NotFound
from services.model import Deployment, Endpoint
from services.resources.specification import Line, compare_documents

_ENDPOINT_LABELS = {
    "properties.authMode": "Authentication",
    "properties.publicNetworkAccess": "Public network access",
    "identity.type": "Identity",
    "identity.users": "User-assigned identities",
}
_FIELDS: Mapping[str, FieldPath] = {
    "properties.description": ("description",),
    "properties.model": ("model",),
    "properties.codeConfiguration.codeId": ("code_configuration", "code"),
    "properties.codeConfiguration.scoringScript": ("code_configuration", "scoring_script"),
    "properties.environmentId": ("environment",),
    "properties.instanceType": ("instance_type",),
    "sku.capacity": ("instance_count",),
    "properties.requestSettings.maxConcurrentRequestsPerInstance": (
        "request_settings",
        "max_concurrent_requests_per_instance",
    ),
    "properties.requestSettings.requestTimeout": ("request_settings", "request_timeout_ms"),
    "properties.requestSettings.maxQueueWait": ("request_settings", "max_queue_wait_ms"),
    **{
        f"properties.{probe}.{name}": (word, snake)
        for probe, word in (("livenessProbe", "liveness_probe"), ("readinessProbe", "readiness_probe"))
        for name, snake in (
            ("initialDelay", "initial_delay"),
            ("period", "period"),
            ("timeout", "timeout"),
            ("successThreshold", "success_threshold"),
            ("failureThreshold", "failure_threshold"),
        )
    },
    "properties.scaleSettings": ("scale_settings",),
    "properties.modelMountPath": ("model_mount_path",),
    "properties.appInsightsEnabled": ("app_insights_enabled",),
    "properties.egressPublicNetworkAccess": ("egress_public_network_access",),
    "properties.dataCollector": ("data_collector",),
    "properties.authMode": ("auth_mode",),
    "properties.publicNetworkAccess": ("public_network_access",),
    "properties.traffic": ("traffic",),
    "properties.mirrorTraffic": ("mirror_traffic",),
    "identity": ("identity",),
}
"""Where Azure's field, or the object around it, is in the file."""
_AUTH_MODE = "properties.authMode"
_YAML_MODES = {azures: ours for ours, azures in AUTH_MODES.items()}
_BY_CONTENT = re.compile(r"(?:[^:/]+:)?([0-9a-f]{32,64})(?::[^:/]+)?", re.IGNORECASE)
"""An asset that azure-ai-ml has named by its content."""
_PREFIXES = {"Variable ": "environment_variables", "Tag ": "tags", "Property ": "properties"}
_HARMLESS = ("sku.", "Tag ", "Property ", "properties.description")
"""What of a deployment changes without replacing its instances. The rest is a new version of it: Azure replaces a fifth
of the instances at a time (how-to-deploy-online-endpoints)."""


class ChangeKind(StrEnum):
    """What becomes of a field.

    ADDED: it had no value. CHANGED: the file says another one. DROPPED: the file does not say it, so what Azure has is
    lost, or falls back to Azure's default. UPLOADED: the file names files, which may hold what Azure has or may not.
    """

    ADDED = "added"
    CHANGED = "changed"
    DROPPED = "dropped"
    UPLOADED = "uploaded"


@dataclass(frozen=True)
class Change:
    """One field. ``label`` is what people call it, ``path`` where it is in Azure's document. ``before`` and ``after``
    are for people, "" where there is no value; values that may be secrets are "hidden". ``place`` is the field in the
    file, or what is around it. ``restarts``: running instances are replaced for it."""

    label: str
    path: str
    kind: ChangeKind
    before: str
    after: str
    place: Place = field(default_factory=Place)
    restarts: bool = False


@dataclass(frozen=True)
class Changes:
    """What one document changes. ``exists`` is False when it makes a new resource: then there are no changes.

    ``state`` is the provisioning state of what exists, "" when nothing does.
    """

    document: Document
    exists: bool
    changes: tuple[Change, ...] = ()
    state: str = ""

    @property
    def restarts(self) -> bool:
        """Whether one of the changes replaces running instances."""
        return any(each.restarts for each in self.changes)

    @property
    def dropped(self) -> tuple[Change, ...]:
        """What is lost because the file does not say it."""
        return tuple(each for each in self.changes if each.kind is ChangeKind.DROPPED)


def changes(conn: Connection, document: Document) -> Changes:
    """What applying ``document`` changes on what Azure holds now. Raises SluiceError when that cannot be read."""
    found = existing(conn, document)
    return Changes(document, exists=False) if found is None else changes_on(document, found)


def changes_on(document: Document, found: Endpoint | Deployment) -> Changes:
    """What applying ``document`` changes on ``found``. Pure."""
    if isinstance(found, Endpoint):
        now = endpoint_now(found.raw)
        lines = compare_documents(now, endpoint_wanted(document, now))
    else:
        now = deployment_now(found.raw)
        lines = compare_documents(now, deployment_wanted(document, now))
    different = (line for line in lines if line.is_different)
    # Where Azure's document has nothing and the file says nothing, Azure's default is in force before and after.
    changed = tuple(_change(document, line) for line in different if line.values[0] or _is_said(document, line.path))
    return Changes(document, exists=True, changes=changed, state=found.state)


def existing(conn: Connection, document: Document) -> Endpoint | Deployment | None:
    """The resource that the document describes, None when there is none yet. Raises SluiceError."""
    try:
        if document.kind is Kind.ENDPOINT:
            return get_endpoint(conn, document.name)
        listed = {each.name.lower(): each for each in list_deployments(conn, document.endpoint)}
    except NotFound:
        return None
    return listed.get(document.name.lower())


def _change(document: Document, line: Line) -> Change:
    before, after = line.values[0], short(line.values[1])
    if line.path == _AUTH_MODE:
        # As the file writes it, and as it is asked for.
        before, after = _YAML_MODES.get(before, before), _YAML_MODES.get(after, after)
    if line.full[1].startswith(UPLOADED) or line.full[1] == GIVEN:
        kind, after = ChangeKind.UPLOADED, line.full[1]
    elif not _is_said(document, line.path):
        kind = ChangeKind.DROPPED
    else:
        kind = ChangeKind.CHANGED if before else ChangeKind.ADDED
    restarts = document.kind is Kind.DEPLOYMENT and not line.path.startswith(_HARMLESS)
    return Change(_label(line), line.path, kind, before, after, document.place(*_field(line.path)), restarts)


def short(reference: str | None) -> str:
    """A reference for people: without its prefix, and the beginning of the hash for what was uploaded without a name.
    Pure."""
    text = (reference or "").removeprefix("azureml:")
    found = _BY_CONTENT.fullmatch(text)
    return f"uploaded {found[1][:7]}" if found else text


def _label(line: Line) -> str:
    for path, words in (("properties.traffic.", "Live traffic"), ("properties.mirrorTraffic.", "Mirrored traffic")):
        if line.path.startswith(path):
            return f"{words} of {line.path.removeprefix(path)}, %"
    return _ENDPOINT_LABELS.get(line.path, line.label)


def _field(path: str) -> FieldPath:
    """Where Azure's field is in a file, () when no file can say it."""
    for prefix, name in _PREFIXES.items():
        if path.startswith(prefix):
            return (name, path.removeprefix(prefix))
    steps = path.split(".")
    heads = (".".join(steps[:length]) for length in range(len(steps), 0, -1))
    return next((_FIELDS[head] for head in heads if head in _FIELDS), ())


def _is_said(document: Document, path: str) -> bool:
    """Whether the file has a value for Azure's field."""
    value: object = document.content
    steps = _field(path)
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return bool(steps) and value is not None
