"""What the YAML of a deployment says, taken from its ARM document."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from services.azure.cloud import Json
from services.model import Deployment, WorkspaceRef
from services.resources.resource_fields import (
    Fields,
    asset_reference,
    code_reference,
    own_variables,
    whole_milliseconds,
    whole_seconds,
    without_azures_marks,
)

_PROBE = {"initialDelay": "initial_delay", "period": "period", "timeout": "timeout"}
_THRESHOLDS = {"successThreshold": "success_threshold", "failureThreshold": "failure_threshold"}
_DATA_ASSET = re.compile(r".*/data/([^/]+)/versions/([^/]+)")
_DEFAULT_SKU = {"name": "Default", "tier": "Standard"}


def deployment_content(
    fields: Fields, document: Mapping[str, Any], deployment: Deployment, workspace: WorkspaceRef
) -> dict[str, Any]:
    """The file's entries, in the order in which people write them; what is None or empty does not belong into it."""
    properties = "properties"
    fields.take(properties, "environmentVariables")
    compute = str(fields.take(properties, "endpointComputeType") or "")
    egress = fields.take(properties, "egressPublicNetworkAccess")
    content = {
        "name": deployment.name,
        "endpoint_name": deployment.endpoint,
        "type": "kubernetes" if compute.lower() == "kubernetes" else None,
        "description": fields.take(properties, "description"),
        "tags": fields.take("tags"),
        "properties": without_azures_marks(fields.take(properties, "properties")),
        "model": asset_reference(fields.take(properties, "model"), workspace),
        "model_mount_path": fields.take(properties, "modelMountPath"),
        "code_configuration": _code(fields),
        "environment": asset_reference(fields.take(properties, "environmentId"), workspace),
        "environment_variables": own_variables(document),
        "instance_type": fields.take(properties, "instanceType"),
        "instance_count": fields.take("sku", "capacity"),
        "request_settings": _requests(fields),
        "liveness_probe": _probe(fields, "livenessProbe"),
        "readiness_probe": _probe(fields, "readinessProbe"),
        "scale_settings": _scale(fields),
        "resources": _resources(fields),
        "app_insights_enabled": fields.take(properties, "appInsightsEnabled"),
        "egress_public_network_access": str(egress).lower() if egress else None,
        "private_network_connection": fields.take(properties, "privateNetworkConnection"),
        "data_collector": _collector(fields),
    }
    _drop_default_sku(fields)
    return content


def _drop_default_sku(fields: Fields) -> None:
    """``az ml`` always writes the one sku name that there is, and Azure adds the tier."""
    for name, usual in _DEFAULT_SKU.items():
        value = fields.take("sku", name)
        if value not in (usual, None):
            fields.put_back(value, "sku", name)


def _code(fields: Fields) -> dict[str, Any] | None:
    found = {
        "code": code_reference(fields.take("properties", "codeConfiguration", "codeId")),
        "scoring_script": fields.take("properties", "codeConfiguration", "scoringScript"),
    }
    return _given(found)


def _requests(fields: Fields) -> dict[str, Any] | None:
    path = ("properties", "requestSettings")
    return _given(
        {
            "request_timeout_ms": _taken(fields, whole_milliseconds, *path, "requestTimeout"),
            "max_concurrent_requests_per_instance": fields.take(*path, "maxConcurrentRequestsPerInstance"),
            "max_queue_wait_ms": _taken(fields, whole_milliseconds, *path, "maxQueueWait"),
        }
    )


def _probe(fields: Fields, name: str) -> dict[str, Any] | None:
    path = ("properties", name)
    found = {word: _taken(fields, whole_seconds, *path, field) for field, word in _PROBE.items()}
    return _given(found | {word: fields.take(*path, field) for field, word in _THRESHOLDS.items()})


def _scale(fields: Fields) -> dict[str, Any] | None:
    path = ("properties", "scaleSettings")
    kind = str(fields.take(*path, "scaleType") or "")
    if kind.lower() == "default":
        return {"type": "default"}
    if kind.lower() != "targetutilization":
        fields.put_back(kind, *path, "scaleType")
        return None
    return _given(
        {
            "type": "target_utilization",
            "min_instances": fields.take(*path, "minInstances"),
            "max_instances": fields.take(*path, "maxInstances"),
            "polling_interval": _taken(fields, whole_seconds, *path, "pollingInterval"),
            "target_utilization_percentage": fields.take(*path, "targetUtilizationPercentage"),
        }
    )


def _resources(fields: Fields) -> dict[str, Any] | None:
    """What a container of a Kubernetes deployment asks for."""
    path = ("properties", "containerResourceRequirements")
    names = {"requests": "containerResourceRequests", "limits": "containerResourceLimits"}
    found = {
        word: _given(
            {
                "cpu": fields.take(*path, name, "cpu"),
                "memory": fields.take(*path, name, "memory"),
                "nvidia.com/gpu": fields.take(*path, name, "gpu"),
            }
        )
        for word, name in names.items()
    }
    return _given(found)


def _collector(fields: Fields) -> dict[str, Any] | None:
    path = ("properties", "dataCollector")
    collections = fields.take(*path, "collections")
    if not isinstance(collections, dict) or not collections:
        return None
    rates = {(each or {}).get("samplingRate") for each in collections.values()}
    found = {name: _collection(fields, name, each or {}, len(rates) == 1) for name, each in collections.items()}
    rolling = fields.take(*path, "rollingRate")
    headers = fields.take(*path, "requestLogging", "captureHeaders")
    return _given(
        {
            "collections": found,
            "rolling_rate": str(rolling).lower() if rolling else None,
            "sampling_rate": next(iter(rates)) if len(rates) == 1 else None,
            "request_logging": {"capture_headers": headers} if headers else None,
        }
    )


def _collection(fields: Fields, name: str, given: Mapping[str, Any], is_rate_common: bool) -> dict[str, Any]:
    path = ("properties", "dataCollector", "collections", name)
    if not is_rate_common:
        fields.put_back(given.get("samplingRate"), *path, "samplingRate")
    found: dict[str, Any] = {
        "enabled": "true" if str(given.get("dataCollectionMode")).lower() == "enabled" else "false"
    }
    asset = _DATA_ASSET.fullmatch(str(given.get("dataId") or ""))
    if asset:
        found["data"] = {"name": asset[1], "version": asset[2]}
    elif given.get("dataId"):
        fields.put_back(given["dataId"], *path, "dataId")
    if given.get("clientId"):
        found["client_id"] = given["clientId"]
    known = {"samplingRate", "dataCollectionMode", "dataId", "clientId"}
    for key in set(given) - known:
        fields.put_back(given[key], *path, key)
    return found


def _taken(fields: Fields, convert: Callable[[Json], int | None], *path: str) -> int | None:
    """A duration in the file's unit; one that the unit cannot say goes back to the rest."""
    value = fields.take(*path)
    found = convert(value)
    if value and found is None:
        fields.put_back(value, *path)
    return found


def _given(found: dict[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in found.items() if value is not None} or None
