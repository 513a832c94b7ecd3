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
from collections.abc import Callable

from emulator.scoring.gateway import message as wire
from emulator.scoring.gateway import routing
from emulator.scoring.gateway.callers import Access, Denied, admit
from emulator.scoring.gateway.exchange import (
    MAX_BODY_BYTES,
    ClientGoneError,
    Exchange,
    Receive,
    Scope,
    Send,
    unless_gone,
)
from emulator.scoring.gateway.forwarding import NOT_READY, Forwarder
from emulator.scoring.gateway.message import Answer, Message, refused
from emulator.scoring.gateway.meters import Meters
from emulator.scoring.gateway.mirror import Mirror
from emulator.scoring.gateway.table import Table
from emulator.scoring.model import EndpointRoute
from emulator.scoring.telemetry.rows import Row

CLIENT_GONE = 499
"""Recorded when the caller went away first. Nobody receives it."""
SCORE = "/score"

_PATH = re.compile(r"/endpoints/([^/]+)(/score|/swagger\.json)")
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
"""What reaches the model, which refuses most of them itself. CONNECT and TRACE concern the connection."""
_CLOSE = (b"connection", b"close")
_LATIN = "Header values beyond ASCII must be UTF-8 here."


class Proxy:
    """The ASGI application. ``clock`` is epoch seconds: it dates the rows and judges tokens.

    ``collect`` gets endpoint, deployment, request id, message and answer of what a deployment was asked.
    """

    def __init__(
        self,
        table: Table,
        forwarder: Forwarder,
        mirror: Mirror,
        record: Callable[[Row], None],
        secret: str,
        source: random.Random,
        access: Access | None = None,
        meters: Meters | None = None,
        clock: Callable[[], float] = time.time,
        collect: Callable[[str, str, str, Message, Answer], None] = lambda *_: None,
    ) -> None:
        self._table = table
        self._forwarder = forwarder
        self._mirror = mirror
        self._record = record
        self._secret = secret.encode()
        self._random = source
        self._access = access or Access()
        self._meters = meters or Meters()
        self._clock = clock
        self._collect = collect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match = _PATH.fullmatch(scope["path"])
        found = self._table.endpoint(match[1]) if match else None
        if match is None or found is None:
            await Exchange(scope, "", "", 0.0).reply(send, refused(404, "", "There is no such endpoint or path."))
            return
        name, route = found
        request = Exchange(scope, name, match[2], self._clock())
        if b"x-emulator-record" in request.named:
            await self._unrecorded(request, route, receive, send)
            return
        try:
            answer = self._over_limit(request) or await self._answer(request, route, receive, recorded=True)
            request.response_delay_ms = await self._hold_back(request, len(answer.body), receive)
            await request.reply(send, answer)
        except ClientGoneError:
            answer = refused(CLIENT_GONE, "client_disconnected", "")
        self._record(request.row(answer))

    async def _unrecorded(self, request: Exchange, route: EndpointRoute, receive: Receive, send: Send) -> None:
        """Answer with the row that would have been written: no trace, no copy, no limit of the endpoint."""
        given = request.named.get(b"x-emulator-secret", b"")
        if request.named[b"x-emulator-record"] != b"no" or not hmac.compare_digest(given, self._secret):
            await request.reply(send, refused(403, "", "x-emulator-record needs x-emulator-secret."))
            return
        try:
            answer = await self._answer(request, route, receive, recorded=False)
        except ClientGoneError:
            return
        await request.reply(send, answer, ((b"x-emulator-row", json.dumps(request.row(answer)).encode()),))

    def _over_limit(self, request: Exchange) -> Answer | None:
        """The 429 of a request that is too many, or comes in on a connection that is."""
        broken = self._meters.arrive(request.endpoint, request.connection)
        if not broken:
            return None
        # A connection that was not counted in must not be used on.
        close = () if request.connection is None or request.endpoint in request.connection.counted else (_CLOSE,)
        return refused(429, broken, "", *close)

    async def _hold_back(self, request: Exchange, size: int, receive: Receive) -> float:
        """Count bytes, and wait as long as the endpoint's bandwidth demands. Returns the milliseconds.

        Raises ClientGoneError.
        """
        seconds = self._meters.transfer(request.endpoint, size)
        if seconds:
            await unless_gone(asyncio.sleep(seconds), receive)
        return seconds * 1000

    async def _answer(self, request: Exchange, route: EndpointRoute, receive: Receive, *, recorded: bool) -> Answer:
        caller = admit(route, request.endpoint, request.every(b"authorization"), self._access, self._clock())
        if isinstance(caller, Denied):
            request.caller = caller.caller
            return refused(caller.status, caller.text, caller.text)
        request.caller = caller
        if request.method not in _METHODS:
            return refused(405, "method_not_allowed", "Method not allowed.")
        body = await request.read_body(receive)
        if body is None:
            return refused(413, "body_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes.", _CLOSE)
        if recorded:
            request.request_delay_ms = await self._hold_back(request, len(body), receive)
        chosen = self._choose(request, route)
        if chosen is None:
            return refused(404, "no_deployment", "No deployment takes this request: see the traffic of the endpoint.")
        message = self._message(request, body)
        if not message.can_be_sent:
            return refused(400, "bad_header", _LATIN)
        if recorded and request.route == "split" and request.path == SCORE:
            self._copy(request, route, message)
        pool = self._table.pool(request.endpoint, chosen)
        if pool is None:
            return NOT_READY
        answer = await unless_gone(self._forwarder.answer(pool, message), receive)
        if recorded and request.path == SCORE:
            self._collect(request.endpoint, chosen, request.request_id, message, answer)
        return answer

    def _message(self, request: Exchange, body: bytes) -> Message:
        query = request.scope["query_string"]
        target = f"{request.path}?{query.decode('latin-1')}" if query else request.path
        headers = wire.forwarded(request.headers, request.request_id, request.client_request_id)
        return Message(request.method, target, headers, body)

    def _choose(self, request: Exchange, route: EndpointRoute) -> str | None:
        pinned = request.every(b"azureml-model-deployment")
        if not pinned:
            request.route = "split"
            request.deployment = routing.weighted(route.live, self._random) or ""
            return request.deployment or None
        request.route = "pinned"
        name = b",".join(pinned).decode("latin-1")
        request.deployment = self._table.deployment(request.endpoint, route, name) or ""
        return request.deployment or None

    def _copy(self, request: Exchange, route: EndpointRoute, message: Message) -> None:
        """Send the shadow its copy, if it gets one. It leaves at the same time as the request, as Envoy's would."""
        shadow = routing.shadow_for(route, self._random)
        if shadow is None:
            return
        now, copy_id = self._clock(), request.request_id
        if not self._mirror.keeps_request_id:
            copy_id = str(uuid.uuid4())
            message = message.named(copy_id)

        def done(answer: Answer, total_ms: float) -> None:
            self._meters.transfer(request.endpoint, len(message.body) + len(answer.body))
            self._record(request.copy_row(shadow, copy_id, now, answer, total_ms))
            self._collect(request.endpoint, shadow, copy_id, message, answer)

        pool = self._table.pool(request.endpoint, shadow)
        request.mirrored = self._mirror.offer((request.endpoint, shadow), pool, message, done)
