"""Copies of live requests for the shadow. Nothing a shadow does may slow or fail a live request.

A copy is sent at the same time as the live request, as Envoy sends it, and forgotten: a slow live answer does not hold
it up. At most ``CAP`` are under way per shadow, more are dropped and counted, and a shadow whose instances cannot be
reached is left alone for a moment, since every failed connection costs the live path.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from emulator.scoring.gateway.admission import Pool
from emulator.scoring.gateway.forwarding import Forwarder
from emulator.scoring.gateway.message import Answer, Message

CAP = 64
FAILURES_BEFORE_PAUSE = 5
PAUSE_SECONDS = 1.0

COPIED, DROPPED, NOT_COPIED = 1, -1, 0


@dataclass
class Shadow:
    """What is known about one shadow: copies under way and dropped, failures in a row, and when to try again."""

    in_flight: int = 0
    copied: int = 0
    dropped: int = 0
    failures: int = 0
    paused_until: float = 0.0


class Mirror:
    """Sends copies, within limits, and reports each outcome once it is known."""

    def __init__(self, forwarder: Forwarder, clock: Callable[[], float] = time.monotonic) -> None:
        self._forwarder = forwarder
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self.shadows: dict[tuple[str, str], Shadow] = {}
        self.keeps_request_id = True
        """Whether a copy bears the request id of the request that it is a copy of."""

    def offer(
        self, target: tuple[str, str], pool: Pool | None, message: Message, done: Callable[[Answer, float], None]
    ) -> int:
        """Copy the message to ``target`` (endpoint, deployment); ``done`` gets the answer and milliseconds.

        Returns COPIED, or DROPPED when the shadow is full, paused or gone; then ``done`` is not called.
        """
        shadow = self.shadows.setdefault(target, Shadow())
        if pool is None or shadow.in_flight >= CAP or self._clock() < shadow.paused_until:
            shadow.dropped += 1
            return DROPPED
        shadow.in_flight += 1
        shadow.copied += 1
        task = asyncio.get_running_loop().create_task(self._copy(shadow, pool, message, done))
        self._tasks.add(task)

        def finished(_task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            shadow.in_flight -= 1

        task.add_done_callback(finished)
        return COPIED

    async def _copy(self, shadow: Shadow, pool: Pool, message: Message, done: Callable[[Answer, float], None]) -> None:
        started = time.perf_counter()
        answer = await self._forwarder.answer(pool, message)
        done(answer, (time.perf_counter() - started) * 1000)
        if answer.reason != "model_not_ready":
            shadow.failures = 0
            return
        shadow.failures += 1
        if shadow.failures >= FAILURES_BEFORE_PAUSE:
            shadow.paused_until = self._clock() + PAUSE_SECONDS

    def forget(self, endpoint: str) -> None:
        """The endpoint is no more."""
        self.shadows = {target: shadow for target, shadow in self.shadows.items() if target[0] != endpoint}

    async def close(self) -> None:
        """Abandon the copies under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
