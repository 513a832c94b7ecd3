"""Registered models, environments and code: whether a version is there, and what of it matters to a deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.translation import Call
from services.errors import NotFound

API_VERSION = "2024-10-01"
_PART = re.compile(r"[A-Za-z0-9][\w.-]{0,254}", re.ASCII)
_MOST_NAMES = 500


@dataclass(frozen=True)
class AssetVersion:
    """A version of an asset. ``properties`` are Azure's own: modelType, image, condaFile, inferenceConfig…"""

    id: str
    name: str
    version: str
    is_archived: bool
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def find_version(conn: Connection, collection: str, name: str, version: str = "") -> AssetVersion | None:
    """The version of an asset of the connection's workspace, the newest one without ``version``; None when there is
    none. ``collection`` is models, environments or codes. Raises SluiceError."""
    if not _PART.fullmatch(name) or (version and not _PART.fullmatch(version)):
        return None
    call = _call(conn, collection)
    path = f"{conn.workspace_path}/{collection}/{name}/versions"
    try:
        if version:
            document = conn.send("GET", f"{path}/{version}", call, api_version=API_VERSION).body
            return _version(document, name)
        newest = {"$orderBy": "createdtime desc", "$top": "1"}
        listed = conn.pages(path, call, api_version=API_VERSION, params=newest)
        return next((_version(each, name) for each in listed), None)
    except NotFound:
        return None


def versions_of(conn: Connection, collection: str, name: str, most: int = 5) -> tuple[str, ...]:
    """The newest versions of an asset, newest first; () when there is no such asset. Raises SluiceError."""
    if not _PART.fullmatch(name):
        return ()
    path = f"{conn.workspace_path}/{collection}/{name}/versions"
    newest = {"$orderBy": "createdtime desc", "$top": str(most)}
    try:
        listed = conn.pages(path, _call(conn, collection), api_version=API_VERSION, params=newest)
        return tuple(str(each.get("name") or "") for each in islice(listed, most))
    except NotFound:
        return ()


def names_of(conn: Connection, collection: str) -> tuple[str, ...]:
    """The names of all assets of a kind in the workspace, 500 at most. Raises SluiceError."""
    listed = conn.pages(f"{conn.workspace_path}/{collection}", _call(conn, collection), api_version=API_VERSION)
    return tuple(str(each.get("name") or "") for each in islice(listed, _MOST_NAMES))


def _call(conn: Connection, collection: str) -> Call:
    return conn.call(f"The {collection} of the workspace could not be read.")


def _version(document: Json, name: str) -> AssetVersion:
    properties = document.get("properties") or {}
    return AssetVersion(
        id=str(document.get("id") or ""),
        name=name,
        version=str(document.get("name") or ""),
        is_archived=bool(properties.get("isArchived")),
        properties=properties,
    )
