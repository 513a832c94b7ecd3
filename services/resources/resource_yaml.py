"""An endpoint or a deployment as the YAML that ``az ml … -f`` takes, and as JSON.

The YAML schema knows fewer fields than Azure Resource Manager (schemas of azure-ai-ml 1.35). Every field of the
document is in the file, or only Azure sets it, or it is named in ``left_out``: nothing is lost silently.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from services.model import Deployment, Endpoint, WorkspaceRef
from services.resources.masking import Hidden, hidden_names, without_secrets
from services.resources.resource_deployment import deployment_content
from services.resources.resource_fields import Fields, code_reference, without_azures_marks

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/{}.schema.json"
_AUTH_MODES = {"key": "key", "amltoken": "aml_token", "aadtoken": "aad_token"}
_IDENTITIES = {"systemassigned": "system_assigned", "userassigned": "user_assigned", "none": "none"}
HIDDEN_TAG = "!hidden"
"""Marks a hidden value in YAML. No reader knows it, so a file with hidden values is refused, not half applied."""
HIDDEN_WORDS = "(hidden)"


@dataclass(frozen=True)
class ResourceFile:
    """A resource as text. ``left_out`` names the fields that the format cannot say, ``hidden`` the values not shown."""

    name: str
    text: str
    left_out: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


class _Dumper(yaml.SafeDumper):
    """YAML as people write it: lists indented below their name."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's
        super().increase_indent(flow, False)


def _hidden(dumper: yaml.SafeDumper, value: Hidden) -> yaml.Node:  # noqa: ARG001 - PyYAML's signature
    return dumper.represent_scalar(HIDDEN_TAG, "")


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    # PyYAML folds these line breaks of Unicode into spaces unless it is told to escape them.
    style = '"' if any(mark in value for mark in "\x85\u2028\u2029\r") else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(Hidden, _hidden)
_Dumper.add_representer(str, _text)


def endpoint_file(endpoint: Endpoint, *, show_hidden: bool = False) -> ResourceFile:
    """``endpoint`` as a file for ``az ml online-endpoint``, its split included."""
    fields = Fields(endpoint.raw if show_hidden else without_secrets(endpoint.raw))
    content = _endpoint_content(fields, endpoint)
    kind = "kubernetesOnlineEndpoint" if endpoint.is_kubernetes else "managedOnlineEndpoint"
    return _file("online-endpoint", endpoint.name, endpoint.workspace_ref, kind, content, fields)


def deployment_file(deployment: Deployment, *, show_hidden: bool = False) -> ResourceFile:
    """``deployment`` as a file for ``az ml online-deployment``. Its model, code and environment are named by id."""
    document = deployment.raw if show_hidden else without_secrets(deployment.raw)
    workspace = WorkspaceRef.of(deployment.id)
    fields = Fields(document)
    content = deployment_content(fields, document, deployment, workspace)
    is_kubernetes = content.get("type") == "kubernetes"
    kind = "kubernetesOnlineDeployment" if is_kubernetes else "managedOnlineDeployment"
    return _file("online-deployment", deployment.name, workspace, kind, content, fields)


def resource_json(resource: Endpoint | Deployment, *, show_hidden: bool = False) -> ResourceFile:
    """The ARM document as Azure answered it, unknown fields included."""
    document = resource.raw if show_hidden else without_secrets(resource.raw)
    text = json.dumps(document, indent=2, ensure_ascii=False, default=lambda _: HIDDEN_WORDS)
    return ResourceFile(f"{resource.name}.json", text + "\n", (), hidden_names(document))


def _endpoint_content(fields: Fields, endpoint: Endpoint) -> dict[str, Any]:
    mode = str(fields.take("properties", "authMode") or "")
    access = fields.take("properties", "publicNetworkAccess")
    return {
        "name": endpoint.name,
        "description": fields.take("properties", "description"),
        "auth_mode": _AUTH_MODES.get(mode.replace("_", "").lower(), mode.lower()),
        "location": endpoint.location,
        "public_network_access": str(access).lower() if access else None,
        "compute": code_reference(fields.take("properties", "compute")),
        "identity": _identity(fields),
        "tags": fields.take("tags"),
        "properties": without_azures_marks(fields.take("properties", "properties")),
        "traffic": fields.take("properties", "traffic"),
        "mirror_traffic": fields.take("properties", "mirrorTraffic"),
    }


def _identity(fields: Fields) -> dict[str, Any] | None:
    """``az ml`` takes one kind of identity, and one user-assigned identity at most."""
    given = fields.take("identity")
    if not isinstance(given, dict) or not given.get("type"):
        return None
    kind = _IDENTITIES.get(str(given["type"]).lower())
    assigned = list(given.get("userAssignedIdentities") or {})
    if kind is None or len(assigned) > 1:
        fields.put_back(str(given["type"]), "identity", "type")
        fields.put_back(assigned, "identity", "userAssignedIdentities")
        return None
    found: dict[str, Any] = {"type": kind}
    if assigned:
        found["user_assigned_identities"] = [{"resource_id": assigned[0]}]
    return found


def _file(
    command: str, name: str, workspace: WorkspaceRef, kind: str, content: Mapping[str, Any], fields: Fields
) -> ResourceFile:
    kept = {key: value for key, value in content.items() if value not in (None, "", {}, [])}
    hidden = hidden_names(kept)
    left_out = tuple(f"{path}: {_one_line(value)}" for path, value in fields.rest())
    body = yaml.dump(
        {"$schema": _SCHEMA.format(kind), **kept}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120
    )
    head = _head(command, f"{name}.yml", workspace, left_out, hidden)
    return ResourceFile(f"{name}.yml", "".join(f"# {line}\n" for line in head) + body, left_out, hidden)


def _head(
    command: str, file: str, workspace: WorkspaceRef, left_out: tuple[str, ...], hidden: tuple[str, ...]
) -> list[str]:
    where = f"-f {shlex.quote(file)} --resource-group {shlex.quote(workspace.resource_group)}"
    where += f" --workspace-name {shlex.quote(workspace.name)} --subscription {shlex.quote(workspace.subscription_id)}"
    lines = [f"Create it:  az ml {command} create {where}", f"Update it:  az ml {command} update {where}"]
    if left_out:
        lines += ["Not in this file, because az ml has no word for it:", *(f"  {each}" for each in left_out)]
    if hidden:
        lines.append(f"Cannot be applied as it is: {_one_line(', '.join(hidden))} hidden.")
    return lines


def _one_line(value: object) -> str:
    if isinstance(value, Hidden):
        return HIDDEN_WORDS
    text = value if isinstance(value, str) else json.dumps(value, default=lambda _: HIDDEN_WORDS)
    # Every kind of line break that YAML knows would end the comment.
    return " ".join(text.split())
