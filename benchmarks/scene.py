"""The processes a measurement needs: the real gateway and what stands behind it, all on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from emulator import certificates
from emulator.scoring.gateway.process import Gateway
from emulator.scoring.model import Conditions, EndpointRoute

ROOT = Path(__file__).resolve().parent.parent
KEY = "benchmark-key"
ENDPOINT = "bench"
UNLIMITED = Conditions(0.0, 10**9, 10**9, 10**9, 10**12)
"""Azure's limits of 500 requests/s and 5 MB/s would be what is measured."""


@dataclass(frozen=True)
class Scene:
    """A running gateway with its address, the trust it needs and its folder."""

    gateway: Gateway
    state: Path
    url: str
    trust: ssl.SSLContext

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a scoring request."""
        return {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    async def route(self, live: dict[str, int], mirror: dict[str, int] | None = None) -> None:
        """Put a split into effect."""
        await self.gateway.set_endpoint(ENDPOINT, EndpointRoute((KEY,), live, mirror or {}))


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Scene]:
    """Start the gateway in a folder of its own; stop it and remove the folder at the end."""
    with TemporaryDirectory(prefix="bench-") as folder:
        state = Path(folder)
        (state / "tls").mkdir(mode=0o700)
        certificates.ensure(state / "tls", datetime.now(UTC))
        gateway = Gateway(state, 0, "benchmark-secret")
        port = await gateway.start()
        await gateway.set_conditions(UNLIMITED)
        trust = ssl.create_default_context(cafile=str(state / "tls" / "ca.pem"))
        try:
            yield Scene(gateway, state, f"https://localhost:{port}/endpoints/{ENDPOINT}/score", trust)
        finally:
            await gateway.close()


@contextlib.asynccontextmanager
async def child(*module_and_arguments: str) -> AsyncIterator[tuple[int, int]]:
    """Run ``python -m …`` until the block ends; yields (process id, the port it printed)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *module_and_arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.pid, int(await process.stdout.readline())
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


def cpu_seconds(pid: int) -> float:
    """Processor time used so far by a process and its children."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total
