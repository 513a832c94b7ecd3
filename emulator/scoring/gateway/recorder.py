"""Rows on their way to the telemetry store: gathered in memory, written off the event loop ten times a second."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import suppress

from emulator.scoring.telemetry.rows import Row, Telemetry

FLUSH_SECONDS = 0.1
MAX_PENDING = 200_000
"""Rows kept while the store cannot be written (disk full); beyond that the oldest are lost, and it is logged."""

_log = logging.getLogger(__name__)


class Recorder:
    """Buffers rows. ``add`` never blocks and never fails."""

    def __init__(self, telemetry: Telemetry, flush_seconds: float = FLUSH_SECONDS) -> None:
        self._telemetry = telemetry
        self._flush_seconds = flush_seconds
        self._pending: list[Row] = []
        self._ended = asyncio.Event()
        self._writing = asyncio.Lock()

    def add(self, row: Row) -> None:
        """Take a row; it is in the store within about a tenth of a second."""
        self._pending.append(row)

    async def run(self) -> None:
        """Write until :meth:`end`, and then what is left. Cancelling it could lose the rows that are being written."""
        while not self._ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), self._flush_seconds)
            await self.flush()
        await self.flush()

    def end(self) -> None:
        """Let :meth:`run` come to its end. Nothing may be added afterwards."""
        self._ended.set()

    async def flush(self) -> None:
        """Write everything that was added so far."""
        async with self._writing:
            rows, self._pending = self._pending, []
            if not rows:
                return
            try:
                await asyncio.to_thread(self._telemetry.append, rows)
            except (sqlite3.DataError, sqlite3.IntegrityError, ValueError, OverflowError) as error:
                # Trying again would fail again, and hold up all rows that follow.
                _log.error("%d rows of telemetry are lost, the store does not take them: %s", len(rows), error)
            except sqlite3.Error as error:
                kept = (rows + self._pending)[-MAX_PENDING:]
                _log.error(
                    "Telemetry could not be written, %d rows are waiting and %d are lost: %s",
                    len(kept),
                    len(rows) + len(self._pending) - len(kept),
                    error,
                )
                self._pending = kept
