"""Listening sockets, taken before anything else starts: a port that is taken is found out at once."""

from __future__ import annotations

import asyncio
import errno
import socket

from emulator.errors import StartError

HOST = "127.0.0.1"
GATEWAY_WAIT_SECONDS = 5.0
"""How long the gateway of a server that was killed a moment ago may take to let go of its port."""


def listen(port: int) -> socket.socket:
    """A listening socket on the loopback address; port 0 picks a free one. Raises :class:`StartError`."""
    # With the protocol named, asyncio sets TCP_NODELAY; without it every answer waits 40 ms for a delayed ACK.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port that a server held a moment ago can be taken again at once; one that is listened on cannot.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(2048)
    except (OSError, OverflowError) as error:
        found.close()
        raise _refusal(port, error) from error
    return found


async def wait_until_free(port: int, seconds: float = GATEWAY_WAIT_SECONDS) -> None:
    """Return when a port can be taken. Raises :class:`StartError` when it stays taken for so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            listen(port).close()
            return
        except StartError:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(0.05)


def _refusal(port: int, error: Exception) -> StartError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return StartError(f"Port {port} is taken by another program; stop it or choose other ports with --port.")
    return StartError(f"Port {port} cannot be listened on: {error}.")
