"""The fields of an ARM document on their way into a file: taken one by one, so that what nobody took can be named."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.azure.cloud import Json
from services.azure.documents import milliseconds
from services.model import WorkspaceRef

_AZURES_OWN = ("id", "name", "type", "systemData", "etag", "location", "kind")
_AZURES_OWN_PROPERTIES = ("provisioningState", "scoringUri", "swaggerUri", "keys")
_AZURES_OWN_MARKS = ("azureml.onlineendpointid", "AzureAsyncOperationUri")
"""What Azure writes into the free dictionary ``properties.properties`` by itself."""
_APP_ROOT = "/var/azureml-app/"
_CODE = re.compile(r".*/codes/([^/]+)/versions/([^/]+)", re.IGNORECASE)
_GENERATED = re.compile(r"[0-9a-f-]{32,64}", re.IGNORECASE)
"""The names that ``az ml`` gives to what it uploads: a hash or a GUID."""
_ASSET = re.compile(
    r"(?P<workspace>/subscriptions/.+/workspaces/[^/]+)/(?:models|environments)/([^/]+)/versions/([^/]+)"
)


class Fields:
    """A document from which fields are taken; :meth:`rest` is what nobody took and only a person can set."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._left: dict[str, Any] = {key: copy.deepcopy(v) for key, v in document.items() if key not in _AZURES_OWN}
        properties = self._left.get("properties")
        if isinstance(properties, dict):
            for name in _AZURES_OWN_PROPERTIES:
                properties.pop(name, None)

    def take(self, *path: str) -> Json:
        """The value at ``path``, None when there is none. It is not part of the rest any more."""
        holder: Json = self._left
        for step in path[:-1]:
            holder = holder.get(step) if isinstance(holder, dict) else None
        return holder.pop(path[-1], None) if isinstance(holder, dict) else None

    def put_back(self, value: Json, *path: str) -> None:
        """Make ``value`` part of the rest again: it was taken and cannot be said in the file."""
        holder = self._left
        for step in path[:-1]:
            holder = holder.setdefault(step, {})
        holder[path[-1]] = value

    def rest(self) -> list[tuple[str, Any]]:
        """Dotted path and value of every field that has a value and was not taken."""
        return list(_leaves(self._left, ""))


def asset_reference(resource: Json, workspace: WorkspaceRef | None) -> str | None:
    """A model or an environment as a YAML file names it: ``azureml:name:version`` in its own workspace.

    Curated environments keep their whole id, because ``az ml`` reads their short name as another one.
    """
    text = str(resource or "")
    found = _ASSET.fullmatch(text)
    if found and workspace is not None and not found[2].startswith("AzureML-"):
        own = WorkspaceRef.of(found["workspace"])
        if own.is_same(workspace):
            return f"azureml:{found[2]}:{found[3]}"
    return code_reference(text)


def code_name(resource: Json) -> str:
    """A short form of an uploaded folder's id for people: its name and version, or the beginning of its hash."""
    found = _CODE.fullmatch(str(resource or ""))
    if not found:
        return str(resource or "")
    name, version = found.groups()
    return f"uploaded {name[:7]}" if _GENERATED.fullmatch(name) else f"{name}:{version}"


def code_reference(resource: Json) -> str | None:
    """An ARM id as a YAML file names it; other references, such as those into a registry, stay as they are."""
    text = str(resource or "")
    return (f"azureml:{text}" if text.startswith("/") else text) or None


def whole_milliseconds(duration: Json) -> int | None:
    """An ISO 8601 duration in milliseconds; None for 0, which ``az ml`` takes for absent, and for what is none."""
    found = milliseconds(duration, 0)
    return found or None


def whole_seconds(duration: Json) -> int | None:
    """An ISO 8601 duration in seconds; None when it is 0 or no whole number of seconds."""
    found = milliseconds(duration, 0)
    return found // 1000 if found and found % 1000 == 0 else None


def without_azures_marks(properties: Json) -> dict[str, Any]:
    """The free dictionary ``properties.properties`` without what Azure writes there."""
    given = properties if isinstance(properties, dict) else {}
    return {name: value for name, value in given.items() if name not in _AZURES_OWN_MARKS}


def own_variables(document: Mapping[str, Any]) -> dict[str, Any]:
    """The environment variables of a deployment without those that Azure adds: where it put model and script."""
    properties = document.get("properties") or {}
    script = (properties.get("codeConfiguration") or {}).get("scoringScript")
    return {
        name: value
        for name, value in (properties.get("environmentVariables") or {}).items()
        if not (name in ("AML_APP_ROOT", "AZUREML_MODEL_DIR") and str(value).startswith(_APP_ROOT))
        and not (name == "AZUREML_ENTRY_SCRIPT" and value == script)
    }


def _leaves(value: Json, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else str(name))
    elif value not in (None, "", []):
        yield path, value
