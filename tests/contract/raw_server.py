"""A server that answers as no decent one would: raw bytes over TLS, with a certificate that clients of Sluice trust."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.local_azure import LocalAzure

Play = Callable[["RawServer", ssl.SSLSocket], None]


class RawServer:
    """Answers every connection with ``play``. Use it in a ``with`` statement, after which all its threads are gone."""

    def __init__(self, azure: LocalAzure, play: Play) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(azure.state / "tls" / "server.pem", azure.state / "tls" / "server.key")
        self._play = play
        self._threads: list[threading.Thread] = []
        self.host = ""
        self.received: list[bytes] = []
        self.is_over = threading.Event()
        """Set when the ``with`` statement ends: a play that waits goes on then."""

    def __enter__(self) -> Self:
        """Listen on a free port of this machine."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"localhost:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._accepting, *self._threads):
            thread.join(10)

    @property
    def url(self) -> str:
        """Its scoring address."""
        return f"https://{self.host}/score"

    def _accept(self) -> None:
        while not self.is_over.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain:
            plain.settimeout(30)
            with self._context.wrap_socket(plain, server_side=True) as connection:
                self.received.append(_request(connection))
                self._play(self, connection)


def _request(connection: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length and (part := connection.recv(65536)):
        body += part
    return head + b"\r\n\r\n" + body


def answering(raw: bytes) -> Play:
    """Sends ``raw`` and closes."""

    def play(_: RawServer, connection: ssl.SSLSocket) -> None:
        connection.sendall(raw)

    return play


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
