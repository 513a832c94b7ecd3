"""One request from its first byte to its row: what is known of it, how its body is read, how its answer is sent."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar, cast

from emulator.scoring.gateway import message as wire
from emulator.scoring.gateway.callers import Caller
from emulator.scoring.gateway.client_connection import CONNECTION, ClientConnection
from emulator.scoring.gateway.message import Answer
from emulator.scoring.gateway.mirror import NOT_COPIED
from emulator.scoring.telemetry.rows import Row

_Result = TypeVar("_Result")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 100 * 1024 * 1024
"""Azure documents no limit; this one keeps a mistake from filling the memory."""
MAX_USER_AGENT = 70
WATCH_AFTER_SECONDS = 0.01
"""When the gateway begins to look whether the caller of an unanswered request is still there."""


class ClientGoneError(Exception):
    """The caller closed the connection."""


class Exchange:
    """One request and what becomes of it. ``path`` is the one that the endpoint's own host would see."""

    def __init__(self, scope: Scope, endpoint: str, path: str, now: float) -> None:
        self.started = time.perf_counter()
        self.scope = scope
        self.method: str = scope["method"]
        self.path = path
        self.headers: wire.Headers = tuple(scope["headers"])
        self.named = dict(self.headers)
        self.endpoint = endpoint
        self.deployment = ""
        self.route = ""
        self.caller = Caller("", "")
        self.mirrored = NOT_COPIED
        self.request_bytes = 0
        self.request_ms = 0.0
        self.request_delay_ms = 0.0
        self.response_delay_ms = 0.0
        self.now = now
        self.request_id = str(uuid.uuid4())
        self.client_request_id = wire.clean_client_request_id(self.named.get(b"x-ms-client-request-id", b""))

    @property
    def connection(self) -> ClientConnection | None:
        """The connection it came in on, None behind a listener that does not tell."""
        known = self.scope.get("extensions", {}).get(CONNECTION)
        return None if known is None else cast(ClientConnection, known["connection"])

    def every(self, name: bytes) -> list[bytes]:
        """The values of all headers of this name."""
        return [value for header, value in self.headers if header == name]

    def elapsed_ms(self) -> float:
        """Milliseconds since the request began."""
        return (time.perf_counter() - self.started) * 1000

    def row(self, answer: Answer) -> Row:
        """What is kept of this request once it is answered."""
        response_ms = (answer.first_byte_at - self.started) * 1000 if answer.first_byte_at else 0.0
        return Row(
            started_at=self.now,
            endpoint=self.endpoint,
            deployment=self.deployment,
            kind="live",
            route=self.route,
            status=answer.status,
            model_status=answer.model_status,
            reason=answer.reason,
            total_ms=round(self.elapsed_ms(), 3),
            model_ms=round(answer.model_ms, 3),
            request_bytes=self.request_bytes,
            response_bytes=len(answer.body),
            request_id=self.request_id,
            client_request_id=self.client_request_id,
            user_agent=self.named.get(b"user-agent", b"").decode("latin-1")[:MAX_USER_AGENT],
            auth=self.caller.auth,
            mirrored=self.mirrored,
            method=self.method,
            path=self.path,
            protocol=f"HTTP/{self.scope['http_version']}",
            identity=self.caller.identity,
            model_reason=answer.model_reason,
            request_ms=round(self.request_ms, 3),
            response_ms=round(response_ms, 3),
            request_delay_ms=round(self.request_delay_ms, 3),
            response_delay_ms=round(self.response_delay_ms, 3),
        )

    def copy_row(self, shadow: str, copy_id: str, sent_at: float, answer: Answer, total_ms: float) -> Row:
        """What is kept of the copy that was sent to the shadow; its status is what the client would have got."""
        row = self.row(answer)
        row["request_id"] = copy_id
        row["deployment"], row["kind"], row["route"], row["mirrored"] = shadow, "mirror", "mirror", NOT_COPIED
        row["started_at"], row["total_ms"] = sent_at, round(total_ms, 3)
        row["request_ms"], row["request_delay_ms"], row["response_delay_ms"] = 0.0, 0.0, 0.0
        began = time.perf_counter() - total_ms / 1000
        row["response_ms"] = round((answer.first_byte_at - began) * 1000, 3) if answer.first_byte_at else 0.0
        return row

    async def read_body(self, receive: Receive) -> bytes | None:
        """The whole body, or None when it is too large. Raises ClientGoneError."""
        declared = self.named.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            return None
        parts: list[bytes] = []
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise ClientGoneError
            parts.append(event.get("body", b""))
            self.request_bytes += len(parts[-1])
            if self.request_bytes > MAX_BODY_BYTES:
                return None
            if not event.get("more_body"):
                self.request_ms = self.elapsed_ms()
                return b"".join(parts)

    async def reply(self, send: Send, answer: Answer, extra: wire.Headers = ()) -> None:
        """Send the answer with the headers that a managed endpoint adds."""
        identifier = self.request_id.encode()
        headers = [
            *answer.headers,
            (b"x-ms-request-id", identifier),
            (b"x-request-id", identifier),
            (b"server", b"azureml-frontdoor"),
        ]
        if self.method != "HEAD":
            headers.append((b"content-length", b"%d" % len(answer.body)))
        if self.deployment:
            name = self.deployment.encode()
            headers += [(b"azureml-model-deployment", name), (b"azureml-model-session", name)]
        if self.client_request_id:
            headers.append((b"x-ms-client-request-id", self.client_request_id.encode()))
        headers += extra
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


async def unless_gone(work: Awaitable[_Result], receive: Receive) -> _Result:
    """What the work gives, or ClientGoneError soon after the caller closes the connection, which cancels the work."""
    loop = asyncio.get_running_loop()
    here = cast("asyncio.Task[None]", asyncio.current_task())
    watching: asyncio.Future[MutableMapping[str, Any]] | None = None
    waiting, gone = True, False

    def watch() -> None:
        nonlocal watching
        watching = asyncio.ensure_future(receive())
        watching.add_done_callback(leave)

    def leave(told: asyncio.Future[MutableMapping[str, Any]]) -> None:
        nonlocal gone
        if waiting and not told.cancelled():
            gone = True
            here.cancel()

    # Most answers are there before it is worth a task to look for a caller who leaves.
    timer = loop.call_later(WATCH_AFTER_SECONDS, watch)
    try:
        return await work
    except asyncio.CancelledError:
        if gone:
            here.uncancel()
            raise ClientGoneError from None
        raise
    finally:
        waiting = False
        timer.cancel()
        if watching is not None:
            watching.cancel()
