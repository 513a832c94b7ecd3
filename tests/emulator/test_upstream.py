"""The connection to an instance: how answers are framed, and what is made of connections that break."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from emulator.scoring.message import Message
from emulator.scoring.upstream import BrokenOffError, UnreachableError, Upstream

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]

MESSAGE = Message("POST", "/score?n=1", ((b"content-type", b"application/json"),), b"{}")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def instance(serve: Serve) -> AsyncIterator[str]:
    """A server that talks as ``serve`` does; yields its address."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


def saying(*pieces: bytes) -> Serve:
    """Read one request, say the pieces one by one, and close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return serve


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", b"3\r\nllo\r\n0\r\n\r\n"),
        (b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", b"hello"),
        tuple(bytes([each]) for each in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ],
    ids=["length", "chunked", "until the end", "interim", "byte by byte"],
)
async def test_every_way_to_frame_an_answer_is_understood(pieces: tuple[bytes, ...]) -> None:
    upstream = Upstream()
    async with instance(saying(*pieces)) as url:
        received = await upstream.ask(url, MESSAGE)
    assert (received.status, received.body) == (200, b"hello")
    upstream.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"HTTP/1.1 200 OK\r\ncontent-le",),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel",),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n",),
        (b"SSH-2.0-OpenSSH_9.2\r\n",),
    ],
    ids=["nothing", "half a header", "half a body", "half the chunks", "not HTTP"],
)
async def test_half_an_answer_is_none(pieces: tuple[bytes, ...]) -> None:
    upstream = Upstream()
    async with instance(saying(*pieces)) as url:
        with pytest.raises(BrokenOffError):
            await upstream.ask(url, MESSAGE)


async def test_the_request_arrives_as_it_was_given() -> None:
    seen = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readuntil(b"{}"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with instance(serve) as url:
        assert (await Upstream().ask(url, MESSAGE)).status == 204
    host = url.removeprefix("http://").encode()
    assert bytes(seen) == (
        b"POST /score?n=1 HTTP/1.1\r\nhost: " + host + b"\r\n"
        b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    )


async def test_a_connection_is_used_again_unless_it_is_to_be_closed_or_was_left() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            try:
                head = await reader.readuntil(b"{}")
            except asyncio.IncompleteReadError:
                return
            if b"hang" not in head:
                last = b"connection: close\r\n" if b"last" in head else b""
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + last + b"\r\n{}")

    upstream = Upstream()
    counts = []
    async with instance(serve) as url:
        for path in ("/one", "/two", "/last", "/three", "/hang", "/four"):
            message = Message("POST", path, (), b"{}")
            if path == "/hang":
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(upstream.ask(url, message), 0.05)
            else:
                assert (await upstream.ask(url, message)).body == b"{}"
            counts.append(connections)
        upstream.close()
    assert counts == [1, 1, 1, 2, 2, 3]


async def test_a_port_nobody_listens_on_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(UnreachableError):
        await Upstream().ask(f"http://127.0.0.1:{port}", MESSAGE)


async def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 40_000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        received = await reader.readexactly(len(body))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(received) + received)
        await writer.drain()

    async with instance(serve) as url:
        assert (await Upstream().ask(url, Message("POST", "/score", (), body))).body == body
