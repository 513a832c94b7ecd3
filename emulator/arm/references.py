"""From what a deployment names to what lies in the workspace: assets, and the files behind their URIs."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from emulator.arm.context import Context
from emulator.arm.rules import RuleBroken
from emulator.arm.workspaces import datastore_container
from emulator.documents import Document
from emulator.http import not_emulated
from emulator.resources import DATASTORE, STORAGE_ACCOUNT, Place, asset_reference
from emulator.storage.errors import BlobError

_DATASTORE_URI = re.compile(r"azureml://(?:.*/)?datastores/(?P<store>[^/]+)/paths/(?P<path>.+)", re.IGNORECASE)
_REGISTRY_URI = re.compile(r"azureml://registries/(?P<registry>[^/]+)/(?P<rest>.+)", re.IGNORECASE)
_CURATED = re.compile(r"environments/(?P<name>[^/]+)/(?:versions|labels)/[^/]+", re.IGNORECASE)
_LABEL = re.compile(r".*/(?P<collection>[^/]+)/(?P<name>[^/]+)/labels/(?P<label>[^/]+)/?", re.IGNORECASE)
_SHORT = re.compile(r"azureml:(?P<name>[^:/@]+)(?::(?P<version>[^:/@]+)|@(?P<label>[^:/@]+))", re.IGNORECASE)
_WORKSPACE = re.compile(
    r"subscriptions/([^/]+)/resourcegroups/([^/]+)/(?:providers/[^/]+/)?workspaces/([^/]+)/", re.IGNORECASE
)
_PATH_SEGMENT = f"/{STORAGE_ACCOUNT}.blob."


def find_asset(context: Context, place: Place, collection: str, reference: str) -> Document:
    """The version of an asset that `reference` names: an ARM id or asset id, with a version or the label latest.

    Raises RuleBroken when it is not in the workspace, ServiceError 501 when it is in a registry.
    """
    what = collection[:-1]
    if not reference:
        raise RuleBroken(f"The deployment has no {what}.")
    registry = _REGISTRY_URI.fullmatch(reference)
    if registry is not None:
        raise not_emulated(f"registries; the deployment's {what} {reference} is in the registry {registry['registry']}")
    found = find_version(context, place, collection, reference)
    if found is None:
        raise RuleBroken(f"The {what} {reference} was not found.")
    return found


def curated_environment(context: Context, place: Place, reference: str) -> str:
    """The name of the curated environment that `reference` names, "" when it names one of the workspace's own.

    Curated environments are those of the registry azureml, and in a workspace those whose name begins with AzureML-.
    """
    registry = _REGISTRY_URI.fullmatch(reference)
    if registry is not None:
        named = _CURATED.fullmatch(registry["rest"]) if registry["registry"].lower() == "azureml" else None
        return named["name"] if named else ""
    named = _CURATED.search(reference)
    short = _SHORT.fullmatch(reference)
    name = named["name"] if named else short["name"] if short else ""
    is_curated = name.lower().startswith("azureml-") and find_version(context, place, "environments", reference) is None
    return name if is_curated else ""


def named_assets(collection: str, document: Document) -> list[str]:
    """What a deployment's document names of a collection."""
    properties = document["properties"]
    code = (properties.get("codeConfiguration") or {}).get("codeId")
    named = {"models": properties.get("model"), "environments": properties.get("environmentId"), "codes": code}
    return [str(named[collection])] if named[collection] else []


def find_version(context: Context, place: Place, collection: str, reference: str) -> Document | None:
    """The version of an asset of the workspace that `reference` names, None when there is none."""
    labelled, short = _LABEL.fullmatch(reference), _SHORT.fullmatch(reference)
    if labelled is not None and labelled["collection"].lower() == collection and _is_within(place, reference):
        return _labelled(context, place, collection, labelled["name"], labelled["label"])
    if short is not None and short["label"]:
        return _labelled(context, place, collection, short["name"], short["label"])
    parts = (short["name"], short["version"]) if short is not None else asset_reference(reference, collection)
    if parts is None or not _is_within(place, reference):
        return None
    return context.documents.get(collection, "/".join((place.key, *parts)))


def _is_within(place: Place, reference: str) -> bool:
    """Whether a reference names no workspace or this one."""
    named = _WORKSPACE.search(reference)
    return named is None or "/".join(named.groups()).lower() == place.key


def _labelled(context: Context, place: Place, collection: str, name: str, label: str) -> Document | None:
    if label.lower() != "latest":
        return None
    found = [each for _, each in context.documents.all(collection, f"{place.key}/{name}/")]
    return max(found, key=lambda each: str(each["systemData"]["createdAt"]), default=None)


def blob_path(context: Context, place: Place, uri: str) -> Path:
    """The file or folder behind a datastore URI or a blob URL; nothing need be there.

    Hosts do not count: ports may have changed. Raises RuleBroken for what is not in the local storage.
    """
    match = _DATASTORE_URI.fullmatch(uri)
    if match is not None:
        if match["store"].lower() != DATASTORE:
            raise RuleBroken(f"The datastore '{match['store']}' does not exist; there is only {DATASTORE}.")
        container, name = datastore_container(context, _workspace_of(context, place, uri)), match["path"]
    else:
        path = urlsplit(uri).path
        container, _, name = path.removeprefix("/").partition("/")[2].partition("/")
        if not path.startswith(_PATH_SEGMENT) or not name:
            raise RuleBroken(f"The local Azure cannot read {uri}; it reads what was uploaded to its own storage.")
    try:
        spellings = [context.blobs.locate(container, each.rstrip("/")) for each in (name, unquote(name))]
    except BlobError as error:
        raise RuleBroken(f"{uri} cannot be read: {error.message}") from error
    return next((each for each in spellings if each.exists()), spellings[0])


def _workspace_of(context: Context, place: Place, uri: str) -> Place:
    """The workspace that a datastore URI names, `place` when it names none. Raises RuleBroken for an unknown one."""
    named = _WORKSPACE.search(uri)
    if named is None:
        return place
    found = context.find_place(*named.groups())
    if found is None:
        raise RuleBroken(f"{uri} cannot be read: there is no such workspace.")
    return found
