"""What Azure would hold after a document was applied, guessed from the document and from what Azure holds now. Pure.

``az ml … -f`` and azure-ai-ml send the whole resource, made of the file alone: what the file lacks gets Azure's
default, whatever was there before. The defaults are those of reference-yaml-deployment-managed-online and
reference-yaml-endpoint-online.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from services.azure.cloud import Json
from services.azure.deployments import RESTART_VARIABLE
from services.deploying.model import Document
from services.resources.resource_fields import own_variables

UPLOADED = "uploaded from "
"""Begins the value of what the file names as files and not as a registered asset."""
GIVEN = "given in the file"
_PROBE = {"initialDelay": "PT10S", "period": "PT10S", "timeout": "PT2S", "successThreshold": 1, "failureThreshold": 30}
_REQUESTS = {"maxConcurrentRequestsPerInstance": 1, "requestTimeout": "PT5S", "maxQueueWait": "PT0.5S"}
_PROBE_NAMES = {
    "initial_delay": ("initialDelay", "S"),
    "period": ("period", "S"),
    "timeout": ("timeout", "S"),
    "success_threshold": ("successThreshold", ""),
    "failure_threshold": ("failureThreshold", ""),
}
_REQUEST_NAMES = {
    "max_concurrent_requests_per_instance": ("maxConcurrentRequestsPerInstance", ""),
    "request_timeout_ms": ("requestTimeout", "ms"),
    "max_queue_wait_ms": ("maxQueueWait", "ms"),
}
AUTH_MODES = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}
"""Auth modes as YAML writes them, and as Azure Resource Manager does."""
_SHORT = re.compile(r"azureml:(?P<name>[^:/@]+):(?P<version>[^:/@]+)")
_IDENTITIES = {"system_assigned": "SystemAssigned", "user_assigned": "UserAssigned", "none": "None"}


def deployment_now(raw: Mapping[str, Any]) -> Json:
    """An existing deployment's ARM document without what only Azure writes into it."""
    now = _compared(raw)
    now["properties"]["environmentVariables"] = own_variables(raw)
    return now


def deployment_wanted(document: Document, now: Mapping[str, Any]) -> Json:
    """What ``now`` would become."""
    content, held = document.content, now["properties"]
    code, environment = _map(content.get("code_configuration")), content.get("environment")
    wanted: Json = {
        "description": content.get("description"),
        "model": _asset(content.get("model"), held.get("model")),
        "environmentId": _environment(environment, held.get("environmentId")),
        "environmentVariables": _restarted(held) | _texts(content.get("environment_variables")),
        "instanceType": _same_case(content.get("instance_type"), held.get("instanceType")),
        "requestSettings": _REQUESTS | _fields(_map(content.get("request_settings")), _REQUEST_NAMES),
        "livenessProbe": _PROBE | _fields(_map(content.get("liveness_probe")), _PROBE_NAMES),
        "readinessProbe": _PROBE | _fields(_map(content.get("readiness_probe")), _PROBE_NAMES),
        "scaleSettings": held.get("scaleSettings") if "scale_settings" in content else {"scaleType": "Default"},
        "appInsightsEnabled": bool(content.get("app_insights_enabled")),
        "egressPublicNetworkAccess": str(content.get("egress_public_network_access") or "enabled").capitalize(),
        "modelMountPath": content.get("model_mount_path"),
        "endpointComputeType": held.get("endpointComputeType"),
        "properties": _map(held.get("properties")) | _map(content.get("properties")),
        # Its fields are many and their names differ; whether it stays or goes is what matters.
        "dataCollector": held.get("dataCollector") if content.get("data_collector") else None,
    }
    if code:
        wanted["codeConfiguration"] = {
            "codeId": _code(code.get("code"), _map(held.get("codeConfiguration")).get("codeId")),
            "scoringScript": code.get("scoring_script"),
        }
    sku = _map(now.get("sku")) | {"capacity": content.get("instance_count") or 1}
    return {**_kept(now), "tags": _texts(content.get("tags")), "sku": sku, "properties": wanted}


def _restarted(held: Mapping[str, Any]) -> Json:
    """The variable of a restart, which an apply carries over: without it instances would be replaced for nothing."""
    variables = _map(held.get("environmentVariables"))
    return {RESTART_VARIABLE: variables[RESTART_VARIABLE]} if RESTART_VARIABLE in variables else {}


