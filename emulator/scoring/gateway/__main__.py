"""The gateway process: ``python -m emulator.scoring.gateway --state DIR --port N``.

It is a process of its own so that environment builds, queries and large reads never delay a scored request. Its parent
writes JSON lines on stdin: first ``{"secret": ..., "access": ..., "table": [...]}``, then orders, each with a
``revision`` that is acknowledged on stdout as soon as it is in effect. Secrets come this way only: other processes can
read arguments. The end of stdin ends the process, so that no orphan is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import socket
import sqlite3
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.faulting import Faulty, plain_shape
from emulator.faults import FaultBook
from emulator.listener import Listener, listening
from emulator.scoring.gateway.callers import Access
from emulator.scoring.gateway.client_connection import ClientConnection
from emulator.scoring.gateway.collector import FOLDER, Collector
from emulator.scoring.gateway.forwarding import Forwarder
from emulator.scoring.gateway.meters import Meters
from emulator.scoring.gateway.mirror import Mirror
from emulator.scoring.gateway.proxy import Proxy
from emulator.scoring.gateway.recorder import Recorder
from emulator.scoring.gateway.table import Table
from emulator.scoring.model import Collecting, Conditions, EndpointRoute
from emulator.scoring.telemetry.gauges import Gauges
from emulator.scoring.telemetry.rows import Telemetry

MEASURE_SECONDS = 5.0
"""How often connections and bytes are written down: twelve samples in a minute of metrics."""

_LINE_LIMIT = 16 * 1024 * 1024
_log = logging.getLogger(__name__)


def _say(values: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


class ShiftedClock:
    """Epoch seconds, as far ahead of the machine's as the local Azure is set to be."""

    def __init__(self) -> None:
        self.shift_seconds = 0.0

    def __call__(self) -> float:
        """The present."""
        return time.time() + self.shift_seconds


class _Orders:
    """Applies what the parent asks for."""

    def __init__(
        self,
        table: Table,
        meters: Meters,
        mirror: Mirror,
        faults: FaultBook,
        clock: ShiftedClock,
        collector: Collector,
    ) -> None:
        self._table = table
        self._meters = meters
        self._mirror = mirror
        self._faults = faults
        self._clock = clock
        self._collector = collector
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
        """Change the table, the collectors, the conditions or the faults."""
        if "endpoint" in order:
            self._set_endpoint(order["endpoint"], order["route"])
        elif "conditions" in order:
            conditions = Conditions(**order["conditions"])
            self._clock.shift_seconds = conditions.clock_shift_seconds
            self._meters.set(conditions)
            self._mirror.keeps_request_id = conditions.mirror_keeps_request_id
        elif "collector" in order:
            to = None if order["to"] is None else Collecting(**order["to"])
            endpoint, deployment = order["collector"]
            self._collector.set(endpoint, deployment, to)
        elif "faults" in order:
            self._faults.replace(order["faults"])
        else:
            endpoint, deployment = order["deployment"]
            urls = tuple(order["urls"])
            self._table.set_deployment((endpoint, deployment), urls, order["timeout_ms"], order["max_concurrent"])

    def _set_endpoint(self, name: str, route: Mapping[str, Any] | None) -> None:
        if route is None:
            self._meters.forget(name)
            self._mirror.forget(name)
            self._table.set_endpoint(name, None)
        else:
            self._table.set_endpoint(name, EndpointRoute(**{**route, "keys": tuple(route["keys"])}))

    async def _drain(self, urls: frozenset[str], revision: int) -> None:
        await self._table.occupancy.idle(urls)
        _say({"revision": revision})


async def _serve(state: Path, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=_LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = json.loads(await lines.readline())

    telemetry, gauges = Telemetry(state / "telemetry.db"), Gauges(state / "telemetry.db")
    recorder = Recorder(telemetry)
    forwarder = Forwarder()
    mirror = Mirror(forwarder)
    table, meters, clock, source = Table(), Meters(), ShiftedClock(), random.SystemRandom()
    faults = FaultBook(source)
    collector = Collector(state / FOLDER, source, clock)
    orders = _Orders(table, meters, mirror, faults, clock, collector)
    for order in first["table"]:
        orders.change(order)
    proxy = Proxy(
        table,
        forwarder,
        mirror,
        recorder.add,
        first["secret"],
        source,
        Access(**first["access"]),
        meters,
        clock,
        collector.take,
    )
    served = Faulty(proxy, faults, plain_shape)
    recording, measuring = loop.create_task(recorder.run()), loop.create_task(_measure(meters, gauges, clock))
    collecting = loop.create_task(collector.run())
    async with listening((Listener(served, state / "tls", ClientConnection, clock), listener)):
        _say({"ready": listener.getsockname()[1]})
        while line := await lines.readline():
            orders.obey(json.loads(line))
    measuring.cancel()
    await mirror.close()
    await forwarder.close()
    recorder.end()
    collector.end()
    await recording
    await collecting
    telemetry.close()
    gauges.close()


async def _measure(meters: Meters, gauges: Gauges, clock: ShiftedClock) -> None:
    """Write the connection and network metrics until cancelled."""
    while True:
        await asyncio.sleep(MEASURE_SECONDS)
        try:
            await asyncio.to_thread(gauges.append, meters.measure(clock()))
        except sqlite3.Error as error:
            _log.error("Connections and bytes of the last %g s could not be written: %s", MEASURE_SECONDS, error)


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
