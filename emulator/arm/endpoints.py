"""Online endpoints: the document, its keys, its split, and its long-running operations."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm import rules
from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.operations import Failure, Kind, Operations
from emulator.arm.serving import Serving
from emulator.arm.workspaces import WORKSPACE
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.http import not_emulated
from emulator.monitor.diagnostics import forget_endpoint
from emulator.resources import MACHINE_LEARNING, Place

TYPE = f"{MACHINE_LEARNING}/workspaces/onlineEndpoints"
ENDPOINTS = WORKSPACE + "/onlineEndpoints"
ENDPOINT = ENDPOINTS + "/{endpoint}"
_READ_ONLY = ("id", "name", "type", "systemData")
_READ_ONLY_PROPERTIES = ("provisioningState", "scoringUri", "swaggerUri", "keys")
_SLOTS = {"primary": "primaryKey", "secondary": "secondaryKey"}


class Endpoints:
    """The handlers of online endpoints."""

    def __init__(self, context: Context, operations: Operations, serving: Serving) -> None:
        self._context = context
        self._operations = operations
        self._serving = serving
        operations.register("endpoint.write", Kind(self._work_write, self._finish_write))
        operations.register("endpoint.keys", Kind(self._work_keys, self._finish_write))
        operations.register("endpoint.delete", Kind(self._work_delete, self._finish_delete, ends_in=204))

    def routes(self) -> Sequence[ArmRoute]:
        """The routes of online endpoints."""
        context = self._context
        return [
            ArmRoute(context, ENDPOINTS, self.list),
            ArmRoute(context, ENDPOINT, self.get),
            ArmRoute(context, ENDPOINT, self.put, ["PUT"]),
            ArmRoute(context, ENDPOINT, self.patch, ["PATCH"]),
            ArmRoute(context, ENDPOINT, self.delete, ["DELETE"]),
            ArmRoute(context, ENDPOINT + "/listKeys", self.list_keys, ["POST"]),
            ArmRoute(context, ENDPOINT + "/regenerateKeys", self.regenerate_keys, ["POST"]),
            ArmRoute(context, ENDPOINT + "/token", self.token, ["POST"]),
        ]

    async def list(self, call: Call) -> Response:
        """All endpoints of the workspace, by name."""
        place = call.place
        found = [each for _, each in self._context.documents.all("endpoint") if is_in(each, place, self._context)]
        return JSONResponse({"value": [render_endpoint(self._context, each) for each in found], "nextLink": None})

    async def get(self, call: Call) -> Response:
        """One endpoint."""
        return JSONResponse(render_endpoint(self._context, self._find(call)))

    async def put(self, call: Call) -> Response:
        """Create an endpoint, or replace its document. The answer says 201 or 200; the operation says when it is so."""
        sent = _clean(await call.body())
        name = call.params["endpoint"].lower()
        rules.check_name("endpoint", name)
        documents = self._context.documents
        before = documents.get("endpoint", name)
        place = call.place
        if before is not None and not is_in(before, place, self._context):
            raise rules.RuleBroken(
                f"The specified endpoint name '{name}' is not available. Endpoint names must be unique within the"
                " region. Please try a different name."
            )
        if before is None:
            rules.check_room("endpoint", documents.all("endpoint"), rules.MAX_ENDPOINTS)
        self._check_idle(name)
        properties = sent["properties"]
        rules.check_auth_mode(properties.get("authMode"))
        if properties.get("compute"):
            raise not_emulated("Kubernetes online endpoints")
        for field in ("traffic", "mirrorTraffic"):
            properties[field] = rules.shares(properties.get(field), field)
        deployments = {
            each["name"]: bool(each["applied"])
            for _, each in documents.all("deployment", f"{name}/")
            if each["state"] != "Deleting"
        }
        rules.check_split(properties["traffic"], properties["mirrorTraffic"], deployments)
        document: Document = {
            "name": name,
            "workspace": place.key,
            "sent": sent,
            "state": "Updating" if before else "Creating",
            "keys": before["keys"] if before else {slot: secrets.token_urlsafe(32) for slot in _SLOTS.values()},
            "principalId": before["principalId"] if before else str(uuid.uuid4()),
            "systemData": self._context.system_data(call.caller, created_part(before)),
        }
        return self._accept(call, document, "endpoint.write", status=200 if before else 201)

    async def patch(self, call: Call) -> Response:
        """Change tags and identity; the API's PATCH takes nothing else."""
        body = await call.body()
        if set(body) - {"tags", "identity"}:
            raise ServiceError(400, "UserError", "PATCH of an online endpoint takes tags and identity only; use PUT.")
        rules.check_objects(body, "tags", "identity")
        before = self._find(call)
        self._check_idle(before["name"])
        sent = {**before["sent"], **{name: value for name, value in body.items() if value is not None}}
        data = self._context.system_data(call.caller, created_part(before))
        document = {**before, "sent": sent, "state": "Updating", "systemData": data}
        return self._accept(call, document, "endpoint.write", status=202)

    async def delete(self, call: Call) -> Response:
        """Delete an endpoint and its deployments."""
        name = call.params["endpoint"].lower()
        before = self._context.documents.get("endpoint", name)
        if before is None or not is_in(before, call.place, self._context):
            return Response(status_code=204)
        self._check_idle(name)
        for key, _ in self._context.documents.all("deployment", f"{name}/"):
            if self._operations.is_busy(key):
                raise busy(
                    f"Endpoint {name} cannot be deleted while an operation on its deployment {key} is in progress."
                )
        return self._accept(call, {**before, "state": "Deleting"}, "endpoint.delete", status=202, empty=True)

    async def list_keys(self, call: Call) -> Response:
        """Both keys."""
        return JSONResponse(self._find(call)["keys"])

    async def regenerate_keys(self, call: Call) -> Response:
        """Replace one key. What the client sends as keyValue is the old key, and does not count."""
        slot = _SLOTS.get(str((await call.body()).get("keyType", "")).lower())
        found = self._find(call)
        if slot is None:
            raise ServiceError(400, "UserError", "keyType must be Primary or Secondary.")
        self._check_idle(found["name"])
        with self._context.documents.transaction():
            self._context.documents.put("endpoint", found["name"], {**found, "state": "Updating"})
            operation = self._operations.begin("endpoint.keys", found["name"], {"slot": slot})
        return Response(status_code=202, headers=self._operations.accepted(operation, call))

    async def token(self, call: Call) -> Response:
        """Tokens belong to the auth modes that are not emulated."""
        self._find(call)
        raise not_emulated(f"tokens for scoring ({TYPE}/token/action); the endpoint's authMode is Key, use listKeys")

    def _find(self, call: Call) -> Document:
        name = call.params["endpoint"].lower()
        found = self._context.documents.get("endpoint", name)
        if found is None or not is_in(found, call.place, self._context):
            raise call.missing(f"onlineEndpoints/{name}")
        return found

    def _check_idle(self, name: str) -> None:
        if self._operations.is_busy(name):
            found = self._context.documents.get("endpoint", name)
            state = found["state"] if found else "Deleting"
            raise busy(f"Endpoint {name} is in {state} provisioning state: another operation is in progress.")

    def _accept(self, call: Call, document: Document, kind: str, *, status: int, empty: bool = False) -> Response:
        with self._context.documents.transaction():
            self._context.documents.put("endpoint", document["name"], document)
            operation = self._operations.begin(kind, document["name"])
        headers = self._operations.accepted(operation, call)
        if empty:
            return Response(status_code=status, headers=headers)
        return JSONResponse(render_endpoint(self._context, document), status, headers=headers)

    async def _work_write(self, name: str, _: dict[str, Any]) -> None:
        await self._serving.route(name)

    def _finish_write(self, name: str, _: dict[str, Any], failure: Failure | None) -> None:
        found = self._context.documents.get("endpoint", name)
        assert found is not None
        self._context.documents.put("endpoint", name, {**found, "state": "Failed" if failure else "Succeeded"})

    async def _work_keys(self, name: str, payload: dict[str, Any]) -> None:
        found = self._context.documents.get("endpoint", name)
        assert found is not None
        keys = {**found["keys"], payload["slot"]: secrets.token_urlsafe(32)}
        self._context.documents.put("endpoint", name, {**found, "keys": keys})
        await self._serving.route(name)

    async def _work_delete(self, name: str, _: dict[str, Any]) -> None:
        await self._serving.forget(name)
        for key, _document in self._context.documents.all("deployment", f"{name}/"):
            await self._serving.remove(*key.split("/"))

    def _finish_delete(self, name: str, _: dict[str, Any], failure: Failure | None) -> None:
        if failure:
            self._finish_write(name, {}, failure)
            return
        for key, _document in self._context.documents.all("deployment", f"{name}/"):
            self._context.documents.delete("deployment", key)
        forget_endpoint(self._context.documents, self._context.place_of(name).endpoint_id(name), self._context.now())
        self._context.documents.delete("endpoint", name)


