"""Two deployments' specifications side by side: every setting of both, and where they differ. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.azure.cloud import Json
from services.azure.documents import asset_name, auth_mode, milliseconds
from services.model import Deployment
from services.resources.masking import looks_secret
from services.resources.resource_fields import code_name, own_variables, without_azures_marks

NOT_SET = ""
_AZURES_OWN = ("id", "name", "type", "systemData", "etag")
_PROBE_FIELDS = {
    "initialDelay": "initial delay",
    "period": "period",
    "timeout": "timeout",
    "successThreshold": "successes needed",
    "failureThreshold": "failures allowed",
}
_PROBES = {"livenessProbe": "Liveness", "readinessProbe": "Readiness", "startupProbe": "Startup"}
_LABELS = {
    "properties.description": "Description",
    "properties.model": "Model",
    "properties.codeConfiguration.codeId": "Code",
    "properties.codeConfiguration.scoringScript": "Scoring script",
    "properties.environmentId": "Environment",
    "properties.instanceType": "Instance type",
    "sku.capacity": "Instances",
    "properties.requestSettings.maxConcurrentRequestsPerInstance": "Concurrent requests per instance",
    "properties.requestSettings.requestTimeout": "Request timeout",
    "properties.requestSettings.maxQueueWait": "Longest wait in the queue",
    **{
        f"properties.{probe}.{field}": f"{title} probe, {words}"
        for probe, title in _PROBES.items()
        for field, words in _PROBE_FIELDS.items()
    },
    "properties.scaleSettings.scaleType": "Scaling",
    "properties.modelMountPath": "Model mount path",
    "properties.appInsightsEnabled": "Application Insights",
    "properties.egressPublicNetworkAccess": "Egress to public networks",
    "properties.endpointComputeType": "Compute",
    "location": "Region",
}
"""Dotted path → what people call it, in the order in which they look. Everything else follows under its path."""
_ASSETS = ("properties.model", "properties.environmentId")
_CODE = "properties.codeConfiguration.codeId"
_AUTH_MODE = "properties.authMode"
_DURATIONS = ("requestTimeout", "maxQueueWait", "initialDelay", "period", "timeout", "pollingInterval")


@dataclass(frozen=True)
class Line:
    """One setting of two documents. ``values`` are for people, "" where it is not set; ``full`` tells ids in full.
    ``path`` is dotted, or "Variable …", "Tag …", "Property …"."""

    label: str
    values: tuple[str, str]
    full: tuple[str, str]
    is_different: bool
    path: str = field(default="", compare=False)


def compare(left: Deployment, right: Deployment) -> tuple[Line, ...]:
    """Every setting of two deployments, those that people look at first before the rest.

    Names, ids and states are no settings. A value that may be a secret is compared and not shown.
    """
    return compare_documents(left.raw, right.raw)


def compare_documents(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Line, ...]:
    """The same of two ARM documents of one kind."""
    ours, theirs = (dict(_settings(each)) for each in (left, right))
    known = [path for path in _LABELS if path in ours or path in theirs]
    others = sorted((set(ours) | set(theirs)) - set(known))
    return tuple(_line(path, ours.get(path), theirs.get(path)) for path in [*known, *others])


def _settings(document: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    properties = dict(document.get("properties") or {})
    for name in ("provisioningState", "environmentVariables", "properties"):
        properties.pop(name, None)
    top = {name: value for name, value in document.items() if name not in (*_AZURES_OWN, "properties", "tags")}
    yield from _leaves(top, "")
    yield from _leaves(properties, "properties")
    # Their names are people's own: a dot in one is no step of a path.
    yield from ((f"Variable {name}", value) for name, value in own_variables(document).items())
    yield from ((f"Tag {name}", value) for name, value in (document.get("tags") or {}).items())
    own = without_azures_marks((document.get("properties") or {}).get("properties"))
    yield from ((f"Property {name}", value) for name, value in own.items())


def _leaves(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else str(name))
    elif value not in (None, "", []):
        yield path, value


def _line(path: str, left: Json, right: Json) -> Line:
    words = (_words(path, left), _words(path, right))
    full = (_full(path, left), _full(path, right))
    is_different = full[0] != full[1]
    kind, _, name = path.partition(" ")
    if kind in ("Variable", "Tag") and (looks_secret(name, left or "") or looks_secret(name, right or "")):
        hidden = ("hidden" if left else NOT_SET, "hidden" if right else NOT_SET)
        return Line(path, hidden, hidden, is_different, path)
    return Line(_LABELS.get(path, path.removeprefix("properties.")), words, full, is_different, path)


def _words(path: str, value: Json) -> str:
    if value is None:
        return NOT_SET
    if path == _CODE:
        return code_name(value)
    return asset_name(value) if path in _ASSETS else _full(path, value)


def _full(path: str, value: Json) -> str:
    """The whole value as text; the same duration written in two ways gives one text."""
    if value is None:
        return NOT_SET
    if path.rpartition(".")[2] in _DURATIONS:
        found = milliseconds(value, -1)
        if found >= 0:
            return f"{found:,} ms" if found % 1000 else f"{found // 1000:,} s"
    if path == _AUTH_MODE:
        return auth_mode(str(value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
