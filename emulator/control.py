"""/_emulator/*: what only a local Azure has. A person's tools may look inside it, fill it with history, and set it.

Guarded by a secret of its own. A request that a browser sends from a web page carries an Origin header and is refused,
whatever it knows.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.arm.context import Context
from emulator.arm.serving import Serving
from emulator.errors import ServiceError
from emulator.faults import FaultError, parse_fault
from emulator.http import json_object
from emulator.scoring.gateway.process import conditions
from emulator.seeding import MAX_BYTES, MAX_ROWS, make_seed, parse_seed

_DEFAULT_ROWS = 1000


class Control:
    """The handlers below /_emulator."""

    def __init__(self, context: Context, serving: Serving, reset: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._serving = serving
        self._reset = reset

    def routes(self) -> list[Route]:
        """The routes below /_emulator."""
        return [
            Route("/_emulator/health", self._guarded(self.health)),
            Route("/_emulator/requests", self._guarded(self.requests)),
            Route("/_emulator/events", self._guarded(self.events)),
            Route("/_emulator/instances", self._guarded(self.instances)),
            Route("/_emulator/seed", self._guarded(self.seed), methods=["POST"]),
            Route("/_emulator/settings", self._guarded(self.settings), methods=["GET", "POST"]),
            Route("/_emulator/reset", self._guarded(self.reset), methods=["POST"]),
            Route("/_emulator/faults", self._guarded(self.faults), methods=["GET", "POST", "DELETE"]),
            Route("/_emulator/faults/{id}", self._guarded(self.fault), methods=["DELETE"]),
        ]

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if "origin" in request.headers:
                raise ServiceError(403, "Forbidden", "Web pages may not reach the local Azure's controls.")
            given = request.headers.get("x-emulator-secret", "").encode()
            if not hmac.compare_digest(given, self._context.secrets.control_secret.encode()):
                raise ServiceError(401, "Unauthorized", "The x-emulator-secret header is missing or wrong.")
            return await handler(request)

        return guarded

    async def health(self, _: Request) -> Response:
        """Whether the server is up, and which deployments are still coming back after a restart."""
        documents = self._context.documents
        states = {key: found["state"] for key, found in documents.all("deployment")}
        return JSONResponse({"status": "ok", "restoring": self._serving.restoring, "deployments": states})

    async def requests(self, request: Request) -> Response:
        """Raw telemetry rows, newest last."""
        query = request.query_params
        try:
            since, limit = float(query.get("since", "0")), int(query.get("limit", str(_DEFAULT_ROWS)))
        except ValueError as error:
            raise ServiceError(400, "BadRequest", "since is epoch seconds and limit a whole number.") from error
        if not 1 <= limit <= MAX_ROWS:
            raise ServiceError(400, "BadRequest", f"limit is a whole number from 1 to {MAX_ROWS}.")
        endpoint = query.get("endpoint") or None
        rows = await asyncio.to_thread(self._context.telemetry.rows, endpoint, since, limit)
        return JSONResponse({"value": rows})

    async def events(self, request: Request) -> Response:
        """What happened to instances, oldest first; `since` is the number of the last one known."""
        query = request.query_params
        try:
            since = int(query.get("since", "0"))
        except ValueError as error:
            raise ServiceError(400, "BadRequest", "since is the whole number of an event.") from error
        found = await asyncio.to_thread(self._context.events.since, since, query.get("endpoint") or None)
        return JSONResponse({"value": [{"id": number, **event._asdict()} for number, event in found]})

    async def instances(self, _: Request) -> Response:
        """The instances of every deployment, with their processes."""
        value = []
        for key, _found in self._context.documents.all("deployment"):
            endpoint, deployment = key.split("/")
            for each in self._context.fleet.instances(endpoint, deployment):
                where = {"endpoint": endpoint, "deployment": deployment, "instance": each.identity}
                value.append({**where, "ready": each.is_ready, "pid": each.pid})
        return JSONResponse({"value": value})

    async def seed(self, request: Request) -> Response:
        """Make workspaces, endpoints without processes, creation times and requests of the past."""
        seed = parse_seed(await json_object(request, MAX_BYTES))
        return JSONResponse(await make_seed(self._context, seed))

    async def settings(self, request: Request) -> Response:
        """The settings; POST changes those it names."""
        if request.method == "POST":
            try:
                self._context.settings.change(await json_object(request))
            except ValueError as error:
                raise ServiceError(400, "BadRequest", str(error)) from error
            await self._context.gateway.set_conditions(conditions(self._context.settings.current))
        return JSONResponse(asdict(self._context.settings.current))

    async def reset(self, _: Request) -> Response:
        """Forget everything that clients have made: resources, telemetry, faults and settings. Processes are ended."""
        await self._reset()
        return JSONResponse({"status": "ok"})

    async def faults(self, request: Request) -> Response:
        """The faults; POST adds one, DELETE removes all. An answer comes when the change is in effect."""
        book = self._context.faults
        if request.method == "GET":
            return JSONResponse({"value": [each.as_json() for each in book.listing()]})
        if request.method == "DELETE":
            removed = book.clear()
            await self._tell_gateway()
            return JSONResponse({"removed": removed})
        try:
            kept = book.add(parse_fault(await json_object(request)))
        except FaultError as error:
            raise ServiceError(400, "BadRequest", str(error)) from error
        await self._tell_gateway()
        return JSONResponse(kept.as_json(), 201)

    async def fault(self, request: Request) -> Response:
        """Remove one fault."""
        if not self._context.faults.remove(request.path_params["id"]):
            raise ServiceError(404, "NotFound", f"There is no fault {request.path_params['id']}.")
        await self._tell_gateway()
        return JSONResponse({"removed": 1})

    async def _tell_gateway(self) -> None:
        await self._context.gateway.set_faults(self._context.faults.for_scoring())
