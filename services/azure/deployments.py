"""Single deployments and registered assets as Azure Resource Manager holds them: read whole, so that nothing is lost
when they are put back."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.documents import as_deployment, as_endpoint, moment
from services.azure.endpoints import clean_identity, with_split
from services.azure.missing_assets import alternatives, words
from services.errors import NotFound, ServiceFailed, SluiceError
from services.model import Deployment, WorkspaceRef

API_VERSION = "2025-12-01"
"""The stable version that azure-ai-ml 1.35 has its models of deployments from. Older ones do not know ``startupProbe``,
and a PUT through one of those would lose it."""
ASSET_API = "2024-10-01"
RESTART_VARIABLE = "SLUICE_RESTARTED_AT"
"""An environment variable whose only purpose is to change, which restarts a deployment. Nothing reads it."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ASSET = re.compile(r"(?:azureml:)?([A-Za-z0-9][\w.-]*)(?::|@)([\w.-]+)")
_ASSET_PATH = re.compile(r"(?P<workspace>/.*)/[a-z]+/(?P<name>[^/]+)/versions/(?P<version>[^/]+)", re.IGNORECASE)
_UNNAMED = re.compile(r"[0-9a-f]{32,64}")
_READ_ONLY = ("id", "name", "type", "systemData", "etag")
_MOST_ASSETS = 200


def endpoint_path(conn: Connection, endpoint: str) -> str:
    """ARM path of an endpoint. Raises NotFound for a name that no endpoint can have."""
    return f"{conn.workspace_path}/onlineEndpoints/{_checked('endpoint', endpoint)}"


def deployment_path(conn: Connection, endpoint: str, deployment: str) -> str:
    """ARM path of a deployment. Raises NotFound for a name that none can have."""
    return f"{endpoint_path(conn, endpoint)}/deployments/{_checked('deployment', deployment)}"


def read_deployment(conn: Connection, endpoint: str, deployment: str) -> Deployment:
    """One deployment as Azure holds it now, with every field that Azure tells. Raises NotFound and the other
    SluiceErrors."""
    call = conn.call(f"The deployment {deployment} of {endpoint} could not be read.")
    body = conn.send("GET", deployment_path(conn, endpoint, deployment), call, api_version=API_VERSION).body
    if not isinstance(body, dict):
        why = f"{call.address} answered something that is not what was asked for."
        raise ServiceFailed(call.what, why, "Check that no proxy answers instead of Azure.")
    return as_deployment(body, endpoint)


def writable_deployment(document: Mapping[str, Any]) -> Json:
    """A copy of a deployment's ARM document that can be PUT: everything but what only Azure can set, the ids inside
    ``identity`` among it."""
    body = {key: copy.deepcopy(value) for key, value in document.items() if key not in _READ_ONLY}
    body.setdefault("properties", {}).pop("provisioningState", None)
    clean_identity(body)
    return body


def writable_endpoint(document: Mapping[str, Any]) -> Json:
    """A copy of an endpoint's ARM document that can be PUT, its split included."""
    return with_split(dict(document), as_endpoint(dict(document)).split)


def asset_id(conn: Connection, kind: str, text: str) -> str:
    """The ARM id of a registered asset, which is there. ``kind`` is ``models``, ``environments`` or ``codes``; ``text``
    is ``name:version``, ``name@latest``, an id, or a reference into a registry, which is not looked up.

    Raises NotFound when the workspace has no such asset, with what may have been meant.
    """
    wanted = text.strip()
    if wanted.startswith("azureml://"):
        return wanted
    path = wanted.removeprefix("azureml:")
    if not path.startswith("/"):
        found = _ASSET.fullmatch(path)
        if not found:
            why = f"{text!r} names no registered asset."
            raise NotFound(f"The {kind[:-1]} was not found.", why, "Write name:version, name@latest or its id.")
        name, version = found.groups()
        if "@" in path:
            version = _latest(conn, kind, name)
        path = f"{conn.workspace_path}/{kind}/{name}/versions/{version}"
    call = conn.call(f"The {kind[:-1]} {text} could not be read.")
    try:
        conn.send("GET", path, call, api_version=ASSET_API)
    except NotFound as error:
        parts = _ASSET_PATH.fullmatch(path)
        if not parts:
            raise
        there = conn.at(WorkspaceRef.of(parts["workspace"]))
        raise _missing(there, kind, parts["name"], parts["version"], error) from None
    return path


def _missing(conn: Connection, kind: str, name: str, version: str, error: NotFound) -> NotFound:
    """What is told of an asset that is not there: what may have been meant, unless that cannot be found out."""
    try:
        return NotFound(*words(kind, name, version, alternatives(conn, kind, name)), request_id=error.request_id)
    except SluiceError:
        return error


@dataclass(frozen=True)
class Registered:
    """The newest version of a registered asset."""

    name: str
    version: str
    created_at: datetime | None

    @property
    def reference(self) -> str:
        """``name:version``, as :func:`asset_id` takes it."""
        return f"{self.name}:{self.version}"

    @property
    def is_unnamed(self) -> bool:
        """Whether it was uploaded without a name."""
        return bool(_UNNAMED.fullmatch(self.name))

    def is_in(self, text: str) -> bool:
        """Whether the id of an asset in ``text`` is that of this one, in whatever version."""
        return f"/{self.name}/versions/".lower() in text.lower()


def list_assets(conn: Connection, kind: str) -> tuple[Registered, ...]:
    """The registered assets by name, those without a name of their own last. Raises SluiceError."""
    call = conn.call(f"The registered {kind} could not be read.")
    found = []
    for document in conn.pages(f"{conn.workspace_path}/{kind}", call, api_version=ASSET_API):
        properties = document.get("properties") or {}
        if properties.get("latestVersion") and not properties.get("isArchived"):
            made = moment((document.get("systemData") or {}).get("createdAt"))
            found.append(Registered(str(document.get("name")), str(properties["latestVersion"]), made))
        if len(found) >= _MOST_ASSETS:
            break
    return tuple(sorted(found, key=lambda each: (each.is_unnamed, each.name, each.version)))


def _latest(conn: Connection, kind: str, name: str) -> str:
    path = f"{conn.workspace_path}/{kind}/{name}"
    call = conn.call(f"The newest version of {name} could not be read.")
    try:
        body = conn.send("GET", path, call, api_version=ASSET_API).body
    except NotFound as error:
        raise _missing(conn, kind, name, "", error) from None
    version = (body.get("properties") or {}).get("latestVersion") if isinstance(body, dict) else None
    if not version:
        raise NotFound(call.what, f"Azure names no newest version of {name}.", "Write its version: name:version.")
    return str(version)


def _checked(kind: str, name: str) -> str:
    # The name may come from an address bar. One that Azure cannot have is not sent, so it leads nowhere else.
    if not _NAME.fullmatch(name):
        why = f"No {kind} can have this name: names are letters, digits and dashes."
        raise NotFound(f"The {kind} {name} could not be read.", why, "Choose one that is there.")
    return name
