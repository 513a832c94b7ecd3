"""HTTP/1.1 to an instance: as little as a gateway needs, since an instance closes its connection after every answer.

Framing is llhttp's, through httptools, the parser that also reads the callers' requests. A client library that can do
more took several times the processor time for one request on a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import cast

import httptools

from emulator.scoring.message import Headers, Message

_SCHEME = "http://"
_JOIN_BELOW_BYTES = 64 * 1024


class UnreachableError(Exception):
    """No connection could be opened; nothing was sent."""


class BrokenOffError(Exception):
    """The connection ended, or carried something else than HTTP, before the whole answer was there."""


@dataclass(frozen=True)
class Received:
    """An instance's answer; header names are in lower case."""

    status: int
    headers: Headers
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection, one request at a time. The methods that begin with on_ are called by the parser."""

    def __init__(self, idle: list[_Connection]) -> None:
        """``idle`` is the list that keeps the connection between requests."""
        self._idle = idle
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Received] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._ends_with_connection = False
        self.reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    async def ask(self, head: bytes, body: bytes) -> Received:
        """Send a request and wait for its answer. Raises BrokenOffError. When it is cancelled the connection ends."""
        answer: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._ends_with_connection = False
        if len(body) < _JOIN_BELOW_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        try:
            return await answer
        except BaseException:
            self.reusable = False
            self._transport.abort()
            raise

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse what came; anything nobody asked for ends the connection."""
        if self._answer is None:
            self.reusable = False
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"The answer is not HTTP: {error}")

    def connection_lost(self, _error: Exception | None) -> None:
        """The end of the connection is the end of an answer that has no length, and breaks off any other."""
        self.reusable = False
        if self in self._idle:
            self._idle.remove(self)
        if self._ends_with_connection:
            self._finish()
        else:
            self._fail("The connection was closed before the end of the answer.")

    def on_message_begin(self) -> None:
        """Forget the message before, which may have been an interim answer (1xx)."""
        self._headers, self._body = [], []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """See whether the answer has a length (RFC 9112, 6.3)."""
        framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in self._headers)
        self._ends_with_connection = not framed and self._parser.get_status_code() >= 200

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Hand over the answer, unless it is an interim one."""
        if self._parser.get_status_code() >= 200:
            self.reusable = self.reusable and self._parser.should_keep_alive()
            self._finish()

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        self._ends_with_connection = False
        if answer is not None and not answer.done():
            answer.set_result(
                Received(self._parser.get_status_code(), tuple(self._headers), b"".join(self._body)),
            )

    def _fail(self, reason: str) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(BrokenOffError(reason))


class Upstream:
    """Connections to all instances."""

    def __init__(self) -> None:
        self._idle: defaultdict[str, list[_Connection]] = defaultdict(list)

    async def ask(self, url: str, message: Message) -> Received:
        """Send a message to the instance at ``url``. Raises UnreachableError or BrokenOffError.

        Nothing is sent twice: an instance may have worked on a request whose connection broke.
        """
        idle = self._idle[url]
        connection = idle.pop() if idle else await self._connect(url, idle)
        received = await connection.ask(_head(url, message), message.body)
        if connection.reusable:
            idle.append(connection)
        else:
            connection.close()
        return received

    async def _connect(self, url: str, idle: list[_Connection]) -> _Connection:
        host, _, port = url.removeprefix(_SCHEME).rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(idle), host, int(port))
        except OSError as error:
            raise UnreachableError(f"{url} cannot be reached: {error}") from error
        return connection

    def close(self) -> None:
        """Close every connection that no request uses."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()


def _head(url: str, message: Message) -> bytes:
    """Request line and headers. Nothing in them can hold a line break: they were parsed from a request."""
    lines = [
        f"{message.method} {message.target} HTTP/1.1\r\nhost: {url.removeprefix(_SCHEME)}\r\n".encode("latin-1"),
        *(b"%b: %b\r\n" % header for header in message.headers),
    ]
    if message.body or message.method != "GET":
        lines.append(b"content-length: %d\r\n" % len(message.body))
    lines.append(b"\r\n")
    return b"".join(lines)
