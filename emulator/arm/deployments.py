"""Deployments of an online endpoint: the handlers, and what their long-running operations do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm import quota, refusals, rules
from emulator.arm.access import ArmRoute, Call
from emulator.arm.collecting import collecting
from emulator.arm.context import Context
from emulator.arm.deployment_document import TYPE, cleaned, render_deployment
from emulator.arm.endpoint_document import created_part, is_in, is_ready
from emulator.arm.endpoints import ENDPOINT
from emulator.arm.listing import page
from emulator.arm.operations import Failure, Kind, Operations
from emulator.arm.records import Records
from emulator.arm.rules import RuleBroken
from emulator.arm.serving import Serving
from emulator.arm.specification import specification
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.http import not_emulated
from emulator.identity.tokens import Principal

DEPLOYMENTS = ENDPOINT + "/deployments"
DEPLOYMENT = DEPLOYMENTS + "/{deployment}"
_CONTAINERS = {"inferenceserver": "inference-server", "storageinitializer": "storage-initializer"}
_DATA_COLLECTOR = "modeldatacollector"
_DEFAULT_TAIL = 500
_MAX_TAIL = 5000


class Deployments:
    """The handlers of deployments."""

    def __init__(self, context: Context, operations: Operations, serving: Serving, records: Records) -> None:
        self._context = context
        self._operations = operations
        self._serving = serving
        self._records = records
        operations.register(
            "deployment.write",
            Kind(f"{TYPE}/write", "odidp", self._work_write, self._finish_write, result=self._render_now),
        )
        operations.register(
            "deployment.delete",
            Kind(f"{TYPE}/delete", "odidp", self._work_delete, self._finish_delete, ends_in=204),
        )

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
        """The deployments of an endpoint, by name unless another order is asked for."""
        endpoint, place = self._seen_endpoint(call), call.place
        found = self._records.deployments.all_seen(f"{endpoint}/")
        rendered = [render_deployment(self._context, endpoint, each, place) for _, each in found]
        address = self._context.addresses.control + call.request.url.path
        return JSONResponse(page(rendered, call.request.query_params, size="$top", order="$orderBy", address=address))

    async def get(self, call: Call) -> Response:
        """One deployment."""
        endpoint, name = self._seen_endpoint(call), call.params["deployment"].lower()
        found = self._there(call, self._records.deployments.seen(f"{endpoint}/{name}"))
        return JSONResponse(render_deployment(self._context, endpoint, found))

    async def put(self, call: Call) -> Response:
        """Create or replace a deployment. The operation ends when its instances answer, or cannot."""
        body = await call.body()
        parent, name = self._parent(call), call.params["deployment"].lower()
        rules.check_name("deployment", name)
        endpoint = parent["name"]
        before = self._records.deployments.get(f"{endpoint}/{name}")
        sent = cleaned(body, before["sent"] if before else None)
        self._check_changeable(parent, name, "update" if before else "create")
        if before is None:
            quota.check_deployments(self._context, call.place, endpoint)
        elif before["state"] in ("Failed", "Canceled") and not before["applied"]:
            raise refusals.unrecoverable(name)
        document: Document = {
            **(before or {"name": name, "applied": None}),
            "sent": sent,
            "state": "Updating" if before else "Creating",
            "systemData": self._context.system_data(call.caller, created_part(before)),
        }
        self._check(endpoint, document, before)
        return self._accept(call, endpoint, document, 200 if before else 201)

    async def patch(self, call: Call) -> Response:
        """Change tags and the number of instances; the API's PATCH takes nothing else."""
        body = await call.body()
        if set(body) - {"tags", "sku"}:
            raise ServiceError(400, "UserError", "PATCH of a deployment takes tags and sku only; use PUT.")
        rules.check_objects(body, "tags", "sku")
        rules.check_tags(body.get("tags") or {})
        endpoint, before = self._find(call)
        tags = before["sent"]["tags"] if body.get("tags") is None else body["tags"]
        sku = {name: value for name, value in (body.get("sku") or {}).items() if value is not None}
        document = self._changed(endpoint, before, {"tags": tags, "sku": {**before["sent"]["sku"], **sku}}, call.caller)
        return self._accept(call, endpoint, document, 202)

    def scale(self, key: str, capacity: int, caller: Principal) -> str:
        """Begin to bring a deployment (`endpoint/deployment`) to so many instances, as PATCH of its sku does.

        Returns the operation's id. Raises ServiceError when it is not there, busy or out of quota, RuleBroken when the
        number is against a rule.
        """
        endpoint, _, name = key.lower().partition("/")
        before = self._records.deployments.get(key)
        if before is None:
            raise ServiceError(404, "NotFound", f"There is no deployment {name} of endpoint {endpoint}.")
        changes = {"sku": {**before["sent"]["sku"], "capacity": capacity}}
        return self._begin(endpoint, self._changed(endpoint, before, changes, caller))

    async def delete(self, call: Call) -> Response:
        """Delete a deployment that answers no live traffic."""
        parent, name = self._parent(call), call.params["deployment"].lower()
        endpoint = parent["name"]
        before = self._records.deployments.get(f"{endpoint}/{name}")
        if before is None:
            return Response(status_code=204)
        self._check_idle(parent, name, "delete")
        rules.check_delete(name, parent["sent"]["properties"]["traffic"])
        with self._context.documents.transaction():
            self._records.deployments.put(f"{endpoint}/{name}", {**before, "state": "Deleting"})
            operation = self._operations.begin("deployment.delete", f"{endpoint}/{name}")
        return Response(status_code=202, headers=self._operations.accepted(operation, call))

    async def logs(self, call: Call) -> Response:
        """The last lines of a container's log."""
        endpoint, found = self._find(call)
        body = await call.body()
        kind = str(body.get("containerType") or "InferenceServer").lower()
        if kind == _DATA_COLLECTOR:
            if found["sent"]["properties"].get("dataCollector"):
                raise not_emulated("the log of the data collector")
            raise RuleBroken("The deployment has no container ModelDataCollector: it collects no data.")
        container = _CONTAINERS.get(kind)
        if container is None:
            raise RuleBroken("containerType must be InferenceServer, StorageInitializer or ModelDataCollector.")
        tail = _DEFAULT_TAIL if body.get("tail") is None else body["tail"]
        if isinstance(tail, bool) or not isinstance(tail, int) or tail < 1:
            raise RuleBroken("tail must be a whole number from 1.")
        fleet = self._context.fleet
        content = await asyncio.to_thread(fleet.logs, endpoint, found["name"], container, min(tail, _MAX_TAIL))
        return JSONResponse({"content": content})

    async def skus(self, call: Call) -> Response:
        """How far a deployment can be scaled."""
        self._find(call)
        capacity = {"minimum": 1, "maximum": rules.MAX_INSTANCES, "default": 1, "scaleType": "Manual"}
        sku = {"resourceType": TYPE, "sku": {"name": "Default", "tier": "Standard"}}
        return JSONResponse({"value": [{**sku, "capacity": capacity}], "nextLink": None})

    def _seen_endpoint(self, call: Call) -> str:
        name = call.params["endpoint"].lower()
        found = self._records.endpoints.seen(name)
        if found is None or not is_in(found, call.place, self._context):
            raise call.missing(f"onlineEndpoints/{name}")
        return name

    def _parent(self, call: Call) -> Document:
        name = call.params["endpoint"].lower()
        found = self._records.endpoints.get(name)
        if found is None or not is_in(found, call.place, self._context):
            raise ServiceError(
                404,
                "ParentResourceNotFound",
                "Failed to perform the operation on a nested resource: the parent resource"
                f" '{call.place.endpoint_id(name)}' was not found.",
            )
        return found

    def _find(self, call: Call) -> tuple[str, Document]:
        endpoint, name = self._parent(call)["name"], call.params["deployment"].lower()
        return endpoint, self._there(call, self._records.deployments.get(f"{endpoint}/{name}"))

    def _there(self, call: Call, found: Document | None) -> Document:
        if found is None:
            names = f"{call.params['endpoint'].lower()}/deployments/{call.params['deployment'].lower()}"
            raise call.missing(f"onlineEndpoints/{names}")
        return found

    def _check_changeable(self, parent: Document, name: str, verb: str) -> None:
        self._check_idle(parent, name, verb)
        if not is_ready(parent):
            raise refusals.not_created(parent["name"])

    def _check_idle(self, parent: Document, name: str, verb: str) -> None:
        endpoint = parent["name"]
        if self._operations.is_busy(endpoint):
            raise refusals.endpoint_changing(endpoint, parent["state"], verb)
        if self._operations.is_busy(f"{endpoint}/{name}"):
            raise refusals.busy(
                f"Deployment {name} of endpoint {endpoint} is being changed: another operation is in progress."
            )

    def _changed(self, endpoint: str, before: Document, changes: Mapping[str, Any], caller: Principal) -> Document:
        """The document with tags or sku changed, once that has been found possible."""
        parent = self._records.endpoints.get(endpoint)
        assert parent is not None
        self._check_changeable(parent, before["name"], "update")
        if not before["applied"]:
            raise refusals.unrecoverable(before["name"])
        sent = {**before["sent"], **changes}
        is_scaling = sent["sku"]["capacity"] != before["sent"]["sku"]["capacity"]
        data = self._context.system_data(caller, created_part(before))
        document = {**before, "sent": sent, "systemData": data, "state": "Scaling" if is_scaling else "Updating"}
        self._check(endpoint, document, before)
        return document

    def _check(self, endpoint: str, document: Document, before: Document | None) -> None:
        """Whether the document can be deployed. Nothing is deployed for seeded ones: they need no assets."""
        rules.check_instances(document["sent"]["sku"]["capacity"])
        if not document.get("seeded"):
            specification(self._context, endpoint, document["name"], document["sent"])
            collecting(self._context, endpoint, document["name"], document["sent"])
            place = self._context.place_of(endpoint)
            quota.check_cores(self._context, place, document["sent"], before["sent"] if before else None)

    def _begin(self, endpoint: str, document: Document) -> str:
        key = f"{endpoint}/{document['name']}"
        with self._context.documents.transaction():
            self._records.deployments.put(key, document)
            return self._operations.begin("deployment.write", key)

    def _accept(self, call: Call, endpoint: str, document: Document, status: int) -> Response:
        headers = self._operations.accepted(self._begin(endpoint, document), call)
        return JSONResponse(render_deployment(self._context, endpoint, document), status, headers=headers)

    def _render_now(self, key: str) -> Document | None:
        found = self._records.deployments.get(key)
        return None if found is None else render_deployment(self._context, key.partition("/")[0], found)

    async def _work_write(self, key: str, _: Mapping[str, Any]) -> None:
        endpoint, name = key.split("/")
        found = self._records.deployments.get(key)
        assert found is not None
        if not found.get("seeded"):
            await self._serving.deploy(endpoint, name, found["sent"])

    def _finish_write(self, key: str, _: Mapping[str, Any], failure: Failure | None) -> None:
        found = self._records.deployments.get(key)
        assert found is not None
        outcome = {"state": failure.state} if failure else {"state": "Succeeded", "applied": found["sent"]}
        self._records.deployments.put(key, {**found, **outcome, "lost": False})

    def _take_out_of_split(self, endpoint: str, name: str) -> None:
        parent = self._records.endpoints.get(endpoint)
        assert parent is not None
        properties = dict(parent["sent"]["properties"])
        for field in ("traffic", "mirrorTraffic"):
            properties[field] = {each: percent for each, percent in properties[field].items() if each != name}
        self._records.endpoints.put(endpoint, {**parent, "sent": {**parent["sent"], "properties": properties}})

    async def _work_delete(self, key: str, _: Mapping[str, Any]) -> None:
        endpoint, name = key.split("/")
        # Here and not with the request: a deletion that fails before any work leaves the split as the gateway has it.
        self._take_out_of_split(endpoint, name)
        await self._serving.route(endpoint)
        await self._serving.remove(endpoint, name)

    def _finish_delete(self, key: str, _: Mapping[str, Any], failure: Failure | None) -> None:
        if failure:
            self._finish_write(key, {}, failure)
        else:
            self._records.deployments.delete(key)
