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

    async def same(_: Request) -> Response:
        return Response(content, media_type="application/json")

    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    async with listening((Listener(Starlette(routes=[Route("/", same)]), tls), listener)):
        print(listener.getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
