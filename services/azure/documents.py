"""ARM documents of endpoints and deployments, read into the model. Missing fields never fail: Azure leaves many out."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from services.azure.cloud import Json
from services.model import Deployment, Endpoint, Split

_AUTH_MODES = {"key": "key", "amltoken": "aml_token", "aadtoken": "aad_token"}
_VERSIONED = re.compile(r"/(?:models|environments)/([^/]+)/versions/([^/]+)$", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{32,64}", re.IGNORECASE)
_DURATION = re.compile(r"PT(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?")
_DEFAULT_TIMEOUT_MS = 5000
"""request_timeout_ms when a deployment names none (reference of the managed online deployment YAML)."""


def as_endpoint(document: Json) -> Endpoint:
    """The endpoint of an ARM document. ``auth_mode`` is written as in YAML: key, aml_token, aad_token."""
    properties, system = document.get("properties") or {}, document.get("systemData") or {}
    mode = str(properties.get("authMode") or "")
    resource = str(document.get("id") or "")
    return Endpoint(
        id=resource,
        name=str(document.get("name") or ""),
        workspace=_segment_after(resource, "workspaces"),
        location=str(document.get("location") or ""),
        state=str(properties.get("provisioningState") or "Unknown"),
        auth_mode=auth_mode(mode),
        scoring_uri=str(properties.get("scoringUri") or ""),
        swagger_uri=str(properties.get("swaggerUri") or ""),
        split=split_of(document),
        description=str(properties.get("description") or ""),
        tags={str(key): str(value) for key, value in (document.get("tags") or {}).items()},
        is_kubernetes=bool(properties.get("compute")),
        public_network_access=str(properties.get("publicNetworkAccess") or "Enabled").lower() == "enabled",
        created_at=moment(system.get("createdAt")),
        created_by=str(system.get("createdBy") or ""),
        modified_at=moment(system.get("lastModifiedAt")),
        raw=document,
    )


def as_deployment(document: Json, endpoint: str) -> Deployment:
    """The deployment of an ARM document below ``endpoint``."""
    properties, system = document.get("properties") or {}, document.get("systemData") or {}
    requests = properties.get("requestSettings") or {}
    return Deployment(
        id=str(document.get("id") or ""),
        endpoint=endpoint,
        name=str(document.get("name") or ""),
        state=str(properties.get("provisioningState") or "Unknown"),
        model=asset_name(properties.get("model")),
        environment=asset_name(properties.get("environmentId")),
        instance_type=str(properties.get("instanceType") or ""),
        instance_count=int((document.get("sku") or {}).get("capacity") or 0),
        request_timeout_ms=milliseconds(requests.get("requestTimeout"), _DEFAULT_TIMEOUT_MS),
        max_concurrent_requests=int(requests.get("maxConcurrentRequestsPerInstance") or 1),
        worker_count=_worker_count(properties.get("environmentVariables") or {}),
        created_at=moment(system.get("createdAt")),
        modified_at=moment(system.get("lastModifiedAt")),
        raw=document,
    )


def split_of(document: Json) -> Split:
    """The split of an endpoint's ARM document; null and absent both mean no traffic."""
    properties = document.get("properties") or {}
    return Split(properties.get("traffic") or {}, properties.get("mirrorTraffic") or {})


def auth_mode(text: str) -> str:
    """An auth mode as YAML writes it: key, aml_token, aad_token. Azure's documents have Key, AMLToken, AADToken."""
    return _AUTH_MODES.get(text.replace("_", "").lower(), text)


def asset_name(resource: Json) -> str:
    """``name:version`` of a model or environment id; the beginning of the hash for an asset uploaded without a name."""
    text = str(resource or "")
    found = _VERSIONED.search(text)
    if not found:
        return text.rstrip("/").rsplit("/", 1)[-1]
    name, version = found.groups()
    for part in (name, version):
        if _HASH.fullmatch(part):
            return f"uploaded {part[:7]}"
    return f"{name}:{version}"


def moment(text: Json) -> datetime | None:
    """An ISO 8601 moment as UTC; Azure writes seven decimals, Python reads six. None when it is not one."""
    try:
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(text)))
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def milliseconds(duration: Json, default: int) -> int:
    """An ISO 8601 duration such as ``PT5S`` or ``PT2.5S`` in milliseconds; ``default`` when it is not one."""
    found = _DURATION.fullmatch(str(duration or ""))
    if not found or not any(found.groups()):
        return default
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return round((hours * 3600 + minutes * 60 + seconds) * 1000)


def _worker_count(variables: Json) -> int:
    """``WORKER_COUNT`` of Microsoft's inference server, 1 by default (azureml-inference-server-http)."""
    text = str(variables.get("WORKER_COUNT") or "")
    return max(1, int(text)) if text.isdecimal() and len(text) < 6 else 1


def _segment_after(resource: str, kind: str) -> str:
    parts = resource.split("/")
    lower = [part.lower() for part in parts]
    return parts[lower.index(kind) + 1] if kind in lower[:-1] else ""
