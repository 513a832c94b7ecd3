"""One instance: a supervised process of Microsoft's inference server with the user's own init() and run()."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from emulator.scoring.model import DeploymentFailed

READY_SECONDS = 310.0
"""Azure's default liveness probe gives up after an initial delay of 10 s and 30 failures 10 s apart."""

_LAUNCHER = Path(__file__).with_name("launcher.py")
_POLL_SECONDS = 0.05
_PROBE_SECONDS = 5.0
_STOP_SECONDS = 10.0
_PORTS = range(20000, 32000)
"""Below the range that Linux gives to outgoing connections, so that none of those takes a port meanwhile."""
_given: deque[int] = deque(maxlen=1000)

_ERROR_LINE = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Exit|Interrupt|Warning)\b(?::.*)?$")
_OF_THE_SERVER = "azureml_inference_server_http."


class Instance:
    """Starts, probes and stops one process group."""

    def __init__(self, python: Path, folder: Path, log: Path, variables: Mapping[str, str]) -> None:
        """``folder`` becomes the working directory; nothing starts yet."""
        self._python = python
        self._folder = folder
        self._variables = dict(variables)
        self._process: asyncio.subprocess.Process | None = None
        self._log_start = 0
        self.log = log
        self.port = 0

    @property
    def url(self) -> str:
        """The address of the server; it changes with every start."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id of the supervisor; the server is its child."""
        return self._process.pid if self._process else None

    async def start(self, ready_seconds: float = READY_SECONDS) -> None:
        """Start and wait until the server answers.

        Raises DeploymentFailed("ResourceNotReady") with the last error line of the log when the process ends before,
        which is what an init() that raises leads to, or when it does not answer in time.
        """
        self.port = _free_port()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._process = await asyncio.create_subprocess_exec(
            *(self._python, "-P", _LAUNCHER, "supervise", str(self.port), self.log),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            cwd=self._folder,
            env=self._variables,
            # Ctrl-C is for the control process alone; it ends the instances in order.
            start_new_session=True,
        )
        try:
            await asyncio.wait_for(self._until_ready(self._process), ready_seconds)
        except TimeoutError:
            raise _not_ready(f"Liveness probe failed: no answer within {ready_seconds:.0f} seconds.") from None

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        while not await _is_healthy(self.port):
            if process.returncode is not None:
                raise _not_ready(self._last_error())
            await asyncio.sleep(_POLL_SECONDS)

    async def ended(self) -> int:
        """Wait for the end of the process and return its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """End the process group. Does nothing when it has ended."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _last_error(self) -> str:
        try:
            with self.log.open("rb") as file:
                file.seek(self._log_start)
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            lines = []
        return last_error(lines)


def last_error(lines: list[str]) -> str:
    """The line of a log that says why the process ended: the user's last exception, else the last line."""
    errors = [line for line in lines if _ERROR_LINE.match(line) and not line.startswith(_OF_THE_SERVER)]
    said = [line for line in lines if line.strip()]
    return (errors or said or ["The process ended without a word."])[-1].strip()


def _not_ready(reason: str) -> DeploymentFailed:
    return DeploymentFailed("ResourceNotReady", f"User container has crashed or terminated: {reason}")


def _free_port() -> int:
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - not a secret
        # One that was given a moment ago may not be listened on yet.
        if port in _given:
            continue
        _given.append(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def _is_healthy(port: int) -> bool:
    """Whether the server answers its liveness route; any other program on the port does not count."""
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                answer = await reader.read(4096)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in answer.split(b"\r\n", 1)[0]
