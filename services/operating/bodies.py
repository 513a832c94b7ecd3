"""The documents that are sent for a change: Azure's own ones with what the person has named replaced, and nothing else.
Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.azure.cloud import Json
from services.azure.deployments import RESTART_VARIABLE, writable_deployment, writable_endpoint
from services.azure.documents import as_deployment
from services.model import Deployment
from services.operating.change import Clone, DeploymentSettings, EndpointSettings, Restart
from services.operating.fields import FIELDS
from services.resources.resource_fields import own_variables, without_azures_marks
from services.resources.resource_yaml import deployment_file


def values_of(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A dictionary of a deployment's properties; an empty one when it has none."""
    found = (document.get("properties") or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def scaled(instances: int) -> Json:
    """The body of a PATCH that changes the number of instances alone: nothing else can be lost by it."""
    return {"sku": {"name": "Default", "capacity": instances}}


def changed_deployment(document: Mapping[str, Any], change: DeploymentSettings) -> Json:
    """A deployment's document with other settings."""
    body = writable_deployment(document)
    for name, value in change.fields.items():
        if FIELDS[name].read(body) != value:
            FIELDS[name].write(body, value)
    if change.variables:
        body["properties"]["environmentVariables"] = _merged(
            values_of(document, "environmentVariables"), change.variables
        )
    _describe(body, change)
    return body


def changed_endpoint(document: Mapping[str, Any], change: EndpointSettings) -> Json:
    """An endpoint's document with other tags or another description. Its split is the document's own."""
    body = writable_endpoint(document)
    _describe(body, change)
    return body


def tagged(document: Mapping[str, Any], change: EndpointSettings) -> Json:
    """The body of a PATCH that changes the tags alone: a split that is shifted meanwhile stays as it then is."""
    return {"tags": _merged(document.get("tags") or {}, change.tags)}


def restarted(document: Mapping[str, Any], change: Restart) -> Json:
    """A deployment's document in which only the variable of restarts has another value."""
    return changed_deployment(
        document, DeploymentSettings(change.deployment, variables={RESTART_VARIABLE: change.mark})
    )


def cloned(document: Mapping[str, Any], change: Clone) -> Json:
    """The document of a new deployment that is like the given one but for what ``change`` names. Its references are ids
    of Azure Resource Manager already."""
    body = writable_deployment(document)
    properties = body["properties"]
    properties["properties"] = without_azures_marks(properties.get("properties"))
    # Azure writes where it put model and script into the variables; in a copy they would point at the source's.
    variables = own_variables(document)
    variables.pop(RESTART_VARIABLE, None)
    properties["environmentVariables"] = variables
    for name, value in (
        ("model", change.model),
        ("environmentId", change.environment),
        ("instanceType", change.instance_type),
    ):
        if value:
            properties[name] = value
    code = dict(properties.get("codeConfiguration") or {})
    code |= {"codeId": change.code} if change.code else {}
    code |= {"scoringScript": change.scoring_script} if change.scoring_script else {}
    if code:
        properties["codeConfiguration"] = code
    sku = dict(body.get("sku") or {})
    body["sku"] = {**sku, "name": sku.get("name") or "Default", "capacity": change.instances or sku.get("capacity", 1)}
    return body


def clone_text(deployment: Deployment, name: str) -> str:
    """The YAML of a deployment under another name, to be given other files. Values that look like secrets are not in
    it."""
    document = {
        **cloned(deployment.raw, Clone(deployment.name, name)),
        "id": f"{deployment.id.rpartition('/')[0]}/{name}",
        "name": name,
    }
    return deployment_file(as_deployment(document, deployment.endpoint)).text


def _describe(body: Json, change: DeploymentSettings | EndpointSettings) -> None:
    if change.tags:
        body["tags"] = _merged(body.get("tags") or {}, change.tags)
    if change.description is not None:
        body["properties"]["description"] = change.description


def _merged(before: Mapping[str, Any], changes: Mapping[str, str | None]) -> Json:
    merged = {**before, **changes}
    return {name: value for name, value in merged.items() if value is not None or name not in changes}
