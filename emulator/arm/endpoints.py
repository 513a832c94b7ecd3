"""Online endpoints: the handlers, and what their long-running operations do."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from emulator.arm import quota, refusals, rules
from emulator.arm.access import ArmRoute, Call
from emulator.arm.context import Context
from emulator.arm.endpoint_document import (
    SLOTS,
    TYPE,
    cleaned,
    created_part,
    identity_of,
    initial_keys,
    is_in,
    is_ready,
    render_endpoint,
)
from emulator.arm.listing import endpoint_filter, page
from emulator.arm.operations import Failure, Kind, Operations, operation_path
from emulator.arm.records import Records
from emulator.arm.rules import RuleBroken
from emulator.arm.serving import Serving
from emulator.arm.workspaces import WORKSPACE
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.identity import scoring_tokens
from emulator.monitor.diagnostics import forget_endpoint

ENDPOINTS = WORKSPACE + "/onlineEndpoints"
ENDPOINT = ENDPOINTS + "/{endpoint}"


class Endpoints:
    """The handlers of online endpoints."""

    def __init__(self, context: Context, operations: Operations, serving: Serving, records: Records) -> None:
        self._context = context
        self._operations = operations
        self._serving = serving
        self._records = records
        write, render = f"{TYPE}/write", self._render_now
        operations.register("endpoint.write", Kind(write, "oeidp", self._work_write, self._finish_write, result=render))
        operations.register(
            "endpoint.keys", Kind(f"{TYPE}/regenerateKeys/action", "oeidp", self._work_keys, self._finish_keys)
        )
        operations.register(
            "endpoint.delete", Kind(f"{TYPE}/delete", "oeidp", self._work_delete, self._finish_delete, ends_in=204)
        )

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
        """The endpoints of the workspace, by name unless another order is asked for."""
        place, query = call.place, call.request.query_params
        found = [each for _, each in self._records.endpoints.all_seen() if is_in(each, place, self._context)]
        rendered = (render_endpoint(self._context, each, place) for each in found)
        shown = list(filter(endpoint_filter(query), rendered))
        address = self._context.addresses.control + call.request.url.path
        return JSONResponse(page(shown, query, size="count", order="orderBy", address=address))

    async def get(self, call: Call) -> Response:
        """One endpoint."""
        name = call.params["endpoint"].lower()
        return JSONResponse(render_endpoint(self._context, self._there(call, self._records.endpoints.seen(name))))

    async def put(self, call: Call) -> Response:
        """Create an endpoint, or replace its document. The answer says 201 or 200; the operation says when it is so."""
        name, place, body = call.params["endpoint"].lower(), call.place, await call.body()
        rules.check_name("endpoint", name)
        before = self._records.endpoints.get(name)
        if before is not None and not is_in(before, place, self._context):
            raise refusals.name_taken(name)
        sent = cleaned(body, before["sent"] if before else None)
        keys = {slot: secrets.token_urlsafe(32) for slot in SLOTS.values()} | dict(initial_keys(body))
        if before is None:
            quota.check_endpoints(self._context, place)
        else:
            self._check_changeable(before)
        properties = sent["properties"]
        deployments = {
            each["name"]: bool(each["applied"])
            for _, each in self._records.deployments.all(f"{name}/")
            if each["state"] != "Deleting"
        }
        rules.check_split(properties["traffic"], properties["mirrorTraffic"], deployments)
        document: Document = {
            **(before or {"name": name, "workspace": place.key, "keys": keys, "principalId": str(uuid.uuid4())}),
            "sent": sent,
            "state": "Updating" if before else "Creating",
            "ready": before is not None,
            "systemData": self._context.system_data(call.caller, created_part(before)),
        }
        return self._accept(call, document, before, status=200 if before else 201)

    async def patch(self, call: Call) -> Response:
        """Change tags and identity; the API's PATCH takes nothing else."""
        body = await call.body()
        if set(body) - {"tags", "identity"}:
            raise ServiceError(400, "UserError", "PATCH of an online endpoint takes tags and identity only; use PUT.")
        rules.check_objects(body, "tags", "identity")
        rules.check_tags(body.get("tags") or {})
        before = self._find(call)
        self._check_changeable(before)
        sent = {**before["sent"], "tags": before["sent"].get("tags") if body.get("tags") is None else body["tags"]}
        if body.get("identity"):
            sent["identity"] = identity_of(body["identity"])
        data = self._context.system_data(call.caller, created_part(before))
        document = {**before, "sent": sent, "state": "Updating", "ready": True, "systemData": data}
        return self._accept(call, document, before, status=202)

    async def delete(self, call: Call) -> Response:
        """Delete an endpoint and its deployments."""
        name = call.params["endpoint"].lower()
        before = self._records.endpoints.get(name)
        if before is None or not is_in(before, call.place, self._context):
            return Response(status_code=204)
        self._check_idle(before)
        for key, _ in self._records.deployments.all(f"{name}/"):
            if self._operations.is_busy(key):
                raise refusals.busy(
                    f"Endpoint {name} cannot be deleted while an operation on its deployment {key} is in progress."
                )
        with self._context.documents.transaction():
            self._records.endpoints.put(name, {**before, "ready": is_ready(before), "state": "Deleting"})
            operation = self._operations.begin("endpoint.delete", name)
        return Response(status_code=202, headers=self._operations.accepted(operation, call))

    async def list_keys(self, call: Call) -> Response:
        """Both keys."""
        found = self._find(call)
        _check_mode(found, "Key", "It has no keys: use its token.")
        return JSONResponse(found["keys"])

    async def regenerate_keys(self, call: Call) -> Response:
        """Replace one key. What the client sends as keyValue is the old key, and does not count."""
        slot = SLOTS.get(str((await call.body()).get("keyType", "")).lower())
        found = self._find(call)
        if slot is None:
            raise RuleBroken("keyType must be Primary or Secondary.")
        _check_mode(found, "Key", "It has no keys to regenerate.")
        self._check_changeable(found)
        with self._context.documents.transaction():
            self._records.endpoints.put(found["name"], {**found, "ready": True, "state": "Updating"})
            operation = self._operations.begin("endpoint.keys", found["name"], {"slot": slot})
        return Response(status_code=202, headers=self._operations.accepted(operation, call))

    async def token(self, call: Call) -> Response:
        """A token that opens the endpoint for a while."""
        found = self._find(call)
        instead = "use its keys" if found["sent"]["properties"]["authMode"] == "Key" else "use a Microsoft Entra token"
        _check_mode(found, "AMLToken", f"It has no tokens of its own: {instead}.")
        issued = scoring_tokens.issue(
            self._context.secrets.signing_key,
            found["name"],
            call.caller.object_id,
            self._context.now(),
            self._context.settings.current.scoring_token_seconds,
        )
        return JSONResponse(
            {
                "accessToken": issued.token,
                "expiryTimeUtc": issued.expires_at,
                "refreshAfterTimeUtc": issued.refresh_after,
                "tokenType": "Bearer",
            }
        )

    def _find(self, call: Call) -> Document:
        return self._there(call, self._records.endpoints.get(call.params["endpoint"]))

    def _there(self, call: Call, found: Document | None) -> Document:
        if found is None or not is_in(found, call.place, self._context):
            raise call.missing(f"onlineEndpoints/{call.params['endpoint'].lower()}")
        return found

    def _check_changeable(self, found: Document) -> None:
        self._check_idle(found)
        if not is_ready(found):
            raise refusals.not_created(found["name"])

    def _check_idle(self, found: Document) -> None:
        if self._operations.is_busy(found["name"]):
            name, state = found["name"], found["state"]
            raise refusals.busy(f"Endpoint {name} is in {state} provisioning state: another operation is in progress.")

    def _accept(self, call: Call, document: Document, before: Document | None, *, status: int) -> Response:
        payload = {"before": before["sent"]} if before else {}
        with self._context.documents.transaction():
            operation = self._operations.begin("endpoint.write", document["name"], payload)
            document = {**document, "operation": operation_path(operation, call.place, call.api_version)}
            self._records.endpoints.put(document["name"], document)
        headers = self._operations.accepted(operation, call)
        return JSONResponse(render_endpoint(self._context, document), status, headers=headers)

    def _now(self, name: str) -> Document:
        found = self._records.endpoints.get(name)
        assert found is not None
        return found

    def _render_now(self, name: str) -> Document | None:
        found = self._records.endpoints.get(name)
        return None if found is None else render_endpoint(self._context, found)

    async def _work_write(self, name: str, _: Mapping[str, Any]) -> None:
        await self._serving.route(name)

    def _finish_write(self, name: str, payload: Mapping[str, Any], failure: Failure | None) -> None:
        found = self._now(name)
        if failure is None:
            self._records.endpoints.put(name, {**found, "state": "Succeeded", "ready": True})
            return
        # What was in effect before still is; a restart must not put into effect what failed.
        sent = payload.get("before", found["sent"])
        self._records.endpoints.put(name, {**found, "sent": sent, "state": failure.state})

    async def _work_keys(self, name: str, payload: Mapping[str, Any]) -> None:
        found = self._now(name)
        keys = {**found["keys"], payload["slot"]: secrets.token_urlsafe(32)}
        self._records.endpoints.put(name, {**found, "keys": keys})
        await self._serving.route(name)

    def _finish_keys(self, name: str, _: Mapping[str, Any], failure: Failure | None) -> None:
        self._records.endpoints.put(name, {**self._now(name), "state": failure.state if failure else "Succeeded"})

    async def _work_delete(self, name: str, _: Mapping[str, Any]) -> None:
        await self._serving.forget(name)
        for key, _document in self._records.deployments.all(f"{name}/"):
            await self._serving.remove(*key.split("/"))

    def _finish_delete(self, name: str, _: Mapping[str, Any], failure: Failure | None) -> None:
        if failure:
            self._records.endpoints.put(name, {**self._now(name), "state": failure.state})
            return
        for key, _document in self._records.deployments.all(f"{name}/"):
            self._records.deployments.delete(key)
        forget_endpoint(self._context.documents, self._context.place_of(name).endpoint_id(name), self._context.now())
        self._records.endpoints.delete(name)


def _check_mode(found: Document, wanted: str, otherwise: str) -> None:
    mode = rules.auth_mode(found["sent"]["properties"].get("authMode", "Key"))
    if mode != wanted:
        raise RuleBroken(f"The endpoint {found['name']} is of authMode {mode}. {otherwise}")
