"""The gateway without TLS, so that it can be put beside servers that have none either.

``python -m benchmarks.plain_gateway DIR URL`` serves the same application as the real gateway process with the same
listener and the same recorder, split 90/10 over two deployments at URL, on a free port of 127.0.0.1 that it prints. It
ends with its stdin.
"""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from pathlib import Path

import uvloop

from benchmarks.scene import ENDPOINT, KEY, UNLIMITED
from emulator.listener import Listener, listening
from emulator.scoring.gateway.client_connection import ClientConnection
from emulator.scoring.gateway.forwarding import Forwarder
from emulator.scoring.gateway.meters import Meters
from emulator.scoring.gateway.mirror import Mirror
from emulator.scoring.gateway.proxy import Proxy
from emulator.scoring.gateway.recorder import Recorder
from emulator.scoring.gateway.table import Table
from emulator.scoring.model import EndpointRoute
from emulator.scoring.telemetry.rows import Telemetry


async def serve(folder: Path, url: str) -> None:
    """Serve until stdin ends."""
    table, meters = Table(), Meters()
    meters.set(UNLIMITED)
    table.set_endpoint(ENDPOINT, EndpointRoute((KEY,), {"live": 90, "other": 10}, {}))
    for name in ("live", "other"):
        table.set_deployment((ENDPOINT, name), (url,), 5000, 1000)
    forwarder, recorder = Forwarder(), Recorder(Telemetry(folder / "plain.db"))
    mirror = Mirror(forwarder)
    proxy = Proxy(table, forwarder, mirror, recorder.add, "secret", random.SystemRandom(), meters=meters)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    flushing = asyncio.create_task(recorder.run())
    async with listening((Listener(proxy, None, ClientConnection), listener)):
        print(listener.getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    await forwarder.close()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), sys.argv[2]))