def endpoint_now(raw: Mapping[str, Any]) -> Json:
    """An existing endpoint's ARM document without what only Azure writes into it."""
    now = _compared(raw)
    now["identity"] = _identity(_map(raw.get("identity")))
    for name in ("traffic", "mirrorTraffic"):
        now["properties"][name] = {key: share for key, share in _map(now["properties"].get(name)).items() if share}
    return now


def endpoint_wanted(document: Document, now: Mapping[str, Any]) -> Json:
    """What ``now`` would become."""
    content, held = document.content, now["properties"]
    mode = str(content.get("auth_mode") or "key").lower()
    kept = {name: held.get(name) for name in ("compute", "keys", "scoringUri", "swaggerUri")}
    wanted = {
        **kept,
        "description": content.get("description"),
        "authMode": AUTH_MODES.get(mode, mode),
        "traffic": _shares(content.get("traffic")),
        "mirrorTraffic": _shares(content.get("mirror_traffic")),
        "publicNetworkAccess": str(content.get("public_network_access") or "enabled").capitalize(),
        "properties": _map(held.get("properties")) | _map(content.get("properties")),
    }
    given = _map(content.get("identity"))
    kind = str(given.get("type") or "system_assigned").lower()
    named = given.get("user_assigned_identities")
    users = [each.get("resource_id") for each in named if isinstance(each, Mapping)] if isinstance(named, list) else []
    identity = {"type": _IDENTITIES.get(kind, kind)} | ({"users": sorted(map(str, users))} if users else {})
    return {**_kept(now), "tags": _texts(content.get("tags")), "identity": identity, "properties": wanted}


def _compared(raw: Mapping[str, Any]) -> Json:
    now = copy.deepcopy(dict(raw))
    now["properties"] = _map(now.get("properties"))
    return now


def _kept(now: Mapping[str, Any]) -> Json:
    """What no file changes: the region, and what Azure alone writes."""
    return {name: value for name, value in now.items() if name in ("location", "kind", "id", "name", "type")}


def _identity(identity: Mapping[str, Any]) -> Json:
    """The kind and the ids of an identity. The rest of it is Azure's."""
    users = sorted(map(str, _map(identity.get("userAssignedIdentities"))))
    kind = re.sub(r"\s", "", str(identity.get("type") or ""))
    return {"type": kind} | ({"users": users} if users else {})


def _asset(reference: Json, held: Json) -> Json:
    """The id that a reference gets: the one that is held when it names the same version."""
    if isinstance(reference, Mapping):
        return f"{UPLOADED}{reference['path']}" if reference.get("path") else GIVEN
    text = str(reference or "")
    short = _SHORT.fullmatch(text)
    same = f"/{short['name']}/versions/{short['version']}" if short else text.removeprefix("azureml:")
    is_ours = isinstance(held, str) and (short is None or "/workspaces/" in held.lower())
    return held if text and is_ours and held.lower().endswith(same.lower()) else text or None


def _environment(environment: Json, held: Json) -> Json:
    if not isinstance(environment, Mapping):
        return _asset(environment, held)
    conda, build = environment.get("conda_file"), _map(environment.get("build"))
    source = conda if isinstance(conda, str) else build.get("path") or environment.get("image")
    return f"{UPLOADED}{source}" if source else GIVEN


def _code(code: Json, held: Json) -> Json:
    text = str(code or "")
    return _asset(text, held) if text.startswith("azureml:") else f"{UPLOADED}{text}" if text else None


def _fields(given: Mapping[str, Any], names: Mapping[str, tuple[str, str]]) -> Json:
    """Fields under Azure's names, durations as Azure writes them."""
    return {arm: _duration(given[name], unit) for name, (arm, unit) in names.items() if given.get(name) is not None}


def _duration(value: Json, unit: str) -> Json:
    if not unit or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return f"PT{value / 1000:g}S" if unit == "ms" else f"PT{value:g}S"


def _shares(shares: Json) -> Json:
    """As the SDK sends them: without those of 0, names in lower case."""
    return {str(name).lower(): share for name, share in _map(shares).items() if share}


def _same_case(value: Json, held: Json) -> Json:
    """The held spelling when both mean the same: Azure compares instance types without case."""
    return held if str(value or "").lower() == str(held or "").lower() else value


def _texts(values: Json) -> Json:
    return {str(name): _text(value) for name, value in _map(values).items()}


def _text(value: Json) -> str:
    return str(value)


def _map(value: Json) -> Json:
    return dict(value) if isinstance(value, Mapping) else {}
