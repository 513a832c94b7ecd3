"""The query API of Log Analytics (v1): one workspace, one resource, or a batch.

Not ARM: its own host, audience and errors on Azure. Here it shares the control plane's port, under /v1.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from emulator.arm.context import Context
from emulator.arm.diagnostics import log_workspace_id
from emulator.arm.targets import find_target
from emulator.errors import ServiceError
from emulator.identity.tokens import Surface
from emulator.monitor.logs import errors
from emulator.monitor.logs.request import parse_preferences, parse_query
from emulator.monitor.logs.service import Answer, LogAnalytics
from emulator.resources import Place, parse_path

MAX_BATCH = 100
"""Queries in one batch. Azure does not say how many it takes."""

MAX_BODY_BYTES = 4_000_000

_PIECE_BYTES = 256 * 1024
_JSON = "application/json"
_WORKSPACE = re.compile("/workspaces/([^/]+)/query", re.IGNORECASE)
_RESOURCE = re.compile("(/subscriptions/.+)/query", re.IGNORECASE)


def log_routes(context: Context, service: LogAnalytics) -> list[Route]:
    """The routes below /v1."""
    queries = _Queries(context, service)
    return [Route("/v1/{path:path}", queries.answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]


class _Queries:
    def __init__(self, context: Context, service: LogAnalytics) -> None:
        self._context = context
        self._service = service

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        try:
            self._admit(request)
            path = re.sub("/{2,}", "/", f"/{request.path_params['path']}").rstrip("/")
            if path.lower() == "/$batch":
                found = await self._batch(request)
            else:
                found = await self._single(request, path)
        except errors.LogsError as error:
            found = Answer(error.status, json.dumps(error.body).encode())
        length = {"content-length": str(len(found.body))}
        return StreamingResponse(_pieces(found.body), found.status, length, media_type=f"{_JSON}; charset=utf-8")

    def _admit(self, request: Request) -> None:
        """Raise LogsError for a caller without a token, or with one that is not for this surface."""
        given = request.headers.get("authorization", "")
        if not given:
            message = "Authentication failed. The 'Authorization' header is missing."
            raise errors.LogsError(401, "AuthenticationFailed", message)
        try:
            self._context.tokens.check(given, Surface.LOGS)
        except ServiceError as error:
            inner = {"code": "SignatureVerificationFailed", "message": error.message}
            message = "The provided authentication is not valid for this resource"
            raise errors.LogsError(403, "InvalidTokenError", message, inner) from error

    async def _single(self, request: Request, path: str) -> Answer:
        scope = self._scope(request.method, path)
        if request.method == "GET":
            body: Mapping[str, object] = dict(request.query_params.items())
        else:
            text = await _text(request)
            if not text.strip() or not request.headers.get("content-type", "").lower().startswith(_JSON):
                # Documented: a POST without a body or without its type is answered with nothing at all.
                return Answer(200, b"")
            body = _object(text)
        narrowed = request.query_params if request.method == "POST" else {}
        return await self._run(body, narrowed, request.headers.get("prefer", ""), scope)

    async def _run(self, body: Mapping[str, object], narrowed: Mapping[str, str], prefer: str, scope: str) -> Answer:
        asked = parse_query(body, narrowed, self._context.now())
        for name in asked.workspaces:
            if not self._is_workspace(name):
                raise errors.unresolved()
        return await self._service.query(asked, parse_preferences(prefer), scope)

    def _scope(self, method: str, path: str) -> str:
        """The ARM id whose rows are asked for, empty for the whole workspace. Raises LogsError when it is not there."""
        workspace, resource = _WORKSPACE.fullmatch(path), _RESOURCE.fullmatch(path)
        if method not in ("GET", "POST") or not (workspace or resource):
            raise errors.path_not_found()
        if workspace and workspace[1].lower() != self._context.secrets.log_workspace_id:
            raise errors.path_not_found()
        return self._resource(resource[1]) if resource else ""

    def _resource(self, arm_id: str) -> str:
        """The scope of a resource's own id: the workspace of Log Analytics, an endpoint, or what holds endpoints.

        Rows of a deployment belong to its endpoint. Raises LogsError for what does not exist.
        """
        if arm_id.lower() == log_workspace_id(self._context).lower():
            return ""
        try:
            target = find_target(self._context, arm_id)
        except ServiceError as error:
            raise errors.unresolved() from error
        if target is not None:
            return target.arm_id
        path = parse_path(arm_id)
        if (path.provider and path.workspace is None) or len(path.segments) > 2:
            raise errors.unresolved()
        if not any(_within(place, arm_id) for place in self._context.places()):
            raise errors.unresolved()
        return arm_id

    def _is_workspace(self, name: str) -> bool:
        own_id = log_workspace_id(self._context)
        known = (self._context.secrets.log_workspace_id, own_id, own_id.rpartition("/")[2])
        return name.lower() in {each.lower() for each in known}

    async def _batch(self, request: Request) -> Answer:
        if request.method != "POST":
            raise errors.path_not_found()
        entries = _entries(_object(await _text(request)))
        tasks = [asyncio.create_task(self._entry(entry)) for entry in entries]
        answers = [await each for each in asyncio.as_completed(tasks)]
        parts = [
            b'{"id":%s,"status":%d,"headers":{},"body":%s}' % (json.dumps(number).encode(), found.status, found.body)
            for number, found in answers
        ]
        return Answer(200, b'{"responses":[' + b",".join(parts) + b"]}")

    async def _entry(self, entry: Mapping[str, Any]) -> tuple[str, Answer]:
        try:
            # Without a method it is a GET, and what a GET has for a body is not looked at: both documented.
            method = str(entry.get("method") or "GET").upper()
            if str(entry.get("path") or "").lower() != "/query" or method not in ("GET", "POST"):
                raise errors.path_not_found()
            if str(entry["workspace"]).lower() != self._context.secrets.log_workspace_id:
                raise errors.unresolved()
            body = entry.get("body") if method == "POST" else {}
            headers = {str(name).lower(): str(value) for name, value in (entry.get("headers") or {}).items()}
            found = await self._run(body if isinstance(body, dict) else {}, {}, headers.get("prefer", ""), "")
        except errors.LogsError as error:
            found = Answer(error.status, json.dumps(error.body).encode())
        return str(entry["id"]), found


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    # Encrypting all of a large answer at once would hold up everybody else.
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]
        await asyncio.sleep(0)


def _within(place: Place, scope: str) -> bool:
    return f"{place.workspace_id}/".lower().startswith(f"{scope}/".lower())


async def _text(request: Request) -> bytes:
    text = bytearray()
    async for part in request.stream():
        text += part
        if len(text) > MAX_BODY_BYTES:
            raise errors.LogsError(413, "RequestTooLarge", f"The body is larger than {MAX_BODY_BYTES} bytes.")
    return bytes(text)


def _object(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise errors.invalid_request("InvalidJsonBody", str(error)) from error
    if not isinstance(body, dict):
        raise errors.invalid_request("InvalidJsonBody", "The body must be a JSON object.")
    return body


def _entries(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The queries of a batch. Raises LogsError for one without its id or workspace, and for an id given twice."""
    entries = body.get("requests")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise errors.invalid_request("InvalidBatch", "requests must be a list of objects.", "requests")
    if len(entries) > MAX_BATCH:
        raise errors.invalid_request("InvalidBatch", f"A batch holds at most {MAX_BATCH} queries.", "requests")
    for entry in entries:
        headers = entry.get("headers")
        if not entry.get("id") or not entry.get("workspace") or not (headers is None or isinstance(headers, dict)):
            raise errors.invalid_request("InvalidBatch", "Every query needs an id and a workspace.", "requests")
    if len({str(entry["id"]) for entry in entries}) < len(entries):
        raise errors.invalid_request("InvalidBatch", "The ids of queries must differ.", "requests")
    return entries
