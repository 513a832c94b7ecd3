"""Codes, models and environments: named, versioned, and fixed once registered."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.rules import check_asset_name, check_objects
from emulator.arm.workspaces import SAS_SECONDS, WORKSPACE, storage_account_id
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.resources import MACHINE_LEARNING, Place
from emulator.storage.signatures import sign

_FIXED = {"codes": ("codeUri",), "models": ("modelUri",), "environments": ("image", "condaFile", "build")}
"""What of a registered version can never change."""
_NAMES = {"codes": "Code", "models": "Model", "environments": "Environment"}


def asset_routes(context: Context) -> Sequence[ArmRoute]:
    """The routes of the three collections."""
    return [route for collection in _FIXED for route in _Collection(context, collection).routes()]


class _Collection:
    def __init__(self, context: Context, collection: str) -> None:
        self._context = context
        self._collection = collection

    def routes(self) -> list[ArmRoute]:
        base = f"{WORKSPACE}/{self._collection}"
        name = base + "/{name}"
        version = name + "/versions/{version}"
        return [
            ArmRoute(self._context, base, self.containers),
            ArmRoute(self._context, name, self.container),
            ArmRoute(self._context, name + "/versions", self.versions),
            ArmRoute(self._context, version, self.version),
            ArmRoute(self._context, version, self.register, ["PUT"]),
            ArmRoute(self._context, version + "/startPendingUpload", self.start_upload, ["POST"]),
        ]

    async def containers(self, call: Call) -> Response:
        """Every name of the collection."""
        names = sorted({found["name"] for _, found in self._all(call.place)})
        return JSONResponse({"value": [self._container(call, name) for name in names]})

    async def container(self, call: Call) -> Response:
        """One name, with its latest and next version."""
        return JSONResponse(self._container(call, call.params["name"]))

    async def versions(self, call: Call) -> Response:
        """The versions of a name, newest first; with a hash, those of every name that hold just these bytes."""
        query = call.request.query_params
        wanted = query.get("hash")
        under = "" if wanted else call.params["name"] + "/"
        found = [document for _, document in self._all(call.place, under)]
        if wanted:
            found = [
                each for each in found if (each["properties"].get("properties") or {}).get("hash_sha256") == wanted
            ]
        view = query.get("listViewType", "All")
        if view in ("ActiveOnly", "ArchivedOnly"):
            found = [each for each in found if bool(each["properties"].get("isArchived")) == (view == "ArchivedOnly")]
        ascending = query.get("$orderBy", "").lower().endswith(" asc")
        found.sort(key=lambda each: str(each["systemData"]["createdAt"]), reverse=not ascending)
        top = query.get("$top", "")
        found = found[: int(top)] if top.isascii() and top.isdigit() and len(top) < 10 else found
        return JSONResponse({"value": [self._render(call.place, each) for each in found]})

    async def version(self, call: Call) -> Response:
        """One version."""
        name, version = call.params["name"], call.params["version"]
        found = self._context.documents.get(self._collection, f"{call.place.key}/{name}/{version}")
        if found is None:
            raise call.missing(f"{self._collection}/{name}/versions/{version}")
        return JSONResponse(self._render(call.place, found))

    async def register(self, call: Call) -> Response:
        """Register a version, or change what may change of one that is there."""
        body = await call.body()
        name, version = call.params["name"], call.params["version"]
        for text in (name, version):
            check_asset_name(text)
        key = f"{call.place.key}/{name}/{version}"
        check_objects(body, "properties")
        sent: dict[str, Any] = body.get("properties") or {}
        check_objects(sent, "properties", "tags")
        before = self._context.documents.get(self._collection, key)
        for field in _FIXED[self._collection] if before else ():
            assert before is not None
            if before["properties"].get(field) != sent.get(field):
                raise ServiceError(
                    409,
                    "UserError",
                    f"{_NAMES[self._collection]} {name}:{version} is registered already with another {field};"
                    " register a new version instead.",
                )
        document: Document = {
            "name": before["name"] if before else name,
            "version": version,
            "properties": {"description": None, "tags": {}, "properties": {}, "isArchived": False, **sent},
            "systemData": self._context.system_data(call.caller, _created(before)),
        }
        self._context.documents.put(self._collection, key, document)
        return JSONResponse(self._render(call.place, document), 200 if before else 201)

    async def start_upload(self, call: Call) -> Response:
        """Where to upload to: a container of its own for every version."""
        container = f"{self._collection[:-1]}-{uuid.uuid5(uuid.NAMESPACE_URL, call.request.url.path.lower())}"
        address = self._context.addresses.container(container)
        token = sign(self._context.secrets.storage_key, container, "racwl", int(self._context.now()) + SAS_SECONDS)
        reference = {
            "blobUri": address,
            "storageAccountArmId": storage_account_id(call.place),
            "credential": {"credentialType": "SAS", "sasUri": f"{address}?{token}"},
        }
        return JSONResponse(
            {
                "pendingUploadId": str(uuid.uuid4()),
                "pendingUploadType": "TemporaryBlobReference",
                "blobReferenceForConsumption": reference,
            }
        )

    def _all(self, place: Place, under: str = "") -> list[tuple[str, Document]]:
        return self._context.documents.all(self._collection, f"{place.key}/{under}")

    def _type(self) -> str:
        return f"{MACHINE_LEARNING}/workspaces/{self._collection}"

    def _container(self, call: Call, name: str) -> Document:
        found = [document for _, document in self._all(call.place, name + "/")]
        if not found:
            raise call.missing(f"{self._collection}/{name}")
        newest = max(found, key=lambda each: str(each["systemData"]["createdAt"]))
        numbers = [int(each["version"]) for each in found if each["version"].isdigit()]
        return {
            "id": f"{call.place.workspace_id}/{self._collection}/{newest['name']}",
            "name": newest["name"],
            "type": self._type(),
            "systemData": newest["systemData"],
            "properties": {
                "description": None,
                "tags": {},
                "properties": {},
                "isArchived": all(each["properties"].get("isArchived") for each in found),
                "latestVersion": newest["version"],
                "nextVersion": str(max(numbers, default=0) + 1),
                "provisioningState": "Succeeded",
            },
        }

    def _render(self, place: Place, document: Document) -> Document:
        name, version = document["name"], document["version"]
        # The SDK cannot read a model version without flavors.
        extra: dict[str, Any] = {"flavors": {}, "stage": None} if self._collection == "models" else {}
        return {
            "id": f"{place.workspace_id}/{self._collection}/{name}/versions/{version}",
            "name": version,
            "type": f"{self._type()}/versions",
            "systemData": document["systemData"],
            "properties": {**extra, **document["properties"], "provisioningState": "Succeeded"},
        }


def _created(before: Document | None) -> dict[str, str] | None:
    if before is None:
        return None
    return {key: before["systemData"][key] for key in ("createdBy", "createdByType", "createdAt")}
