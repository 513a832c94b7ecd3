"""A server whose delays are known exactly: each answer takes a fixed time, and at times everything stands still.

``python -m benchmarks.stalling DELAY STALL EVERY`` (seconds) prints its port and the moment of its first stall on the
monotonic clock, and ends with its stdin. A request that arrives while it stands still waits for the end of the stall,
and then as long as any other.

It is a program on a busy machine, so that it answers a little later than it means to. That is its own doing and no
error of who measures it: ``GET /lateness`` tells by how much for every request with a header ``x-number``, from the
moment at which the system had its bytes to the moment at which its answer was written, and forgets it.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence

from services.loadtest.readiness import READ, Waiting, ask_for_exact_timers

NUMBER = b"\r\nx-number: "
_STAMP = struct.Struct("qq")
_STAMPS_NS = 35
"""SO_TIMESTAMPNS of Linux: the system says when the bytes came that are read, by the clock of the day."""
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{"d":"blue"}'


def held(at: float, began: float, delay: float, stall: float, every: float) -> float:
    """How long a request that arrives at ``at`` is held, in seconds."""
    phase = (at - began) % every
    return delay + (stall - phase if phase < stall else 0.0)


class Server:
    """One thread, as many connections as come. Requests on a connection come one after the other."""

    def __init__(self, delay: float, stall: float, every: float) -> None:
        self._times = delay, stall, every
        self._waiting = Waiting()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self._waiting.watch(self._listener.fileno(), READ)
        self._connections: dict[int, tuple[socket.socket, bytearray]] = {}
        self._due: list[tuple[float, int, bytes, socket.socket]] = []
        self._lateness: dict[str, float] = {}
        self._count = 0
        self.began = time.monotonic()
        self.port = int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Serve for ever."""
        ask_for_exact_timers()
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                due, _, number, connection = heapq.heappop(self._due)
                if number:
                    self._lateness[number.decode()] = time.monotonic() - due
                with contextlib.suppress(OSError):
                    connection.send(ANSWER)
            until = self._due[0][0] if self._due else now + 1.0
            for descriptor, _ in self._waiting.wait(until - time.monotonic()):
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._read(descriptor)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, _STAMPS_NS, 1)
                self._connections[connection.fileno()] = connection, bytearray()
                self._waiting.watch(connection.fileno(), READ)

    def _read(self, descriptor: int) -> None:
        connection, buffer = self._connections[descriptor]
        try:
            received, extras, _, _ = connection.recvmsg(65536, 64)
        except BlockingIOError:
            return
        except OSError:
            received, extras = b"", []
        if not received:
            self._waiting.forget(descriptor)
            del self._connections[descriptor]
            connection.close()
            return
        buffer += received
        arrived = arrival(extras)
        while (size := request_size(buffer)) and len(buffer) >= size:
            request = bytes(buffer[:size])
            del buffer[:size]
            self._count += 1
            if request.startswith(b"GET /lateness "):
                self._tell(connection)
                continue
            number = request.partition(NUMBER)[2].partition(b"\r\n")[0]
            due = arrived + held(arrived, self.began, *self._times)
            heapq.heappush(self._due, (due, self._count, number, connection))

    def _tell(self, connection: socket.socket) -> None:
        body = json.dumps(self._lateness).encode()
        self._lateness.clear()
        connection.setblocking(True)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        connection.setblocking(False)


def arrival(extras: Sequence[tuple[int, int, bytes]]) -> float:
    """When the system had the bytes that were read with ``extras``, on the monotonic clock; now if it does not say."""
    now = time.monotonic()
    for level, kind, content in extras:
        if (level, kind) == (socket.SOL_SOCKET, _STAMPS_NS):
            seconds, nanoseconds = _STAMP.unpack(content)
            ago: int = time.time_ns() - seconds * 10**9 - nanoseconds
            return now - max(0, ago) / 1e9
    return now


def request_size(buffer: bytearray) -> int:
    """Bytes of the first request in ``buffer``, 0 while its head is not whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = bytes(buffer[:end]).lower()
    place = head.find(b"content-length:")
    length = int(head[place + 15 :].partition(b"\r\n")[0]) if place >= 0 else 0
    return end + 4 + length


def main(delay: float, stall: float, every: float) -> None:
    """Serve until stdin ends."""
    server = Server(delay, stall, every)
    print(server.port, server.began, flush=True)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    server.serve()


def end_with_stdin() -> None:
    """End this process when its parent closes the pipe."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:4]))
