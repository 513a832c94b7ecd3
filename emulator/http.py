"""What every answer of the control plane has in common: request ids and Azure's error envelope."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator.errors import ServiceError
from emulator.resources import STORAGE_ACCOUNT

MAX_JSON_BYTES = 4 << 20
"""What Azure Resource Manager takes as a request (4 MB: request-limits-and-throttling, and the template limits)."""
_READ_ON_BYTES = 32 << 20
MAX_JSON_DEPTH = 64
"""How deep arrays and objects may be nested: the default of System.Text.Json. What is kept must be readable again."""


class RequestIds:
    """Gives every answer its ids, and echoes the client's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        client_id = Request(scope).headers.get("x-ms-client-request-id")

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-ms-request-id"] = request_id
                headers["x-ms-correlation-request-id"] = request_id
                if client_id is not None:
                    headers["x-ms-client-request-id"] = client_id[:128]
            await send(message)

        await self._app(scope, receive, send_with_ids)


class ArmPaths:
    """Tidies paths as ARM does: `//` is one slash, and a slash at the end is none.

    Clients join a base URL that ends in a slash with a path that begins with one. Blob names are left as they are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "http":
            path = re.sub("/{2,}", "/", scope["path"]).rstrip("/")
            if re.match("/(v1/|(subscriptions|tenants|providers|metadata|_emulator)(/|$))", path, re.IGNORECASE):
                scope = {**scope, "path": path}
        await self._app(scope, receive, send)


def query_value(query: Mapping[str, str], name: str) -> str:
    """A query parameter, "" when it is not there; ARM compares their names without case."""
    return next((text for key, text in query.items() if key.lower() == name.lower()), "")


def error_body(
    code: str, message: str, request_id: str, details: Sequence[Mapping[str, object]] = ()
) -> dict[str, object]:
    """Azure's error envelope, with the additional information that the ML management front end puts in."""
    information = [
        {"type": "ComponentName", "info": {"value": "managementfrontend"}},
        {"type": "Correlation", "info": {"value": {"operation": request_id.replace("-", ""), "request": request_id}}},
        {"type": "Time", "info": {"value": datetime.now(UTC).isoformat()}},
    ]
    return {
        "error": {
            "code": code,
            "message": message,
            "target": None,
            "details": [*details],
            "additionalInfo": information,
        },
    }


def control_shape(_status: int, code: str, message: str, scope: Scope) -> tuple[bytes, bytes]:
    """Body and content type of an error on the control plane's port: XML from storage, the envelope from all else."""
    if str(scope["path"]).startswith(f"/{STORAGE_ACCOUNT}."):
        text = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        return f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode(), b"application/xml"
    request_id = str(scope.get("state", {}).get("request_id", ""))
    return json.dumps(error_body(code, message, request_id)).encode(), b"application/json"


def identity_shape(status: int, code: str, message: str, _scope: Scope) -> tuple[bytes, bytes]:
    """Body and content type of an error of the managed-identity endpoint."""
    return json.dumps({"statusCode": status, "code": code, "message": message}).encode(), b"application/json"


def _answer(request: Request, error: ServiceError) -> Response:
    request_id = str(getattr(request.state, "request_id", ""))
    headers = {**error.headers, "x-ms-failure-cause": "gateway" if error.status < 500 else "service"}
    return JSONResponse(error_body(error.code, error.message, request_id, error.details), error.status, headers=headers)


async def on_service_error(request: Request, error: Exception) -> Response:
    """Answer with the envelope of a ServiceError."""
    assert isinstance(error, ServiceError)
    return _answer(request, error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """A path or method that no route knows."""
    assert isinstance(error, HTTPException)
    if error.status_code in (404, 405):
        return _answer(request, not_emulated(f"{request.method} {request.url.path}"))
    return _answer(request, ServiceError(error.status_code, "BadRequest", str(error.detail)))


async def on_crash(request: Request, error: Exception) -> Response:
    """A fault of ours. The traceback goes to the server's own log."""
    sentence = f"The local Azure failed on this request ({type(error).__name__}); its log has the details."
    return _answer(request, ServiceError(500, "InternalServerError", sentence))


def not_emulated(operation: str) -> ServiceError:
    """The answer to everything the local Azure does not do."""
    return ServiceError(501, "NotImplemented", f"The local Azure does not emulate {operation}.")


async def json_object(request: Request, most_bytes: int = MAX_JSON_BYTES) -> dict[str, object]:
    """The request's body as a JSON object; an empty body is an empty object.

    Raises ServiceError 400 otherwise, and 413 when it is larger than `most_bytes`.
    """
    text = await _limited(request, most_bytes)
    if not text.strip():
        return {}
    try:
        body = json.loads(text)
        # Python reads more than JSON allows: NaN, 1e999, half a surrogate pair. What is kept must be writable again.
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
        _check_depth(body)
    except (ValueError, RecursionError) as error:
        raise ServiceError(400, "InvalidRequestContent", f"The request content is not valid JSON: {error}.") from error
    if not isinstance(body, dict):
        raise ServiceError(400, "InvalidRequestContent", "The request content must be a JSON object.")
    return body


def _check_depth(value: object) -> None:
    """Raise ValueError when arrays and objects are nested too deep."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH + 1):
        if not level:
            return
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [each for values in inner for each in values if isinstance(each, dict | list)]
    raise ValueError(f"it is nested deeper than {MAX_JSON_DEPTH} levels")


async def _limited(request: Request, most_bytes: int) -> bytes:
    read: bytes | None = getattr(request.state, "json_text", None)
    if read is not None:
        return read
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= most_bytes:
            parts.append(part)
        # Who is still sending when the connection is closed never reads why: so most of what is too large is read on.
        elif size > most_bytes + _READ_ON_BYTES:
            break
    if size > most_bytes:
        raise ServiceError(
            413,
            "RequestContentTooLarge",
            f"The request content size exceeds the maximum size of {most_bytes / (1 << 20):g} MB.",
            {"Connection": "close"},
        )
    read = request.state.json_text = b"".join(parts)
    return read
