"""Who may reach the server, and what it says of its own health."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services import host

ROOT = Path(__file__).resolve().parents[2]


async def _secret(_: object) -> PlainTextResponse:
    return PlainTextResponse("the operator's endpoints")


def _status(server: str | None, client: str | None) -> int:
    app = Starlette(routes=[Route("/", _secret)], middleware=[Middleware(host.LoopbackOnly)])
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "server": (server, 8501) if server else None,
        "client": (client, 50000) if client else None,
    }
    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("server", "client", "status"),
    [
        ("127.0.0.1", "127.0.0.1", 200),
        ("::1", "::1", 200),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", 200),
        (None, None, 200),
        ("192.0.2.10", "192.0.2.20", 403),
        ("192.0.2.10", "127.0.0.1", 403),
        ("127.0.0.1", "192.0.2.20", 403),
        ("example.org", "127.0.0.1", 403),
    ],
    ids=["ipv4", "ipv6", "mapped", "unix-socket", "lan", "lan-address", "forwarded-client", "name"],
)
def test_only_connections_on_this_machine_are_served(server: str | None, client: str | None, status: int) -> None:
    assert _status(server, client) == status


def test_a_websocket_from_elsewhere_is_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def inner(*_: object) -> None:
        raise AssertionError("the connection was let through")

    scope = {"type": "websocket", "server": ("192.0.2.10", 8501), "client": ("192.0.2.20", 4000)}
    asyncio.run(host.LoopbackOnly(inner)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "this machine only"}]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.10", "", None])
def test_a_non_loopback_address_is_refused_with_the_reason(address: str | None) -> None:
    with pytest.raises(host.NotLoopback, match="no sign-in"):
        host.require_loopback(address)


@pytest.mark.parametrize(
    ("arguments", "environment", "address"),
    [
        (["/usr/bin/streamlit", "run", "app.py"], {}, "configured"),
        (["/usr/bin/uvicorn", "app:app"], {}, "127.0.0.1"),
        (["/usr/bin/uvicorn", "app:app", "--host", "0.0.0.0"], {}, "0.0.0.0"),
        (["/usr/bin/uvicorn", "app:app", "--host=::"], {}, "::"),
        (["/usr/bin/uvicorn", "app:app"], {"UVICORN_HOST": "0.0.0.0"}, "0.0.0.0"),
        (["/usr/lib/uvicorn/__main__.py", "app:app", "--host", "::1"], {}, "::1"),
    ],
)
def test_the_address_is_taken_from_whoever_starts_the_server(
    arguments: list[str], environment: dict[str, str], address: str
) -> None:
    assert host.listen_address(arguments, environment, "configured") == address


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "uvicorn", "app:app", "--host", "0.0.0.0", "--port", "0"],
        ["-m", "streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "0"],
    ],
    ids=["uvicorn", "streamlit"],
)
def test_the_server_does_not_start_for_other_machines(command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=240
    )
    assert ended.returncode != 0
    assert "Refusing to listen on 0.0.0.0" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_readiness_follows_the_warm_up_and_health_does_not() -> None:
    readiness, stopped = host.Readiness(), list[str]()
    app = Starlette(
        routes=host.routes(readiness),
        lifespan=host.lifespan(readiness, [lambda: stopped.append("warmed")], lambda: stopped.append("stopped")),
    )

    async def visit() -> list[tuple[int, int]]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

            async def look() -> tuple[int, int]:
                return (await client.get("/healthz")).status_code, (await client.get("/readyz")).status_code

            cold = await look()
            async with app.router.lifespan_context(app):
                return [cold, await look()]

    try:
        assert asyncio.run(visit()) == [(200, 503), (200, 200)]
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    assert stopped == ["warmed", "stopped"]
