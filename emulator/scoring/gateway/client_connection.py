"""A client's connection to the gateway: what it counts for, and how long it may take over a request.

A client that sends its headers byte by byte, or stops in the middle of a body, would otherwise hold a connection for
ever. Azure's own figures are not public.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from emulator.connection import Connection
from emulator.listener import KEEP_ALIVE_SECONDS
from emulator.scoring.gateway.limits import EndpointLimits

HEAD_SECONDS = 30.0
"""How long the request line and the headers may take, from their first byte."""
BODY_PAUSE_SECONDS = 60.0
"""How long a client may be silent in the middle of a body."""
CONNECTION = "emulator.connection"
"""The ASGI extension that holds the :class:`ClientConnection` of a request."""


class ClientConnection(Connection):
    """uvicorn's protocol with a patience of its own, known to the application."""

    head_seconds = HEAD_SECONDS
    silence_seconds = float(KEEP_ALIVE_SECONDS)
    body_pause_seconds = BODY_PAUSE_SECONDS
    when_lost: Callable[[ClientConnection], None] | None = None
    _patience: asyncio.TimerHandle | None = None
    _is_reading = False
    _had_head = False

    @property
    def counted(self) -> dict[str, EndpointLimits]:
        """Where it was counted in, by endpoint."""
        if self._counted is None:
            self._counted = {}
        return self._counted

    _counted: dict[str, EndpointLimits] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client has connected. One that never says anything is not kept longer than one that says no more."""
        super().connection_made(transport)
        self._patience = self.loop.call_later(self.silence_seconds, self._lose_patience)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"][CONNECTION] = {"connection": self}
        self._is_reading, self._had_head = True, False

    def on_headers_complete(self) -> None:
        """The body begins."""
        super().on_headers_complete()
        self._had_head = True

    def on_message_complete(self) -> None:
        """The request is here."""
        super().on_message_complete()
        self._is_reading = False

    def data_received(self, data: bytes) -> None:
        """Read what came in, and wait for the rest of a request for a while only."""
        in_head = self._is_reading and not self._had_head
        super().data_received(data)
        if self._patience is not None and not (in_head and self._is_reading and not self._had_head):
            self._patience.cancel()
            self._patience = None
        if self._is_reading and self._patience is None and not self.transport.is_closing():
            seconds = self.body_pause_seconds if self._had_head else self.head_seconds
            self._patience = self.loop.call_later(seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        if self.transport.is_closing():
            return
        if self.pipeline or self.flow.read_paused:
            # It is we who do not read: an earlier answer or the application comes first.
            self._patience = self.loop.call_later(self.body_pause_seconds, self._lose_patience)
        elif self.cycle is not None and self.cycle.response_started and self._had_head:
            self.transport.close()
        else:
            self._refusal = 408
            self.send_400_response("")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)
        if self.when_lost is not None:
            self.when_lost(self)
