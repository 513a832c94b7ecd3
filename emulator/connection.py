"""One connection of a listener: uvicorn's own protocol, with limits for what comes before a body, and a way to end it.

uvicorn's httptools protocol takes request lines and headers of any length.
"""

from __future__ import annotations

import contextlib
import http
import socket
import struct

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_TARGET_BYTES = 16 * 1024
"""Path and query. Azure's own limits are not public; http.sys, the front end of its kind, takes 16 KB."""
MAX_HEAD_BYTES = 64 * 1024
"""Target and headers together: room for many large cookies and tokens."""
RESET = "emulator.reset"
"""The ASGI extension that ends the connection: `end(True)` lets what was sent arrive first, `end(False)` resets."""
_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_NO_LINGER = struct.pack("ii", 1, 0)


class Connection(HttpToolsProtocol):
    """Answers 414 and 431 to requests whose beginning is too long, and 400 to what is not HTTP."""

    _target_bytes = 0
    _head_bytes = 0
    _is_in_head = True
    _has_completed = False
    _refusal = 0

    def data_received(self, data: bytes) -> None:
        """Read what came in."""
        if self.transport.is_closing():
            return
        started_in_head, self._has_completed = self._is_in_head, False
        super().data_received(data)
        # The parser hands out whole headers only; one without an end is counted here. What held a whole request had a
        # body in it.
        is_head = started_in_head and self._is_in_head and not self._has_completed
        if is_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > 2 * MAX_HEAD_BYTES:
                self._refusal = 431
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._target_bytes = self._head_bytes = 0
        self._is_in_head = True
        self.scope["extensions"] = {RESET: {"end": self._end}}

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._target_bytes += len(url)
        if self._target_bytes > MAX_TARGET_BYTES:
            self._refuse(414)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes + self._target_bytes > MAX_HEAD_BYTES:
            self._refuse(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body begins."""
        if self.parser.should_upgrade() and any(
            name in _BODY_HEADERS and value != b"0" for name, value in self.headers
        ):
            # The parser leaves out the body of a request that asks for another protocol, and reads it as a request.
            self._refuse(400)
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            # RFC 9112, 3.2; Envoy and http.sys, the kinds of front end that Azure has, do the same.
            self._refuse(400)
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request ends."""
        super().on_message_complete()
        self._is_in_head = self._has_completed = True
        self._head_bytes = 0

    def _refuse(self, status: int) -> None:
        self._refusal = status
        raise httptools.HttpParserCallbackError(http.HTTPStatus(status).phrase)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, and close."""
        status = http.HTTPStatus(self._refusal or 400)
        text = msg if status == 400 else status.phrase
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}"
        )
        self.transport.write(head.encode("ascii"))
        self.transport.close()

    def _end(self, gently: bool) -> None:
        if gently:
            self.transport.close()
            return
        # Without lingering the system sends RST instead of FIN. uvloop's own socket takes no options, a copy does.
        with contextlib.suppress(OSError), socket.socket(fileno=socket.dup(self._descriptor())) as copied:
            copied.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def _descriptor(self) -> int:
        return int(self.transport.get_extra_info("socket").fileno())