def is_in(document: Document, place: Place, context: Context) -> bool:
    """Whether an endpoint's document belongs to a workspace."""
    return bool(document.get("workspace", context.home.key) == place.key)


def render_endpoint(context: Context, document: Document) -> Document:
    """The document as a client reads it: what was sent, unknown fields included, and what the service adds."""
    name, sent = document["name"], document["sent"]
    place = context.place_of(name)
    arm_id = place.endpoint_id(name)
    properties = sent["properties"]
    identity = {**(sent.get("identity") or {"type": "SystemAssigned"}), "tenantId": context.secrets.tenant_id}
    return {
        **sent,
        "id": arm_id,
        "name": name,
        "type": TYPE,
        "location": sent.get("location") or place.region,
        "kind": sent.get("kind") or "Managed",
        "tags": sent.get("tags") or {},
        "identity": {**identity, "principalId": document["principalId"]},
        "systemData": document["systemData"],
        "properties": {
            "description": None,
            "publicNetworkAccess": "Enabled",
            **properties,
            "authMode": "Key",
            "properties": {**(properties.get("properties") or {}), "azureml.onlineendpointid": arm_id.lower()},
            "compute": None,
            "keys": None,
            "scoringUri": context.addresses.scoring(name),
            "swaggerUri": context.addresses.swagger(name),
            "provisioningState": document["state"],
        },
    }


def created_part(before: Document | None) -> dict[str, str] | None:
    """Who made a document and when."""
    return {key: before["systemData"][key] for key in ("createdBy", "createdByType", "createdAt")} if before else None


def busy(message: str) -> ServiceError:
    """409, and no Retry-After: the SDK would send the same change again by itself."""
    return ServiceError(409, "Conflict", message)


def _clean(body: dict[str, Any]) -> Document:
    properties = body.get("properties") or {}
    rules.check_objects(body, "properties", "tags", "identity")
    rules.check_objects(properties, "properties")
    kept = {name: value for name, value in properties.items() if name not in _READ_ONLY_PROPERTIES}
    identity = dict(body.get("identity") or {"type": "SystemAssigned"})
    return {
        **{name: value for name, value in body.items() if name not in _READ_ONLY},
        "identity": {name: value for name, value in identity.items() if name not in ("principalId", "tenantId")},
        "properties": kept,
    }
