"""Deployments of an online endpoint: the document, its logs, and its long-running operations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm import rules
from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.endpoints import ENDPOINT, TYPE, busy, created_part, is_in
from emulator.arm.operations import Failure, Kind, Operations
from emulator.arm.serving import Serving
from emulator.arm.specification import specification, with_defaults
from emulator.documents import Document
from emulator.errors import ServiceError

DEPLOYMENTS = ENDPOINT + "/deployments"
DEPLOYMENT = DEPLOYMENTS + "/{deployment}"
_READ_ONLY = ("id", "name", "type", "systemData")
_CONTAINERS = {"inferenceserver": "inference-server", "storageinitializer": "storage-initializer"}
_DEFAULT_TAIL = 500
_MAX_TAIL = 5000


class Deployments:
    """The handlers of deployments."""

    def __init__(self, context: Context, operations: Operations, serving: Serving) -> None:
        self._context = context
        self._operations = operations
        self._serving = serving
        operations.register("deployment.write", Kind(self._work_write, self._finish_write))
        operations.register("deployment.delete", Kind(self._work_delete, self._finish_delete, ends_in=204))

    def routes(self) -> Sequence[ArmRoute]:
        """The routes of deployments."""
        context = self._context
        return [
            ArmRoute(context, DEPLOYMENTS, self.list),
            ArmRoute(context, DEPLOYMENT, self.get),
            ArmRoute(context, DEPLOYMENT, self.put, ["PUT"]),
            ArmRoute(context, DEPLOYMENT, self.patch, ["PATCH"]),
            ArmRoute(context, DEPLOYMENT, self.delete, ["DELETE"]),
            ArmRoute(context, DEPLOYMENT + "/getLogs", self.logs, ["POST"]),
            ArmRoute(context, DEPLOYMENT + "/skus", self.skus),
        ]

    async def list(self, call: Call) -> Response:
        """The deployments of an endpoint, by name."""
        endpoint = self._endpoint(call)
        found = self._context.documents.all("deployment", f"{endpoint}/")
        value = [render_deployment(self._context, endpoint, each) for _, each in found]
        return JSONResponse({"value": value, "nextLink": None})

    async def get(self, call: Call) -> Response:
        """One deployment."""
        endpoint, found = self._find(call)
        return JSONResponse(render_deployment(self._context, endpoint, found))

    async def put(self, call: Call) -> Response:
        """Create or replace a deployment. The operation ends when its instances answer, or cannot."""
        sent = with_defaults(_clean(await call.body()))
        endpoint, name = self._endpoint(call), call.params["deployment"].lower()
        rules.check_name("deployment", name)
        documents, key = self._context.documents, f"{endpoint}/{name}"
        before = documents.get("deployment", key)
        if before is None:
            rules.check_room("deployment", documents.all("deployment", f"{endpoint}/"), rules.MAX_DEPLOYMENTS)
        self._check_idle(endpoint, name)
        if before is not None and before["state"] == "Failed" and not before["applied"]:
            raise ServiceError(
                400,
                "UserError",
                f"Specified deployment [{name}] failed during initial provisioning and is in an unrecoverable state."
                " Delete and re-create.",
            )
        specification(self._context, endpoint, name, sent)
        document: Document = {
            "name": name,
            "sent": sent,
            "applied": before["applied"] if before else None,
            "state": "Updating" if before else "Creating",
            "systemData": self._context.system_data(call.caller, created_part(before)),
        }
        return self._accept(call, endpoint, document, "deployment.write", 200 if before else 201)

    async def patch(self, call: Call) -> Response:
        """Change tags and the number of instances; the API's PATCH takes nothing else."""
        body = await call.body()
        if set(body) - {"tags", "sku"}:
            raise ServiceError(400, "UserError", "PATCH of a deployment takes tags and sku only; use PUT.")
        rules.check_objects(body, "tags", "sku")
        endpoint, before = self._find(call)
        self._check_idle(endpoint, before["name"])
        sku = {**before["sent"]["sku"], **(body.get("sku") or {})}
        sent = {**before["sent"], "sku": sku, "tags": body.get("tags") or before["sent"]["tags"]}
        specification(self._context, endpoint, before["name"], sent)
        is_scaling = sku["capacity"] != before["sent"]["sku"]["capacity"]
        data = self._context.system_data(call.caller, created_part(before))
        document = {**before, "sent": sent, "systemData": data, "state": "Scaling" if is_scaling else "Updating"}
        return self._accept(call, endpoint, document, "deployment.write", 202)

    async def delete(self, call: Call) -> Response:
        """Delete a deployment that answers no live traffic."""
        endpoint, name = self._endpoint(call), call.params["deployment"].lower()
        before = self._context.documents.get("deployment", f"{endpoint}/{name}")
        if before is None:
            return Response(status_code=204)
        self._check_idle(endpoint, name)
        parent = self._context.documents.get("endpoint", endpoint)
        assert parent is not None
        rules.check_delete(name, parent["sent"]["properties"]["traffic"])
        self._accept_delete(endpoint, parent, name)
        return self._accept(call, endpoint, {**before, "state": "Deleting"}, "deployment.delete", 202, empty=True)

    async def logs(self, call: Call) -> Response:
        """The last lines of a container's log."""
        endpoint, found = self._find(call)
        body = await call.body()
        container = _CONTAINERS.get(str(body.get("containerType") or "InferenceServer").lower())
        if container is None:
            raise ServiceError(400, "UserError", "containerType must be InferenceServer or StorageInitializer.")
        tail = body.get("tail") or _DEFAULT_TAIL
        if not isinstance(tail, int) or tail < 1:
            raise ServiceError(400, "UserError", "tail must be a whole number from 1.")
        fleet = self._context.fleet
        content = await asyncio.to_thread(fleet.logs, endpoint, found["name"], container, min(tail, _MAX_TAIL))
        return JSONResponse({"content": content})

    async def skus(self, call: Call) -> Response:
        """How far a deployment can be scaled."""
        self._find(call)
        capacity = {"minimum": 1, "maximum": rules.MAX_INSTANCES, "default": 1, "scaleType": "Manual"}
        sku = {"resourceType": f"{TYPE}/deployments", "sku": {"name": "Default", "tier": "Standard"}}
        return JSONResponse({"value": [{**sku, "capacity": capacity}], "nextLink": None})

    def _endpoint(self, call: Call) -> str:
        name = call.params["endpoint"].lower()
        found = self._context.documents.get("endpoint", name)
        if found is None or not is_in(found, call.place, self._context):
            if call.request.method == "GET":
                raise call.missing(f"onlineEndpoints/{name}")
            raise ServiceError(
                404,
                "ParentResourceNotFound",
                "Failed to perform the operation on a nested resource: the parent resource"
                f" '{call.place.endpoint_id(name)}' was not found.",
            )
        return name

    def _find(self, call: Call) -> tuple[str, Document]:
        endpoint, name = self._endpoint(call), call.params["deployment"].lower()
        found = self._context.documents.get("deployment", f"{endpoint}/{name}")
        if found is None:
            raise call.missing(f"onlineEndpoints/{endpoint}/deployments/{name}")
        return endpoint, found

    def _check_idle(self, endpoint: str, name: str) -> None:
        if self._operations.is_busy(endpoint):
            parent = self._context.documents.get("endpoint", endpoint)
            state = parent["state"] if parent else "Deleting"
            raise busy(
                f"Cannot change a deployment in endpoint {endpoint} because it is in {state} provisioning state."
            )
        if self._operations.is_busy(f"{endpoint}/{name}"):
            raise busy(f"Deployment {name} of endpoint {endpoint} is being changed: another operation is in progress.")

    def _accept(
        self, call: Call, endpoint: str, document: Document, kind: str, status: int, *, empty: bool = False
    ) -> Response:
        key = f"{endpoint}/{document['name']}"
        with self._context.documents.transaction():
            self._context.documents.put("deployment", key, document)
            operation = self._operations.begin(kind, key, prefix="odidp")
        headers = self._operations.accepted(operation, call)
        if empty:
            return Response(status_code=status, headers=headers)
        return JSONResponse(render_deployment(self._context, endpoint, document), status, headers=headers)

    async def _work_write(self, key: str, _: dict[str, Any]) -> None:
        endpoint, name = key.split("/")
        found = self._context.documents.get("deployment", key)
        assert found is not None
        await self._serving.deploy(endpoint, name, found["sent"])

    def _finish_write(self, key: str, _: dict[str, Any], failure: Failure | None) -> None:
        found = self._context.documents.get("deployment", key)
        assert found is not None
        outcome = {"state": "Failed"} if failure else {"state": "Succeeded", "applied": found["sent"]}
        self._context.documents.put("deployment", key, {**found, **outcome, "lost": False})

    def _accept_delete(self, endpoint: str, parent: Document, name: str) -> None:
        """Take the deployment out of the endpoint's split at once: a later write must not name it."""
        properties = dict(parent["sent"]["properties"])
        for field in ("traffic", "mirrorTraffic"):
            properties[field] = {each: percent for each, percent in properties[field].items() if each != name}
        changed = {**parent, "sent": {**parent["sent"], "properties": properties}}
        self._context.documents.put("endpoint", endpoint, changed)

    async def _work_delete(self, key: str, _: dict[str, Any]) -> None:
        endpoint, name = key.split("/")
        await self._serving.route(endpoint)
        await self._serving.remove(endpoint, name)

    def _finish_delete(self, key: str, _: dict[str, Any], failure: Failure | None) -> None:
        if failure:
            self._finish_write(key, {}, failure)
        else:
            self._context.documents.delete("deployment", key)


def render_deployment(context: Context, endpoint: str, document: Document) -> Document:
    """The document as a client reads it: what was sent, unknown fields included, and what the service adds."""
    name, sent = document["name"], document["sent"]
    place = context.place_of(endpoint)
    return {
        **sent,
        "id": place.deployment_id(endpoint, name),
        "name": name,
        "type": f"{TYPE}/deployments",
        "location": sent.get("location") or place.region,
        "kind": sent.get("kind") or "Managed",
        "systemData": document["systemData"],
        "properties": {"description": None, **sent["properties"], "provisioningState": document["state"]},
    }


def _clean(body: dict[str, Any]) -> Document:
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise ServiceError(400, "UserError", "The deployment has no properties.")
    rules.check_objects(body, "tags", "identity")
    rules.check_objects(properties, "properties")
    kept = {name: value for name, value in properties.items() if name != "provisioningState"}
    return {**{name: value for name, value in body.items() if name not in _READ_ONLY}, "properties": kept}
