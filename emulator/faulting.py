"""Where faults meet requests: a middleware for every listener."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator.connection import RESET
from emulator.faults import Fault, FaultBook
from emulator.resources import operation_name

Shape = Callable[[int, str, str, Scope], tuple[bytes, bytes]]
"""Status, code, message and the request to the body of an error and its content type."""


class Faulty:
    """ASGI middleware: lets the faults of a book happen. `/_emulator` is never faulted."""

    def __init__(self, app: ASGIApp, book: FaultBook, shape: Shape) -> None:
        self._app = app
        self._book = book
        self._shape = shape

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if not self._book or scope["type"] != "http" or scope["path"].startswith("/_emulator"):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        operation = operation_name(scope["method"], path) if path.lower().startswith("/subscriptions") else ""
        fault = self._book.take(scope["method"], path, operation)
        if fault is None:
            await self._app(scope, receive, send)
            return
        await self._let_happen(fault, scope, receive, send)

    async def _let_happen(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + fault.delay_seconds

        async def wait() -> None:
            await asyncio.sleep(max(0.0, due - loop.time()))

        if fault.connection == "reset":
            await wait()
            await _reset(scope, receive)
        elif fault.connection == "lost":
            await self._app(scope, receive, _unheard)
            await wait()
            await _reset(scope, receive)
        else:
            delayed = _delayed(_halved(scope, receive, send) if fault.connection == "half" else send, wait)
            if fault.status is None:
                await self._app(scope, receive, delayed)
            else:
                await self._answer(fault, scope, delayed)

    async def _answer(self, fault: Fault, scope: Scope, send: Send) -> None:
        assert fault.status is not None
        if fault.body is None:
            code = fault.code or _CODES.get(fault.status, "Fault")
            message = fault.message or f"The local Azure was asked to answer {fault.status}."
            body, kind = self._shape(fault.status, code, message, scope)
        elif isinstance(fault.body, str):
            body, kind = fault.body.encode(), b"text/plain; charset=utf-8"
        else:
            body, kind = json.dumps(fault.body).encode(), b"application/json"
        if fault.status in (204, 304):
            body = b""
        headers = {b"content-type": kind}
        headers |= {name.lower().encode(): value.encode() for name, value in fault.headers.items()}
        if fault.retry_after is not None:
            headers[b"retry-after"] = b"%d" % fault.retry_after
        headers[b"content-length"] = b"%d" % len(body)
        await send({"type": "http.response.start", "status": fault.status, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": body})


_CODES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "RequestTimeout",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


def plain_shape(_status: int, _code: str, message: str, _scope: Scope) -> tuple[bytes, bytes]:
    """Errors of the scoring gateway: plain text."""
    return message.encode(), b"text/plain; charset=utf-8"


async def _unheard(_: Message) -> None:
    return


def _delayed(send: Send, wait: Callable[[], Awaitable[None]]) -> Send:
    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            await wait()
        await send(message)

    return late


def _halved(scope: Scope, receive: Receive, send: Send) -> Send:
    """Sends the head and the first half of the body, then ends the connection."""
    parts: list[bytes] = []

    async def halve(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(parts)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await _reset(scope, receive, gently=True)

    return halve


async def _reset(scope: Scope, receive: Receive, *, gently: bool = False) -> None:
    """End the connection, and return when the listener has noticed: it then asks for no answer."""
    scope["extensions"][RESET]["end"](gently)
    while (await receive())["type"] != "http.disconnect":
        pass
