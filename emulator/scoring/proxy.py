"""The scoring surface of every endpoint, as a raw ASGI application.

``/endpoints/{name}/score`` and ``/endpoints/{name}/swagger.json``. One telemetry row is left per request that reached a
known endpoint, refused ones included (with no deployment), and one per copy that a shadow answered or failed to answer.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import random
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, cast

from emulator.scoring import message as wire
from emulator.scoring import routing
from emulator.scoring.admission import Occupancy, Pool
from emulator.scoring.forwarding import NOT_READY, Forwarder
from emulator.scoring.message import Answer, Message, refused
from emulator.scoring.mirror import NOT_COPIED, Mirror
from emulator.scoring.model import EndpointRoute
from emulator.scoring.telemetry import Row

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 100 * 1024 * 1024
"""Azure documents no limit; this one keeps a mistake from filling the memory."""
CLIENT_GONE = 499
"""Recorded when the caller went away first. Nobody receives it."""
MAX_USER_AGENT = 70
WATCH_AFTER_SECONDS = 0.01
"""When the gateway begins to look whether the caller of an unanswered request is still there."""

_PATH = re.compile(r"/endpoints/([^/]+)(/score|/swagger\.json)")


class ClientGoneError(Exception):
    """The caller closed the connection."""


@dataclass
class Table:
    """The endpoints and deployments the gateway knows. Changes take effect with the next request."""

    endpoints: dict[str, EndpointRoute] = field(default_factory=dict)
    pools: dict[tuple[str, str], Pool] = field(default_factory=dict)
    occupancy: Occupancy = field(default_factory=Occupancy)

    def set_deployment(self, key: tuple[str, str], urls: tuple[str, ...], timeout_ms: int, max_concurrent: int) -> None:
        """Point a deployment at its instances; without any it is forgotten."""
        if urls:
            self.pools.setdefault(key, Pool(self.occupancy)).configure(urls, timeout_ms, max_concurrent)
        elif key in self.pools:
            self.pools.pop(key).configure((), timeout_ms, max_concurrent)


class _Request:
    """One request from its first byte to its row."""

    def __init__(self, scope: Scope, endpoint: str, now: float) -> None:
        self.started = time.perf_counter()
        self.headers: wire.Headers = tuple(scope["headers"])
        self.named = dict(self.headers)
        self.endpoint = endpoint
        self.deployment = ""
        self.route = ""
        self.auth = ""
        self.mirrored = NOT_COPIED
        self.request_bytes = 0
        self.message: Message | None = None
        self.now = now
        self.request_id = str(uuid.uuid4())
        self.client_request_id = wire.clean_client_request_id(self.named.get(b"x-ms-client-request-id", b""))

    def row(self, answer: Answer) -> Row:
        """What is kept of this request once it is answered."""
        return Row(
            started_at=self.now,
            endpoint=self.endpoint,
            deployment=self.deployment,
            kind="live",
            route=self.route,
            status=answer.status,
            model_status=answer.model_status,
            reason=answer.reason,
            total_ms=round((time.perf_counter() - self.started) * 1000, 3),
            model_ms=round(answer.model_ms, 3),
            request_bytes=self.request_bytes,
            response_bytes=len(answer.body),
            request_id=self.request_id,
            client_request_id=self.client_request_id,
            user_agent=self.named.get(b"user-agent", b"").decode("latin-1")[:MAX_USER_AGENT],
            auth=self.auth,
            mirrored=self.mirrored,
            method="",
            path="",
            protocol="",
            identity="",
            model_reason="",
            request_ms=0.0,
            response_ms=0.0,
            request_delay_ms=0.0,
            response_delay_ms=0.0,
        )

    def copy_row(self, shadow: str, sent_at: float, answer: Answer, total_ms: float) -> Row:
        """What is kept of the copy that was sent to the shadow; its status is what the client would have got."""
        changed = {"deployment": shadow, "kind": "mirror", "route": "mirror", "mirrored": NOT_COPIED}
        times = {"started_at": sent_at, "total_ms": round(total_ms, 3)}
        return cast(Row, {**self.row(answer), **changed, **times})

    def response_headers(self, answer: Answer) -> list[tuple[bytes, bytes]]:
        """The headers a managed endpoint answers with."""
        identifier = self.request_id.encode()
        headers = [
            *answer.headers,
            (b"content-length", b"%d" % len(answer.body)),
            (b"x-ms-request-id", identifier),
            (b"x-request-id", identifier),
            (b"server", b"azureml-frontdoor"),
        ]
        if self.deployment:
            name = self.deployment.encode()
            headers += [(b"azureml-model-deployment", name), (b"azureml-model-session", name)]
        if self.client_request_id:
            headers.append((b"x-ms-client-request-id", self.client_request_id.encode()))
        return headers


class Proxy:
    """The ASGI application."""

    def __init__(
        self,
        table: Table,
        forwarder: Forwarder,
        mirror: Mirror,
        record: Callable[[Row], None],
        secret: str,
        source: random.Random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._forwarder = forwarder
        self._mirror = mirror
        self._record = record
        self._secret = secret.encode()
        self._random = source
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match = _PATH.fullmatch(scope["path"])
        name = match[1] if match else ""
        request = _Request(scope, name, self._clock())
        route = self._table.endpoints.get(name)
        if match is None or route is None:
            await _reply(send, request, refused(404, "", "There is no such endpoint or path."))
            return
        recorded = b"x-emulator-record" not in request.named
        if not recorded and not self._may_skip_recording(request):
            await _reply(send, request, refused(403, "", "x-emulator-record needs x-emulator-secret."))
            return
        try:
            answer = await self._answer(scope, receive, request, route, match[2])
            extra = [] if recorded else [(b"x-emulator-row", json.dumps(request.row(answer)).encode())]
            await _reply(send, request, answer, extra)
        except ClientGoneError:
            answer = refused(CLIENT_GONE, "client_disconnected", "")
        if recorded:
            # Only now, so that a copy takes nothing from the request it is a copy of.
            if request.message is not None and request.route == "split":
                self._copy(request, route, request.message)
            self._record(request.row(answer))

    def _may_skip_recording(self, request: _Request) -> bool:
        given = request.named.get(b"x-emulator-secret", b"")
        return request.named[b"x-emulator-record"] == b"no" and hmac.compare_digest(given, self._secret)

    async def _answer(
        self, scope: Scope, receive: Receive, request: _Request, route: EndpointRoute, path: str
    ) -> Answer:
        denied = routing.refusal(route, request.named.get(b"authorization"))
        if denied:
            return refused(401, denied, denied)
        request.auth = "key"
        if scope["method"] not in (("GET", "POST") if path == "/score" else ("GET",)):
            return refused(405, "method_not_allowed", "Method not allowed.")
        body = await _read_body(request, receive)
        if body is None:
            close = (b"connection", b"close")
            return refused(413, "body_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes.", close)
        chosen = self._choose(request, route)
        if chosen is None:
            return refused(404, "no_deployment", "No deployment takes this request: see the traffic of the endpoint.")
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        headers = wire.forwarded(request.headers, request.request_id, request.client_request_id)
        message = Message(scope["method"], path + query.decode("latin-1"), headers, body)
        if path == "/score":
            request.message = message
        pool = self._table.pools.get((request.endpoint, chosen))
        if pool is None:
            return NOT_READY
        return await _unless_gone(self._forwarder.answer(pool, message), receive)

    def _choose(self, request: _Request, route: EndpointRoute) -> str | None:
        pinned = request.named.get(b"azureml-model-deployment")
        if pinned is None:
            request.route = "split"
            request.deployment = routing.weighted(route.live, self._random) or ""
            return request.deployment or None
        request.route = "pinned"
        name = pinned.decode("latin-1")
        known = (request.endpoint, name) in self._table.pools or name in route.live or name in route.mirror
        request.deployment = name if known else ""
        return request.deployment or None

    def _copy(self, request: _Request, route: EndpointRoute, message: Message) -> None:
        shadow = routing.shadow_for(route, self._random)
        if shadow is None:
            return
        target, now = (request.endpoint, shadow), self._clock()
        request.mirrored = self._mirror.offer(
            target,
            self._table.pools.get(target),
            message,
            lambda answer, total_ms: self._record(request.copy_row(shadow, now, answer, total_ms)),
        )


async def _read_body(request: _Request, receive: Receive) -> bytes | None:
    """The whole body, or None when it is too large."""
    declared = request.named.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        return None
    parts: list[bytes] = []
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGoneError
        parts.append(event.get("body", b""))
        request.request_bytes += len(parts[-1])
        if request.request_bytes > MAX_BODY_BYTES:
            return None
        if not event.get("more_body"):
            return b"".join(parts)


async def _unless_gone(work: Awaitable[Answer], receive: Receive) -> Answer:
    """The answer, or ClientGoneError soon after the caller closes the connection; the work is then cancelled."""
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


async def _reply(send: Send, request: _Request, answer: Answer, extra: list[tuple[bytes, bytes]] | None = None) -> None:
    headers = [*request.response_headers(answer), *(extra or ())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
