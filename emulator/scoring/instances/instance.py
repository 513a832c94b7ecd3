"""One instance: a supervised process of Microsoft's inference server with the user's own init() and run()."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import secrets
import socket
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from emulator.scoring.instances.supervisor import AT_ONCE

_LAUNCHER = Path(__file__).with_name("launcher.py")
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_STOP_SECONDS = 10.0
_PORTS = range(20000, 32000)
"""Below the range that Linux gives to outgoing connections, so that none of those takes a port meanwhile."""
_given: deque[int] = deque(maxlen=1000)

_ERROR_LINE = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Exit|Interrupt|Warning)\b(?::.*)?$")
_OF_THE_SERVER = "azureml_inference_server_http.server.user_script."


class Instance:
    """Starts and stops one process group. `identity` is what Azure calls InstanceId; it outlives restarts."""

    def __init__(self, python: Path, folder: Path, log: Path, variables: Mapping[str, str]) -> None:
        """``folder`` becomes the working directory; nothing starts yet."""
        self._python = python
        self._folder = folder
        self._variables = dict(variables)
        self._process: asyncio.subprocess.Process | None = None
        self._log_start = 0
        self.identity = secrets.token_hex(16)
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

    @property
    def has_ended(self) -> bool:
        """Whether the process ended by itself or was stopped."""
        return self._process is not None and self._process.returncode is not None

    async def start(self) -> None:
        """Start the process. Returns at once: whether it answers is for the probes to find out."""
        self.port = _free_port()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", _SUPERVISOR, self.log),
            # -P keeps the launcher's folder off sys.path, where its modules would hide the user's.
            *(self._python, "-P", _LAUNCHER, str(self.port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            cwd=self._folder,
            env=self._variables,
            # Ctrl-C is for the control process alone; it ends the instances in order.
            start_new_session=True,
        )

    async def ended(self) -> int:
        """Wait for the end of the process and return its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self, *, at_once: bool = False) -> None:
        """End the process group, politely or ``at_once``. Does nothing when it has ended."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin:
            if at_once:
                process.stdin.write(AT_ONCE)
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def last_error(self) -> str:
        """The line of the log that says why the process ended, of those since its last start."""
        try:
            with self.log.open("rb") as file:
                # A shorter log was begun since then.
                file.seek(self._log_start if self.log.stat().st_size >= self._log_start else 0)
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            lines = []
        return last_error(lines)


def last_error(lines: list[str]) -> str:
    """The line of a log that says why the process ended: the user's last exception, else the server's, else the last
    line."""
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    users = [line for line in errors if not line.startswith(_OF_THE_SERVER)]
    said = [line for line in lines if line.strip()]
    return (users or errors or said or ["The process ended without a word."])[-1].strip().removeprefix(_OF_THE_SERVER)


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
