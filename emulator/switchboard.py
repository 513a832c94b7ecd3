"""One listener, several applications after each other: requests wait while there is none."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

_LOOK_SECONDS = 0.01


class Switchboard:
    """ASGI application that passes requests on to the one that is connected."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._connected = asyncio.Event()
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        await self._connected.wait()
        assert self._app is not None
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1

    def connect(self, app: ASGIApp) -> None:
        """Pass requests on to this application from now on."""
        self._app = app
        self._connected.set()

    async def disconnect(self, remaining: int, seconds: float) -> None:
        """Let new requests wait, and return when no more than `remaining` are under way, or after so many seconds."""
        self._connected.clear()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._under_way > remaining and loop.time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
