"""The document of a deployment: what a client sends, what Azure adds to it, what a client reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.arm import rules
from emulator.arm.context import Context
from emulator.arm.endpoint_document import TYPE as ENDPOINT_TYPE
from emulator.arm.rules import RuleBroken
from emulator.documents import Document
from emulator.resources import Place, asset_reference

TYPE = f"{ENDPOINT_TYPE}/deployments"
_READ_ONLY = ("id", "name", "type", "systemData")
_APP_ROOT = "/var/azureml-app/"
_PROBE = {"initialDelay": "PT10S", "period": "PT10S", "timeout": "PT2S", "successThreshold": 1, "failureThreshold": 30}
_REQUESTS = {"maxConcurrentRequestsPerInstance": 1, "requestTimeout": "PT5S", "maxQueueWait": "PT0.5S"}


def cleaned(body: Mapping[str, Any], before: Document | None) -> Document:
    """What is kept of the body of a PUT, with Azure's defaults (reference-yaml-deployment-managed-online).

    `before` is what was kept until now. Raises RuleBroken for what does not fit.
    """
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise RuleBroken("The deployment has no properties.")
    rules.check_objects(body, "tags", "identity", "sku")
    rules.check_objects(properties, "properties", "environmentVariables", "codeConfiguration")
    rules.check_plain(body, "location", "kind")
    rules.check_plain(properties, "description", "model", "environmentId", "instanceType")
    rules.check_tags(body.get("tags") or {})
    rules.check_texts(properties.get("properties") or {}, "The property")
    kept = {name: value for name, value in properties.items() if name != "provisioningState"}
    own = properties.get("properties") or {}
    kept["properties"] = {**own, **((before or {}).get("properties", {}).get("properties") or {})}
    sent = given(properties.get("environmentVariables"))
    kept["environmentVariables"] = {name: sent[name] for name in sent if not _is_services(name, sent[name], kept)}
    return _with_defaults({**{k: v for k, v in body.items() if k not in _READ_ONLY}, "properties": kept})


def _with_defaults(sent: Document) -> Document:
    properties: dict[str, Any] = dict(sent["properties"])
    for name in ("livenessProbe", "readinessProbe"):
        properties[name] = {**_PROBE, **given(properties.get(name))}
    properties["requestSettings"] = {**_REQUESTS, **given(properties.get("requestSettings"))}
    properties["scaleSettings"] = properties.get("scaleSettings") or {"scaleType": "Default"}
    properties["endpointComputeType"] = properties.get("endpointComputeType") or "Managed"
    egress = rules.switch(properties.get("egressPublicNetworkAccess"), "egressPublicNetworkAccess")
    properties["egressPublicNetworkAccess"] = egress or "Enabled"
    properties["appInsightsEnabled"] = properties.get("appInsightsEnabled") or False
    sku = {"name": "Default", "tier": "Standard", "capacity": 1, **given(sent.get("sku"))}
    return {**sent, "tags": sent.get("tags") or {}, "sku": sku, "properties": properties}


def given(value: object) -> dict[str, Any]:
    """The fields that really have a value: Azure treats null as absent. Raises RuleBroken for what is no object."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RuleBroken(f"{value!r} must be an object.")
    return {name: each for name, each in value.items() if each is not None}


def render_deployment(context: Context, endpoint: str, document: Document, place: Place | None = None) -> Document:
    """The document as a client reads it: what was sent, unknown fields included, and what the service adds.

    `place` saves finding the workspace again.
    """
    name, sent = document["name"], document["sent"]
    place = place or context.place_of(endpoint)
    properties = sent["properties"]
    return {
        **sent,
        "id": place.deployment_id(endpoint, name),
        "name": name,
        "type": TYPE,
        "location": sent.get("location") or place.region,
        "kind": sent.get("kind") or "Managed",
        "systemData": document["systemData"],
        "properties": {
            "description": None,
            **properties,
            "environmentVariables": {**_service_variables(properties), **properties["environmentVariables"]},
            "provisioningState": document["state"],
        },
    }


def _is_services(name: str, value: object, properties: Mapping[str, Any]) -> bool:
    """Whether a variable is the service's own and only came back: a client read it, perhaps before a change of the
    model or the script, or from the deployment that it copies.
    """
    if name == "AZUREML_ENTRY_SCRIPT":
        return name in _service_variables(properties)
    return name in ("AML_APP_ROOT", "AZUREML_MODEL_DIR") and str(value).startswith(_APP_ROOT)


def _service_variables(properties: Mapping[str, Any]) -> dict[str, str]:
    """The variables that the real service shows beside the user's own: where things lie in its container.

    Source: the sample output of azure.azcollection. They tell of Azure's paths; an instance here gets its own.
    """
    code = properties.get("codeConfiguration") or {}
    variables: dict[str, str] = {}
    if isinstance(code, dict) and code.get("scoringScript") and code.get("codeId"):
        folder = (asset_reference(str(code["codeId"]), "codes") or ("code", ""))[0]
        variables["AML_APP_ROOT"] = f"{_APP_ROOT}{folder}"
        variables["AZUREML_ENTRY_SCRIPT"] = str(code["scoringScript"])
    model = asset_reference(str(properties.get("model") or ""), "models")
    if model:
        variables["AZUREML_MODEL_DIR"] = f"{_APP_ROOT}azureml-models/{model[0]}/{model[1]}"
    return variables
