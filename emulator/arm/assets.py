"""Codes, models and environments: named, versioned, and fixed once registered."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

from emulator.arm.access import ArmRoute, Call
from emulator.arm.asset_documents import (
    CODES,
    KINDS,
    MODELS,
    Kind,
    changed_field,
    check_reserved,
    container_properties,
    is_archived,
    new_properties,
    show_container,
    show_version,
    version_filter,
    view_filter,
)
from emulator.arm.context import Context
from emulator.arm.listing import page
from emulator.arm.references import find_version, named_assets
from emulator.arm.rules import RuleBroken, check_asset_name
from emulator.arm.workspaces import SAS_SECONDS, WORKSPACE, storage_account_id
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.resources import Place
from emulator.storage.signatures import sign


def asset_routes(context: Context) -> Sequence[ArmRoute]:
    """The routes of the three collections."""
    return [route for kind in KINDS for route in _Collection(context, kind).routes()]


class _Collection:
    def __init__(self, context: Context, kind: Kind) -> None:
        self._context = context
        self._kind = kind
        self._containers = f"{kind.collection} containers"

    def routes(self) -> list[ArmRoute]:
        base = f"{WORKSPACE}/{self._kind.collection}"
        name = base + "/{name}"
        version = name + "/versions/{version}"
        found = [
            ArmRoute(self._context, base, self.containers),
            ArmRoute(self._context, name, self.container),
            ArmRoute(self._context, name, self.put_container, ["PUT"]),
            ArmRoute(self._context, name, self.delete_container, ["DELETE"]),
            ArmRoute(self._context, name + "/versions", self.versions),
            ArmRoute(self._context, name + "/labels/{label}", self.label),
            ArmRoute(self._context, version, self.version),
            ArmRoute(self._context, version, self.put_version, ["PUT"]),
            ArmRoute(self._context, version, self.delete_version, ["DELETE"]),
        ]
        if self._kind in (CODES, MODELS):
            found.append(ArmRoute(self._context, version + "/startPendingUpload", self.start_upload, ["POST"]))
        return found

    async def containers(self, call: Call) -> Response:
        """Every name of the collection."""
        place, shown = call.place, view_filter(call.request.query_params)
        grouped: dict[str, list[Document]] = {}
        for document in self._all(place):
            grouped.setdefault(document["name"].lower(), []).append(document)
        kept = dict(self._context.documents.all(self._containers, f"{place.key}/"))
        kept = {key.rpartition("/")[2]: document for key, document in kept.items()}
        found = [
            show_container(self._kind, place, kept.get(name), grouped.get(name, []))
            for name in sorted(grouped.keys() | kept.keys())
        ]
        return self._page(call, [each for each in found if shown(each["properties"]["isArchived"])], size="count")

    async def container(self, call: Call) -> Response:
        """One name, with its latest and next version."""
        kept, versions = self._find(call)
        return JSONResponse(show_container(self._kind, call.place, kept, versions))

    async def put_container(self, call: Call) -> Response:
        """Describe, tag, archive or restore a name; it need not have versions yet."""
        name = call.params["name"]
        check_asset_name(name)
        check_reserved(self._kind, name)
        properties = container_properties(await call.body())
        kept, versions = self._kept(call.place, name), self._all(call.place, name)
        before = kept or (versions[0] if versions else None)
        document: Document = {
            "name": before["name"] if before else name,
            "properties": properties,
            "systemData": self._context.system_data(call.caller, _created(kept)),
        }
        with self._context.documents.transaction():
            self._context.documents.put(self._containers, f"{call.place.key}/{name}", document)
            if is_archived(kept, versions) and not properties["isArchived"]:
                # Restoring a name restores what only its own archiving hid, and versions archived one by one as well.
                for each in versions:
                    self._write(call.place, {**each, "properties": {**each["properties"], "isArchived": False}})
        found = show_container(self._kind, call.place, document, self._all(call.place, name))
        return JSONResponse(found, 200 if before else 201)

    async def delete_container(self, call: Call) -> Response:
        """Delete a name and all its versions."""
        place, name = call.place, call.params["name"]
        kept, versions = self._kept(place, name), self._all(place, name)
        if kept is None and not versions:
            return Response(status_code=204)
        for each in versions:
            self._check_unused(place, each)
        with self._context.documents.transaction():
            for each in versions:
                self._context.documents.delete(self._kind.collection, self._key(place, name, each["version"]))
            self._context.documents.delete(self._containers, f"{place.key}/{name}")
        return Response(status_code=200)

    async def versions(self, call: Call) -> Response:
        """The versions of a name, newest first; of codes with a hash, those of every name with just these bytes."""
        query, place, name = call.request.query_params, call.place, call.params["name"]
        is_shown, is_found = view_filter(query), version_filter(query)
        everywhere = self._kind is CODES and bool(query.get("hash"))
        found = self._all(place, "" if everywhere else name)
        hidden = {each["name"]: self._is_hidden(place, each["name"]) for each in found}
        found.sort(key=lambda each: str(each["systemData"]["createdAt"]), reverse=True)
        shown = [
            show_version(self._kind, place, each, archived=archived)
            for each in found
            for archived in [hidden[each["name"]] or bool(each["properties"].get("isArchived"))]
            if is_found(each) and is_shown(archived)
        ]
        return self._page(call, shown[_offset(query.get("offset", "")) :], size="$top")

    async def version(self, call: Call) -> Response:
        """One version."""
        place, name, version = call.place, call.params["name"], call.params["version"]
        found = self._context.documents.get(self._kind.collection, self._key(place, name, version))
        if found is None:
            raise call.missing(f"{self._kind.collection}/{name}/versions/{version}")
        return JSONResponse(self._show(place, found))

    async def label(self, call: Call) -> Response:
        """The version that a label names; `latest` is the only label there is."""
        name, label = call.params["name"], call.params["label"]
        found = self._all(call.place, name)
        if label.lower() != "latest" or not found:
            raise call.missing(f"{self._kind.collection}/{name}/labels/{label}")
        newest = max(found, key=lambda each: str(each["systemData"]["createdAt"]))
        return JSONResponse(self._show(call.place, newest))

    async def put_version(self, call: Call) -> Response:
        """Register a version, or change what may change of one that is there."""
        place, name, version = call.place, call.params["name"], call.params["version"]
        for text in (name, version):
            check_asset_name(text)
        check_reserved(self._kind, name)
        properties = new_properties(self._kind, await call.body())
        before = self._context.documents.get(self._kind.collection, self._key(place, name, version))
        changed = changed_field(self._kind, before["properties"], properties) if before else None
        if changed is not None:
            raise ServiceError(
                409,
                "UserError",
                f"{self._kind.title} {name}:{version} is registered already with another {changed}; register a new"
                " version instead.",
            )
        same_name = before or next(iter(self._all(place, name)), None) or self._kept(place, name)
        document: Document = {
            "name": same_name["name"] if same_name else name,
            "version": before["version"] if before else version,
            "properties": properties,
            "systemData": self._context.system_data(call.caller, _created(before)),
        }
        self._write(place, document)
        return JSONResponse(self._show(place, document), 200 if before else 201)

    async def delete_version(self, call: Call) -> Response:
        """Delete a version that no deployment uses."""
        place, key = call.place, self._key(call.place, call.params["name"], call.params["version"])
        found = self._context.documents.get(self._kind.collection, key)
        if found is None:
            return Response(status_code=204)
        self._check_unused(place, found)
        self._context.documents.delete(self._kind.collection, key)
        return Response(status_code=200)

    async def start_upload(self, call: Call) -> Response:
        """Where to upload to: a container of its own for every version."""
        kind = (await call.body()).get("pendingUploadType")
        if kind not in (None, "None", "TemporaryBlobReference"):
            raise RuleBroken(f"pendingUploadType is {kind!r}; it must be TemporaryBlobReference.")
        version = self._key(call.place, call.params["name"], call.params["version"]).lower()
        container = f"{self._kind.collection[:-1]}-{uuid.uuid5(uuid.NAMESPACE_URL, version)}"
        address = self._context.addresses.container(container)
        token = sign(self._context.secrets.storage_key, container, "racwdl", int(self._context.now()) + SAS_SECONDS)
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

    def _page(self, call: Call, found: Sequence[Document], *, size: str) -> Response:
        address = self._context.addresses.control + call.request.url.path
        return JSONResponse(page(found, call.request.query_params, size=size, order="$orderBy", address=address))

    def _key(self, place: Place, name: str, version: str) -> str:
        return f"{place.key}/{name}/{version}"

    def _all(self, place: Place, name: str = "") -> list[Document]:
        under = f"{place.key}/{name}/" if name else f"{place.key}/"
        return [document for _, document in self._context.documents.all(self._kind.collection, under)]

    def _kept(self, place: Place, name: str) -> Document | None:
        return self._context.documents.get(self._containers, f"{place.key}/{name}")

    def _find(self, call: Call) -> tuple[Document | None, list[Document]]:
        name = call.params["name"]
        kept, versions = self._kept(call.place, name), self._all(call.place, name)
        if kept is None and not versions:
            raise call.missing(f"{self._kind.collection}/{name}")
        return kept, versions

    def _write(self, place: Place, document: Document) -> None:
        key = self._key(place, document["name"], document["version"])
        self._context.documents.put(self._kind.collection, key, document)

    def _is_hidden(self, place: Place, name: str) -> bool:
        kept = self._kept(place, name)
        return kept is not None and bool(kept["properties"]["isArchived"])

    def _show(self, place: Place, document: Document) -> Document:
        archived = bool(document["properties"].get("isArchived")) or self._is_hidden(place, document["name"])
        return show_version(self._kind, place, document, archived=archived)

    def _check_unused(self, place: Place, document: Document) -> None:
        """A version that a deployment uses stays: its instances could not come back without it."""
        wanted = self._key(place, document["name"], document["version"]).lower()
        for key, deployment in self._context.documents.all("deployment"):
            if self._context.place_of(key.partition("/")[0]).key != place.key:
                continue
            # After a failed update its instances still run what was applied before.
            each = (deployment["sent"], deployment["applied"])
            named = {text for sent in each if sent for text in named_assets(self._kind.collection, sent)}
            used = (find_version(self._context, place, self._kind.collection, text) for text in named)
            if wanted in {self._key(place, found["name"], found["version"]).lower() for found in used if found}:
                raise ServiceError(
                    409,
                    "Conflict",
                    f"{self._kind.title} {document['name']}:{document['version']} is used by the deployment {key}"
                    " and cannot be deleted.",
                )


def _offset(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _created(before: Document | None) -> dict[str, str] | None:
    if before is None:
        return None
    return {key: before["systemData"][key] for key in ("createdBy", "createdByType", "createdAt")}
