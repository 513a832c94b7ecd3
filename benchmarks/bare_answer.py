"""The least a server can do: one route that answers the bytes of a file, on the local Azure's own listener, with TLS.

``python -m benchmarks.bare_answer FILE TLS_FOLDER`` prints its port and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emulator.listener import Listener, listening


async def serve(answer: Path, tls: Path) -> None:
    """Serve until stdin ends."""
    content = answer.read_bytes()

    async def same(request: Request) -> Response:
        await request.body()
        return Response(content, media_type="application/json")

    listener = socket.create_server(("127.0.0.1", 0))
    # asyncio leaves this out for a socket that it did not make: an answer in two parts would wait for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    async with listening((Listener(Starlette(routes=[Route("/", same, methods=["GET", "POST"])]), tls), listener)):
        print(listener.getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
