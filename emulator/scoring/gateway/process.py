"""The control process's side of the gateway: starts it, tells it the table, restarts it when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from emulator.scoring.gateway.callers import Access
from emulator.scoring.model import Collecting, Conditions, EndpointRoute
from emulator.settings import Settings

_ROOT = Path(__file__).resolve().parents[3]
_START_SECONDS = 30.0
_CLOSE_SECONDS = 10.0
_RESTART_SECONDS = 0.5
_LINE_LIMIT = 1024 * 1024

_log = logging.getLogger(__name__)


class GatewayError(RuntimeError):
    """The gateway could not be started. The text is a sentence for a person."""


def conditions(settings: Settings) -> Conditions:
    """What the gateway has to know of the settings."""
    return Conditions(**{each.name: getattr(settings, each.name) for each in fields(Conditions)})


class Gateway:
    """Owns the child process. Every change returns once the gateway acknowledged it: from then on it is in effect."""

    def __init__(self, state: Path, port: int, secret: str, access: Access | None = None) -> None:
        """``port`` 0 picks a free one; TLS files are read from ``state``/tls; nothing starts yet.

        ``access`` judges callers with tokens; without it only keys open an endpoint.
        """
        self._state = state
        self._port = port
        self._secret = secret
        self._access = access or Access()
        self._settings: dict[str, dict[str, Any]] = {}
        self._revision = 0
        self._acknowledgements: dict[int, asyncio.Future[None]] = {}
        self._endpoints: dict[str, dict[str, Any]] = {}
        self._deployments: dict[tuple[str, str], dict[str, Any]] = {}
        self._collectors: dict[tuple[str, str], dict[str, Any]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def pid(self) -> int | None:
        """The process id of the gateway that runs now."""
        return self._process.pid if self._process else None

    async def start(self) -> int:
        """Start the process and return its port. Raises GatewayError when that fails, a taken port included."""
        process = await self._spawn()
        self._watcher = asyncio.create_task(self._watch(process))
        return self._port

    async def set_endpoint(self, name: str, route: EndpointRoute | None) -> None:
        """Set keys and split of an endpoint; None forgets the endpoint."""
        order: dict[str, Any] = {"endpoint": name, "route": None}
        if route is None:
            self._endpoints.pop(name, None)
        else:
            order["route"] = asdict(route)
            self._endpoints[name] = order
        await self._order(order)

    async def set_deployment(
        self, endpoint: str, deployment: str, urls: tuple[str, ...], timeout_ms: int, max_concurrent: int
    ) -> None:
        """Point a deployment at its instances; without any it is removed."""
        order = {
            "deployment": [endpoint, deployment],
            "urls": list(urls),
            "timeout_ms": timeout_ms,
            "max_concurrent": max_concurrent,
        }
        if urls:
            self._deployments[endpoint, deployment] = order
        else:
            self._deployments.pop((endpoint, deployment), None)
        await self._order(order)

    async def set_collector(self, endpoint: str, deployment: str, to: Collecting | None) -> None:
        """Collect what a deployment is asked and answers; None ends it."""
        order = {"collector": [endpoint, deployment], "to": None if to is None else asdict(to)}
        if self._collectors.get((endpoint, deployment), {"to": None})["to"] == order["to"]:
            return
        if to is None:
            del self._collectors[endpoint, deployment]
        else:
            self._collectors[endpoint, deployment] = order
        await self._order(order)

    async def set_conditions(self, conditions: Conditions) -> None:
        """Set the limits of every endpoint, and the clock that dates rows and judges tokens."""
        self._settings["conditions"] = {"conditions": asdict(conditions)}
        await self._order(self._settings["conditions"])

    async def set_faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Hold just these faults, as :meth:`emulator.faults.FaultBook.for_scoring` gives them."""
        self._settings["faults"] = {"faults": list(faults)}
        await self._order(self._settings["faults"])

    async def drained(self, urls: tuple[str, ...], timeout_seconds: float) -> bool:
        """Return once no request is under way to these instances, at the latest after ``timeout_seconds``; and whether
        that is so."""
        try:
            await asyncio.wait_for(self._order({"drained": list(urls)}), timeout_seconds)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End the process; rows that wait are written first."""
        self._closing = True
        if self._watcher:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            return
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _CLOSE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _order(self, order: Mapping[str, Any]) -> None:
        self._revision += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acknowledgements[self._revision] = future
        self._write({**order, "revision": self._revision})
        await future

    def _write(self, values: Mapping[str, Any]) -> None:
        """Send one line. While the process is down nothing is sent: it gets the whole table when it is back."""
        if self._process and self._process.returncode is None and self._process.stdin:
            with contextlib.suppress(ConnectionError):
                self._process.stdin.write(json.dumps(values).encode() + b"\n")

    async def _spawn(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "emulator.scoring.gateway", "--state", str(self._state.resolve()), "--port", str(self._port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            # Ctrl-C reaches only the control process, which then closes the pipe and lets rows be written.
            start_new_session=True,
            limit=_LINE_LIMIT,
        )
        self._process = process
        # A process that replaces a dead one knows the whole table before it takes its first request; that settles every
        # change which its predecessor did not acknowledge.
        settled = list(self._acknowledgements)
        table = [*self._settings.values(), *self._endpoints.values(), *self._deployments.values()]
        table += self._collectors.values()
        self._write({"secret": self._secret, "access": asdict(self._access), "table": table})
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise GatewayError("The scoring gateway did not start in time.") from None
        answer = json.loads(line) if line else {}
        if "ready" not in answer:
            await process.wait()
            raise GatewayError(answer.get("error", "The scoring gateway ended before it was ready."))
        self._port = answer["ready"]
        for revision in settled:
            self._acknowledge(revision)
        return process

    def _acknowledge(self, revision: int) -> None:
        future = self._acknowledgements.pop(revision, None)
        if future and not future.done():
            future.set_result(None)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        while True:
            assert process.stdout is not None
            while line := await process.stdout.readline():
                self._acknowledge(json.loads(line)["revision"])
            await process.wait()
            if self._closing:
                return
            _log.error("The scoring gateway ended with code %s and is started again.", process.returncode)
            process = await self._respawn()

    async def _respawn(self) -> asyncio.subprocess.Process:
        while True:
            await asyncio.sleep(_RESTART_SECONDS)
            try:
                return await self._spawn()
            except (GatewayError, OSError) as error:
                _log.error("%s", error)
