"""What the server process does besides serving pages: warm up, answer health checks, keep strangers out.

The warm-up runs before the first visitor. It ends with ``gc.freeze()``: Streamlit runs a full garbage collection after
every rerun, and with the Azure and plotting packages loaded that collection costs more than the rerun itself unless
their objects are set aside first.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

REFUSAL = (
    "Sluice answers on this machine only. Whoever reaches these pages acts with the operator's rights on Azure, and "
    "this version has no sign-in to tell people apart. Start it on 127.0.0.1 and use an SSH tunnel to reach it from "
    "elsewhere: ssh -L 8501:127.0.0.1:8501 <this machine>\n"
)


class NotLoopback(RuntimeError):
    """The server was told to listen on an address that other machines can reach."""


@dataclass
class Readiness:
    """Whether the warm-up has finished. One per process."""

    warm: bool = False


def is_loopback(host: str | None) -> bool:
    """Whether ``host`` names this machine only: localhost, 127.0.0.0/8, ::1, or a Unix socket (None)."""
    if host is None or host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def require_loopback(host: str | None) -> None:
    """Raise :class:`NotLoopback` when the server would listen on ``host`` for other machines too.

    An unset or empty address means every interface, so it is refused as well.
    """
    if not host or not is_loopback(host):
        raise NotLoopback(f"Refusing to listen on {host or 'every interface'}. {REFUSAL.strip()}")


def listen_address(arguments: Sequence[str], environment: Mapping[str, str], configured: str | None) -> str | None:
    """The address this process will listen on: uvicorn's own flag or variable under uvicorn, else ``configured``."""
    if not arguments or "uvicorn" not in arguments[0]:
        return configured
    for flag, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if flag == "--host":
            return value
        if flag.startswith("--host="):
            return flag.removeprefix("--host=")
    return environment.get("UVICORN_HOST", "127.0.0.1")


class LoopbackOnly:
    """ASGI middleware that answers 403 unless both ends of the connection are on this machine.

    It holds under any server, also under ``uvicorn app:app --host 0.0.0.0``, where no setting of ours is read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass loopback connections on and refuse every other."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        server, client = scope.get("server") or (None, None), scope.get("client") or (None, None)
        if is_loopback(server[0]) and is_loopback(client[0]):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse(REFUSAL, status_code=403)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "this machine only"})


def lifespan(
    readiness: Readiness, warm_ups: Sequence[Callable[[], object]], on_stop: Callable[[], None]
) -> Callable[[Any], AbstractAsyncContextManager[dict[str, Any]]]:
    """Build the server's lifespan: run ``warm_ups`` in a thread, freeze the heap, and call ``on_stop`` at the end."""

    def warm() -> None:
        for step in warm_ups:
            step()
        gc.collect()
        gc.freeze()
        readiness.warm = True

    @asynccontextmanager
    async def run(_: object) -> AsyncIterator[dict[str, Any]]:
        await asyncio.to_thread(warm)
        try:
            yield {}
        finally:
            await asyncio.to_thread(on_stop)

    return run


def routes(readiness: Readiness) -> list[Route]:
    """``/healthz`` (the process lives) and ``/readyz`` (503 until the warm-up has finished)."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ready" if readiness.warm else "warming up"}, 200 if readiness.warm else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
