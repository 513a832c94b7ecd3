"""Stand-ins for a scoring server, for measurements in which the model must not matter.

``python -m benchmarks.upstream fast|slow|hang`` listens on a free port of 127.0.0.1, prints it, and ends with
its stdin. ``fast`` answers at once, ``slow`` after 200 ms, ``hang`` never.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

SLOW_SECONDS = 0.2
BODY = b'{"predictions": [{"digit": 7, "probability": 0.98}]}'
Event = MutableMapping[str, Any]


def application(kind: str) -> Callable[..., Awaitable[None]]:
    """An ASGI application that answers every request as ``kind`` says."""

    async def answer(
        _scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        while (await receive()).get("more_body"):
            pass
        if kind == "hang":
            await receive()
            return
        if kind == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})

    return answer


async def serve(app: Callable[..., Awaitable[None]]) -> None:
    """Serve an ASGI application on a free port, and print it, until stdin ends."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        access_log=False,
        timeout_keep_alive=300,
        log_level="error",
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    # A polite end would wait for answers that never come.
    threading.Thread(target=end_with_stdin, daemon=True).start()
    await serving


def end_with_stdin() -> None:
    """End this process when its parent closes the pipe."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve(application(sys.argv[1])))
