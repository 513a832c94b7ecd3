"""The gateway without TLS, so that it can be put beside a scoring server that has none either.

``python -m benchmarks.plain_gateway DIR URL`` serves the same application as the real gateway process with the same
server and the same recorder, on a free port of 127.0.0.1 that it prints. It ends with its stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from pathlib import Path

import uvicorn
import uvloop

from benchmarks.scene import ENDPOINT, KEY
from emulator.scoring.forwarding import Forwarder
from emulator.scoring.mirror import Mirror
from emulator.scoring.model import EndpointRoute
from emulator.scoring.proxy import Proxy
from emulator.scoring.recorder import Recorder
from emulator.scoring.table import Table
from emulator.scoring.telemetry import Telemetry


async def serve(folder: Path, url: str) -> None:
    """Serve until stdin ends."""
    table = Table()
    table.set_endpoint(ENDPOINT, EndpointRoute((KEY,), {"live": 100}, {}))
    table.set_deployment((ENDPOINT, "live"), (url,), 5000, 1000)
    forwarder, recorder = Forwarder(), Recorder(Telemetry(folder / "plain.db"))
    proxy = Proxy(table, forwarder, Mirror(forwarder), recorder.add, "benchmark-secret", random.SystemRandom())
    server = uvicorn.Server(
        uvicorn.Config(
            proxy,
            host="127.0.0.1",
            port=0,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=300,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve())
    flushing = asyncio.create_task(recorder.run())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.should_exit = True
    flushing.cancel()
    await serving
    with contextlib.suppress(asyncio.CancelledError):
        await flushing
    await forwarder.close()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), sys.argv[2]))
