"""A uvicorn server among others in one process, whose stop is quick and quiet."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.utils import formatdate
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from emulator.connection import Connection

KEEP_ALIVE_SECONDS = 300
"""Longer than clients keep idle connections, so that they do not meet one that is being closed."""
GRACE_SECONDS = 2.0
"""How long requests under way may take when the server stops."""
_LOOK_SECONDS = 0.02


class _State(ServerState):
    """What uvicorn asks for the headers of every answer. It would date them by the machine's clock, and anew only with
    each of its ticks: a clock that has just been shifted would be told as it was."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._more: list[tuple[bytes, bytes]] = []
        super().__init__()

    # A plain attribute in uvicorn, which sets it with each tick.
    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"date", formatdate(self._clock(), usegmt=True).encode()), *self._more]

    @default_headers.setter
    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._more = headers


class Listener(uvicorn.Server):
    """Serves on one socket. Signals are left to the process as a whole.

    uvicorn alone waits for idle clients too: a TLS connection is closed only when its client answers the goodbye, and
    a client that keeps the connection in a pool does not even read it.
    """

    def __init__(
        self,
        app: ASGIApp,
        tls: Path | None,
        protocol: type[Connection] = Connection,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``tls`` is the folder with certificate and key, None for plain HTTP; ``protocol`` serves a connection.

        Answers are dated by ``clock``, in epoch seconds.
        """
        super().__init__(
            uvicorn.Config(
                _silent_when_cancelled(app),
                http=protocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                ssl_certfile=tls / "server.pem" if tls else None,
                ssl_keyfile=tls / "server.key" if tls else None,
            )
        )
        self.server_state = _State(clock)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests under way finish within GRACE_SECONDS, then drop every connection."""
        for closing in (*self.servers, *(sockets or ())):
            closing.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GRACE_SECONDS
        while (state.tasks or self._is_sending()) and loop.time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
        for connection in list(state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        # A request learns here that its caller is gone, and ends by itself when it watches for that.
        await asyncio.sleep(_LOOK_SECONDS)
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)

    def _is_sending(self) -> bool:
        transports = [connection.transport for connection in self.server_state.connections]
        return any(transport is not None and transport.get_write_buffer_size() for transport in transports)


@asynccontextmanager
async def listening(*listeners: tuple[Listener, socket.socket]) -> AsyncIterator[None]:
    """Serve on the sockets until the block ends; all listeners stop at the same time."""
    tasks = []
    try:
        for listener, listens in listeners:
            task = asyncio.create_task(listener.serve(sockets=[listens]))
            tasks.append(task)
            while not listener.started and not task.done():
                await asyncio.sleep(0.005)
            if task.done():
                task.result()
        yield
    finally:
        for listener, _ in listeners:
            listener.should_exit = True
        await asyncio.gather(*tasks)


def _silent_when_cancelled(app: ASGIApp) -> ASGIApp:
    """The application; uvicorn would log a request that is cut off by a stop as a crash."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            return

    return run
