"""The gate in front of every ARM request: who calls, may they, and is this the right cloud."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emulator.arm.context import Context
from emulator.arm.recording import reached, recorded
from emulator.arm.registration import check_registered
from emulator.arm.rules import RuleBroken
from emulator.errors import ServiceError
from emulator.http import json_object, query_value
from emulator.identity.tokens import Principal, Surface
from emulator.resources import MACHINE_LEARNING, Place, ResourcePath, operation_name, parse_path


@dataclass(frozen=True)
class Call:
    """One request that has passed the gate."""

    request: Request
    caller: Principal
    params: dict[str, str]
    _context: Context

    @property
    def place(self) -> Place:
        """The workspace that the path names, in its own spelling; the gate has found it."""
        found = self._context.find_place(self.params["subscription"], self.params["group"], self.params["workspace"])
        assert found is not None
        return found

    def missing(self, below: str) -> ServiceError:
        """ARM's answer for a resource that is not in the workspace of this call."""
        place = self.place
        return not_found(place.resource_group, f"workspaces/{place.workspace}/{below}")

    @property
    def api_version(self) -> str:
        """The api-version the client asked for; it was published."""
        return query_value(self.request.query_params, "api-version")

    async def body(self) -> dict[str, Any]:
        """The body as a JSON object; no body is an empty one. Raises ServiceError 400 or 415."""
        kind = self.request.headers.get("content-type", "")
        if _JSON.fullmatch(kind):
            return await json_object(self.request)
        async for part in self.request.stream():
            # Its first bytes are enough: nobody knows how many there are.
            if part:
                named = kind.partition(";")[0][:100] or "<null>"
                raise ServiceError(
                    415,
                    "UnsupportedMediaType",
                    f"The content media type '{named}' is not supported. Only 'application/json' is supported.",
                    {"Connection": "close"},
                )
        return {}


_JSON = re.compile(r"\s*(application|text)/json\s*(;.*)?", re.IGNORECASE)
Handler = Callable[[Call], Awaitable[Response]]


class ArmRoute(Route):
    """A route whose literal parts compare without case, as ARM's do, behind the gate."""

    def __init__(self, context: Context, path: str, handler: Handler, methods: Collection[str] = ("GET",)) -> None:
        async def guarded(request: Request) -> Response:
            caller = admit(context, request)
            reached(request)
            try:
                return await handler(Call(request, caller, dict(request.path_params), context))
            except RuleBroken as error:
                raise ServiceError(400, "UserError", error.message) from error

        super().__init__(path, recorded(context, guarded), methods=list(methods))
        self.path_regex = re.compile(self.path_regex.pattern, re.IGNORECASE | re.ASCII)


def admit(context: Context, request: Request) -> Principal:
    """The caller of an ARM request. Raises the ServiceError that Azure answers when the request must not go on."""
    path = request.url.path
    found = parse_path(path)
    surface = Surface.METRICS if found.is_batch else Surface.ARM
    caller = context.tokens.check(request.headers.get("authorization", ""), surface)
    version = query_value(request.query_params, "api-version")
    if not version:
        raise ServiceError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    places = _in_subscription(context, found)
    nearest = _nearest(places, found)
    check_registered(request.method, found, version, nearest[0].region if nearest and found.resource_group else "*")
    _check_role(caller, request.method, path, is_query=found.is_batch)
    if request.method == "PUT" and (not found.segments or (found.segments[2:] == () and found.workspace)):
        # Making a group or a workspace: that it is not there yet is no fault.
        return caller
    if not nearest:
        raise ServiceError(404, "ResourceGroupNotFound", f"Resource group '{found.resource_group}' could not be found.")
    if found.workspace is not None and found.workspace.lower() not in {place.workspace.lower() for place in nearest}:
        raise not_found(found.resource_group or "", f"workspaces/{found.workspace}")
    return caller


def _in_subscription(context: Context, found: ResourcePath) -> list[Place]:
    places = context.places()
    if found.subscription is None:
        return places
    places = [place for place in places if place.subscription.lower() == found.subscription.lower()]
    if not places:
        raise ServiceError(404, "SubscriptionNotFound", f"The subscription '{found.subscription}' could not be found.")
    return places


def _nearest(places: list[Place], found: ResourcePath) -> list[Place]:
    if found.resource_group is None:
        return places
    return [place for place in places if place.resource_group.lower() == found.resource_group.lower()]


def _check_role(caller: Principal, method: str, path: str, *, is_query: bool) -> None:
    if method in ("GET", "HEAD") or is_query or caller.may_write:
        return
    raise ServiceError(
        403,
        "AuthorizationFailed",
        f"The client '{caller.name}' with object id '{caller.object_id}' does not have authorization to perform action"
        f" '{operation_name(method, path)}' over scope '{path}' or the scope is invalid. If access was recently"
        " granted, please refresh your credentials.",
    )


def not_found(group: str, below_provider: str) -> ServiceError:
    """ARM's answer for a resource that is not there, named by its types and names below the provider."""
    return ServiceError(
        404,
        "ResourceNotFound",
        f"The Resource '{MACHINE_LEARNING}/{below_provider}' under resource group '{group}' was"
        " not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )
