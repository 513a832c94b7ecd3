"""From a deployment's document to what the scoring plane needs: assets are resolved, rules are checked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from emulator.arm import rules
from emulator.arm.context import Context
from emulator.arm.rules import RuleBroken
from emulator.arm.workspaces import datastore_container
from emulator.documents import Document
from emulator.resources import DATASTORE, STORAGE_ACCOUNT, Place, asset_reference
from emulator.scoring.model import DeploymentSpec
from emulator.storage.blobs import BlobError

_PROBE = {"initialDelay": "PT10S", "period": "PT10S", "timeout": "PT2S", "successThreshold": 1, "failureThreshold": 30}
_REQUESTS = {"maxConcurrentRequestsPerInstance": 1, "requestTimeout": "PT5S", "maxQueueWait": "PT0.5S"}
_DATASTORE_URI = re.compile(r"azureml://(?:.*/)?datastores/(?P<store>[^/]+)/paths/(?P<path>.+)", re.IGNORECASE)
_PATH_SEGMENT = f"/{STORAGE_ACCOUNT}.blob."


def with_defaults(sent: Document) -> Document:
    """A deployment's document with what Azure adds to it (reference-yaml-deployment-managed-online)."""
    properties: dict[str, Any] = dict(sent.get("properties") or {})
    for name in ("livenessProbe", "readinessProbe"):
        properties[name] = {**_PROBE, **_given(properties.get(name))}
    properties["requestSettings"] = {**_REQUESTS, **_given(properties.get("requestSettings"))}
    properties["scaleSettings"] = properties.get("scaleSettings") or {"scaleType": "Default"}
    properties["environmentVariables"] = _given(properties.get("environmentVariables"))
    properties["properties"] = properties.get("properties") or {}
    properties["endpointComputeType"] = properties.get("endpointComputeType") or "Managed"
    properties["egressPublicNetworkAccess"] = properties.get("egressPublicNetworkAccess") or "Enabled"
    properties["appInsightsEnabled"] = properties.get("appInsightsEnabled") or False
    sku = {"name": "Default", "tier": "Standard", "capacity": 1, **_given(sent.get("sku"))}
    return {**sent, "tags": sent.get("tags") or {}, "sku": sku, "properties": properties}


def specification(context: Context, endpoint: str, deployment: str, document: Document) -> DeploymentSpec:
    """What the scoring plane runs for a document that :func:`with_defaults` has completed.

    Raises RuleBroken when it breaks one of Azure's rules, names something that is not there, or asks for something the
    local Azure does not do.
    """
    properties = document["properties"]
    if properties["endpointComputeType"] != "Managed":
        raise RuleBroken("The local Azure runs managed deployments only: endpointComputeType must be 'Managed'.")
    if _given(properties["scaleSettings"]).get("scaleType") != "Default":
        raise RuleBroken("A managed deployment has scaleSettings of type 'Default'; autoscale is configured elsewhere.")
    if not properties.get("instanceType"):
        raise RuleBroken("The deployment has no instanceType.")
    rules.check_instances(document["sku"]["capacity"])
    requests = properties["requestSettings"]
    timeout_ms = rules.duration_ms(requests["requestTimeout"], "requestSettings.requestTimeout")
    rules.check_request_timeout(timeout_ms)
    rules.check_concurrency(requests["maxConcurrentRequestsPerInstance"])
    code = _given(properties.get("codeConfiguration"))
    if not code.get("codeId") or not code.get("scoringScript"):
        raise RuleBroken(
            "The deployment has no codeConfiguration. The local Azure runs a scoring script; it does not emulate custom"
            " containers and models that need no code."
        )
    place = context.place_of(endpoint)
    code_asset = _asset(context, place, "codes", str(code["codeId"]))
    environment = _asset(context, place, "environments", str(properties.get("environmentId") or ""))["properties"]
    if environment.get("build"):
        raise RuleBroken("The local Azure does not build images: give the environment an image and a conda file.")
    model = _asset(context, place, "models", str(properties["model"])) if properties.get("model") else None
    return DeploymentSpec(
        endpoint=endpoint,
        deployment=deployment,
        instance_count=document["sku"]["capacity"],
        code_path=_blob_path(context, place, str(code_asset["properties"].get("codeUri"))),
        scoring_script=str(code["scoringScript"]),
        model_path=_blob_path(context, place, str(model["properties"].get("modelUri"))) if model else None,
        model_name=model["name"] if model else "",
        model_version=model["version"] if model else "",
        conda_yaml=environment.get("condaFile"),
        image=str(environment.get("image") or ""),
        environment_variables={str(name): str(value) for name, value in properties["environmentVariables"].items()},
        request_timeout_ms=timeout_ms,
        max_concurrent_requests=requests["maxConcurrentRequestsPerInstance"],
    )


def _given(value: object) -> dict[str, Any]:
    """The fields that really have a value: Azure treats null as absent."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RuleBroken(f"{value!r} must be an object.")
    return {name: each for name, each in value.items() if each is not None}


def _asset(context: Context, place: Place, collection: str, arm_id: str) -> Document:
    what = collection[:-1]
    if not arm_id:
        raise RuleBroken(f"The deployment has no {what}.")
    if arm_id.lower().startswith("azureml://registries/"):
        raise RuleBroken(f"The {what} {arm_id} is in a registry; the local Azure has none.")
    reference = asset_reference(arm_id, collection)
    found = context.documents.get(collection, "/".join((place.key, *reference))) if reference else None
    if found is None:
        raise RuleBroken(f"The {what} {arm_id} was not found.")
    return found


def _blob_path(context: Context, place: Place, uri: str) -> Path:
    """The uploaded file or folder behind a datastore URI or a blob URL. Hosts do not count: ports may have changed."""
    match = _DATASTORE_URI.fullmatch(uri)
    if match is not None:
        if match["store"].lower() != DATASTORE:
            raise RuleBroken(f"The datastore '{match['store']}' does not exist; there is only {DATASTORE}.")
        container, name = datastore_container(context, place), match["path"]
    else:
        path = urlsplit(uri).path
        container, _, name = path.removeprefix("/").partition("/")[2].partition("/")
        if not path.startswith(_PATH_SEGMENT) or not name:
            raise RuleBroken(f"The local Azure cannot read {uri}; it reads what was uploaded to its own storage.")
    try:
        for spelling in (name, unquote(name)):
            path_on_disk = context.blobs.locate(container, spelling.rstrip("/"))
            if path_on_disk.exists():
                return path_on_disk
    except BlobError as error:
        raise RuleBroken(f"{uri} cannot be read: {error.message}") from error
    raise RuleBroken(f"Nothing was uploaded to {uri}.")
