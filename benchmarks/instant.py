"""The fastest server that Python can be: the same bytes for whatever arrives.

``python -m benchmarks.instant`` prints its port and the moment of its start, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import cast

import uvloop

from benchmarks.stalling import ANSWER, end_with_stdin


class Instant(asyncio.Protocol):
    """One connection. The requests of the senders here are smaller than a packet, so that each arrives in one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        # uvloop's transports are not of asyncio's classes.
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - asyncio's signature
        """Answer."""
        self._transport.write(ANSWER)


async def serve() -> None:
    """Serve until stdin ends."""
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], time.monotonic(), flush=True)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
