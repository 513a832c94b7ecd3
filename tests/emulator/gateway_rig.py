"""A gateway process of its own with stand-ins for models: cheap, and able to misbehave on demand."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from emulator.scoring.gateway.callers import Access
from emulator.scoring.gateway.process import Gateway
from emulator.scoring.model import Conditions, EndpointRoute
from emulator.scoring.telemetry.gauges import Gauges
from emulator.scoring.telemetry.rows import Row, Telemetry
from tests.emulator.loopback_certificate import write_certificate
from tests.emulator.scoring_rig import Reply, eventually

KEY = "primary-key-of-the-test"
SECRET = "control-secret-of-the-test"
SIGNING_KEY = "signing-key-of-the-test-with-many-characters"
OWNER, READER = "object-id-of-the-owner", "object-id-of-the-reader"
UNLIMITED = Conditions(0.0, 1_000_000, 1_000_000, 1_000_000, 10**12)


@dataclass
class Model:
    """A stand-in for a scoring server. The body of a request says what it does."""

    name: str
    url: str
    asked: list[web.BaseRequest] = field(default_factory=list)
    answered: int = 0


@asynccontextmanager
async def model(
    name: str, answer: Callable[[web.BaseRequest, Any], Awaitable[Any]] | None = None
) -> AsyncIterator[Model]:
    """Serve on a free port. Without ``answer`` it says who it is, what it was asked, and obeys sleep, status, size."""
    served = Model(name, "")

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        served.asked.append(request)
        asked = json.loads(body) if body.startswith(b"{") else {}
        if answer is not None:
            told = await answer(request, asked)
            if told is not None:
                served.answered += 1
                assert isinstance(told, web.StreamResponse)
                return told
        await asyncio.sleep(asked.get("sleep", 0))
        served.answered += 1
        if "size" in asked:
            return web.Response(body=b"x" * asked["size"])
        said = {"model": name, "echo": asked, "method": request.method, "target": request.raw_path, "size": len(body)}
        return web.json_response(said, status=asked.get("status", 200), headers=asked.get("headers"))

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await runner.cleanup()


@dataclass
class GatewayRig:
    """The parts, started."""

    gateway: Gateway
    port: int
    trust: ssl.SSLContext
    client: aiohttp.ClientSession
    telemetry: Telemetry
    gauges: Gauges
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def endpoint(self, *models: Model, mirror: Mapping[str, int] | None = None, **changes: Any) -> str:
        """A new endpoint with these models as deployments; the first one is live unless ``live`` says otherwise."""
        name = f"shop-{next(self._numbers)}"
        await self.route(name, {models[0].name: 100} if models else {}, mirror, **changes)
        for each in models:
            await self.deploy(name, each)
        return name

    async def route(
        self, name: str, live: Mapping[str, int], mirror: Mapping[str, int] | None = None, auth_mode: str = "Key"
    ) -> None:
        await self.gateway.set_endpoint(name, EndpointRoute((KEY, "secondary-key"), live, mirror or {}, auth_mode))

    async def deploy(self, endpoint: str, *models: Model, timeout_ms: int = 20_000, concurrency: int = 5_000) -> None:
        for each in models:
            await self.gateway.set_deployment(endpoint, each.name, (each.url,), timeout_ms, concurrency)

    async def send(
        self,
        endpoint: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        path: str = "/score",
        method: str = "POST",
        key: str | None = KEY,
    ) -> Reply:
        """One request as a caller of a managed endpoint sends it."""
        sent = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        async with self.client.request(
            method,
            URL(f"https://localhost:{self.port}/endpoints/{endpoint}{path}", encoded=True),
            data=io.BytesIO(data) if method in ("POST", "PUT", "PATCH") else None,
            headers={**sent, **(headers or {})},
        ) as response:
            received = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, received, await response.read())

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection on which bytes are written as they are."""
        reader, writer = await asyncio.open_connection("localhost", self.port, ssl=self.trust)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def rows(self, endpoint: str, wanted: int, kind: str = "live") -> list[Row]:
        """The rows of an endpoint once there are as many as wanted."""

        async def enough() -> list[Row] | None:
            found = [row for row in self.telemetry.rows(endpoint, -1e12, 100_000) if row["kind"] == kind]
            return found if len(found) >= wanted else None

        return await eventually(enough)


def head(endpoint: str, *lines: str, method: str = "POST", key: str | None = KEY) -> bytes:
    """The beginning of a request as bytes: request line, host, key and more header lines."""
    first = [f"{method} /endpoints/{endpoint}/score HTTP/1.1", "host: localhost"]
    credential = [f"authorization: Bearer {key}"] if key else []
    return "\r\n".join([*first, *credential, *lines, "", ""]).encode("latin-1")


async def read_answer(reader: asyncio.StreamReader, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in lower case, and the body of one answer with a content length."""
    status = int((await reader.readline()).split()[1])
    headers: dict[str, str] = {}
    while line := (await reader.readline()).rstrip(b"\r\n"):
        name, _, value = line.decode("latin-1").partition(": ")
        headers[name.lower()] = value
    return status, headers, await reader.readexactly(int(headers.get("content-length", 0))) if has_body else b""


@asynccontextmanager
async def gateway_rig(state: Path) -> AsyncIterator[GatewayRig]:
    """Start a gateway in ``state``, without limits."""
    state.mkdir(parents=True, exist_ok=True)
    write_certificate(state / "tls")
    trust = ssl.create_default_context(cafile=str(state / "tls" / "server.pem"))
    gateway = Gateway(state, 0, SECRET, Access(SIGNING_KEY, {OWNER: True, READER: False}))
    port = await gateway.start()
    await gateway.set_conditions(UNLIMITED)
    telemetry, gauges = Telemetry(state / "telemetry.db"), Gauges(state / "telemetry.db")
    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        try:
            yield GatewayRig(gateway, port, trust, client, telemetry, gauges)
        finally:
            await gateway.close()
            telemetry.close()
            gauges.close()
