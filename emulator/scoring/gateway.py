"""The gateway process: ``python -m emulator.scoring.gateway --state DIR --port N``.

It is a process of its own so that environment builds, queries and large reads never delay a scored request. Its parent
writes JSON lines on stdin: first ``{"secret": ..., "table": [...]}``, then changes of the table, each with a
``revision`` that is acknowledged on stdout as soon as it is in effect. The end of stdin ends the process, so that no
orphan is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.listener import Listener, listening
from emulator.scoring.forwarding import Forwarder
from emulator.scoring.mirror import Mirror
from emulator.scoring.model import EndpointRoute
from emulator.scoring.proxy import Proxy, Table
from emulator.scoring.recorder import Recorder
from emulator.scoring.telemetry import Telemetry

_LINE_LIMIT = 16 * 1024 * 1024


def _say(values: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


class _Orders:
    """Applies what the parent asks for."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._tasks: set[asyncio.Task[None]] = set()

    def obey(self, order: Mapping[str, Any]) -> None:
        """Carry out an order and acknowledge it."""
        if "drained" in order:
            task = asyncio.get_running_loop().create_task(self._drain(frozenset(order["drained"]), order["revision"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self.change(order)
            _say({"revision": order["revision"]})

    def change(self, order: Mapping[str, Any]) -> None:
        """Change the table."""
        if "endpoint" in order:
            name, route = order["endpoint"], order["route"]
            if route is None:
                self._table.endpoints.pop(name, None)
            else:
                self._table.endpoints[name] = EndpointRoute(tuple(route["keys"]), route["live"], route["mirror"])
        else:
            endpoint, deployment = order["deployment"]
            urls = tuple(order["urls"])
            self._table.set_deployment((endpoint, deployment), urls, order["timeout_ms"], order["max_concurrent"])

    async def _drain(self, urls: frozenset[str], revision: int) -> None:
        await self._table.occupancy.idle(urls)
        _say({"revision": revision})


async def _serve(state: Path, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=_LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = json.loads(await lines.readline())

    telemetry = Telemetry(state / "telemetry.db")
    recorder = Recorder(telemetry)
    forwarder = Forwarder()
    mirror = Mirror(forwarder)
    table = Table()
    orders = _Orders(table)
    for order in first["table"]:
        orders.change(order)
    proxy = Proxy(table, forwarder, mirror, recorder.add, first["secret"], random.SystemRandom())
    flushing = loop.create_task(recorder.run())
    async with listening((Listener(proxy, state / "tls"), listener)):
        _say({"ready": listener.getsockname()[1]})
        while line := await lines.readline():
            orders.obey(json.loads(line))
    flushing.cancel()
    await mirror.close()
    await forwarder.close()
    await recorder.flush()
    telemetry.close()


def main() -> None:
    """Run until stdin ends. Exit code 2 when the port cannot be had; the reason is a JSON line on stdout."""
    parser = argparse.ArgumentParser(prog="emulator.scoring.gateway")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="gateway: %(message)s")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", arguments.port))
    except OSError as error:
        _say({"error": f"Port {arguments.port} cannot be used: {error.strerror}."})
        sys.exit(2)
    listener.listen(2048)
    listener.setblocking(False)

    import uvloop

    uvloop.run(_serve(arguments.state, listener))


if __name__ == "__main__":
    main()
