"""A scoring plane of its own for a test: certificate, gateway process, fleet, and a client."""

from __future__ import annotations

import asyncio
import io
import json
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from emulator.scoring.gateway.callers import Access
from emulator.scoring.gateway.process import Gateway
from emulator.scoring.instances.fleet import Fleet
from emulator.scoring.model import Conditions, DeploymentSpec, EndpointRoute
from emulator.scoring.telemetry.events import Events
from emulator.scoring.telemetry.gauges import Gauges
from emulator.scoring.telemetry.rows import Row, Telemetry
from tests.emulator.loopback_certificate import write_certificate

KEY = "primary-key-of-the-test"
SECRET = "control-secret-of-the-test"
SIGNING_KEY = "signing-key-of-the-test-with-many-characters"
OWNER, READER = "object-id-of-the-owner", "object-id-of-the-reader"
UNLIMITED = Conditions(0.0, 1_000_000, 1_000_000, 1_000_000, 10**12)

_Found = TypeVar("_Found")

SCRIPT = """
import json, os, sys, time

def init():
    if os.environ.get("BREAK_INIT"):
        raise ValueError("the model is broken")

def run(raw):
    asked = json.loads(raw)
    if asked.get("sleep"):
        print("sleeping")
        time.sleep(asked["sleep"])
    end = time.monotonic() + asked.get("spin", 0)
    while time.monotonic() < end:
        pass
    if asked.get("raise"):
        raise ValueError(asked["raise"])
    if asked.get("crash"):
        os._exit(7)
    if asked.get("kill_server"):
        os.kill(os.getppid(), 9)
    print("asked for", asked.get("n"))
    names = [name for name in os.environ if asked.get("environment")]
    return {"echo": asked, "version": os.environ.get("VERSION"), "pid": os.getpid(), "names": names,
            "model": os.environ.get("AZUREML_MODEL_DIR"), "home": os.environ.get("HOME"), "cwd": os.getcwd(),
            "root": os.environ.get("AML_APP_ROOT"), "path": sys.path}
"""


@dataclass(frozen=True)
class Reply:
    """What a caller got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Rig:
    """The parts, started."""

    state: Path
    gateway: Gateway
    fleet: Fleet
    port: int
    client: aiohttp.ClientSession
    code: Path
    model: Path
    events: Events
    gauges: Gauges
    telemetry: Telemetry = field(init=False)

    def __post_init__(self) -> None:
        self.telemetry = Telemetry(self.state / "telemetry.db")

    def spec(self, deployment: str = "blue", endpoint: str = "shop", **changes: Any) -> DeploymentSpec:
        """A deployment of the echo script whose answers carry its name as their version."""
        spec = DeploymentSpec(
            endpoint=endpoint,
            deployment=deployment,
            instance_count=1,
            code_path=self.code,
            scoring_script="score.py",
            model_path=self.model,
            model_name="digits",
            model_version="3",
            conda_yaml=None,
            image="mcr.microsoft.com/azureml/minimal",
            environment_variables={"VERSION": deployment},
            request_timeout_ms=10_000,
            max_concurrent_requests=100,
        )
        return replace(spec, **changes)

    async def route(self, live: Mapping[str, int], mirror: Mapping[str, int] | None = None, name: str = "shop") -> None:
        await self.gateway.set_endpoint(name, EndpointRoute((KEY, "secondary-key"), live, mirror or {}))

    async def deploy(self, *names: str, **changes: Any) -> None:
        for name in names:
            await self.fleet.deploy(self.spec(name, **changes))

    async def send(
        self,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        path: str = "/endpoints/shop/score",
        method: str = "POST",
        key: str | None = KEY,
    ) -> Reply:
        """One request as a caller of a managed endpoint sends it."""
        sent = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        async with self.client.request(
            method,
            f"https://localhost:{self.port}{path}",
            data=io.BytesIO(data) if method == "POST" else None,
            headers={**sent, **(headers or {})},
        ) as response:
            received = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, received, await response.read())

    async def logged(self, text: str, deployment: str = "blue") -> str:
        """The log of a deployment once it holds the text."""

        async def found() -> str | None:
            log = self.fleet.logs("shop", deployment, "inference-server", 10_000)
            return log if text in log else None

        return await eventually(found)

    async def rows(self, wanted: int, keep: Callable[[Row], bool] = lambda _row: True) -> list[Row]:
        """The rows once there are as many as wanted."""

        async def enough() -> list[Row] | None:
            found = [row for row in self.telemetry.rows("shop", 0, 100_000) if keep(row)]
            return found if len(found) >= wanted else None

        return await eventually(enough)


async def eventually(look: Callable[[], Awaitable[_Found | None]], seconds: float = 60.0) -> _Found:
    """What ``look`` finds as soon as it finds something; fails after a deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = await look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def scoring_plane(state: Path, environments: Path) -> AsyncIterator[Rig]:
    """Start gateway and fleet in ``state``; built environments are shared through ``environments``."""
    state.mkdir(parents=True, exist_ok=True)
    write_certificate(state / "tls")
    (state / "environments").symlink_to(environments)
    code = state / "uploads" / "onlinescoring"
    code.mkdir(parents=True)
    (code / "score.py").write_text(SCRIPT)
    model = state / "uploads" / "model"
    model.mkdir()
    (model / "weights.txt").write_text("1 2 3")
    trusting = ssl.create_default_context(cafile=str(state / "tls" / "server.pem"))
    gateway = Gateway(state, 0, SECRET, Access(SIGNING_KEY, {OWNER: True, READER: False}))
    port = await gateway.start()
    # Limits are for the tests of limits.
    await gateway.set_conditions(UNLIMITED)
    events, gauges = Events(state / "telemetry.db"), Gauges(state / "telemetry.db")
    fleet = Fleet(state, os.environ, gateway, events=events, gauges=gauges, measure_seconds=0.2)
    connector = aiohttp.TCPConnector(ssl=trusting, limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        rig = Rig(state, gateway, fleet, port, client, code, model, events, gauges)
        try:
            yield rig
        finally:
            await fleet.close()
            await gateway.close()
            rig.telemetry.close()
            events.close()
            gauges.close()
