"""Asking an instance whether it is well, as liveness and readiness probes do.

Azure's image has a web server in front of the model's, which answers 502 for a model server that does not answer:
hence the status that public reports of failed deployments show.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Literal

from emulator.scoring.model import Probe

Kind = Literal["Liveness", "Readiness"]

GOOD = 200
NO_ANSWER = 502


class Tally:
    """The last answers to one probe: a failure ends a row of successes, and the other way round."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._failures = 0
        self._successes = 0

    def note(self, status: int) -> None:
        """Count an answer."""
        well = status == GOOD
        self._successes = self._successes + 1 if well else 0
        self._failures = 0 if well else self._failures + 1

    @property
    def failed(self) -> bool:
        """Whether the last ``failure_threshold`` answers were all bad."""
        return self._failures >= self._probe.failure_threshold

    @property
    def passed(self) -> bool:
        """Whether the last ``success_threshold`` answers were all good."""
        return self._successes >= self._probe.success_threshold


async def ask(port: int, seconds: float) -> int:
    """The status with which the server on this port of loopback answers GET /; 502 when it does not in time."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                words = (await reader.readline()).split()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError):
        return NO_ANSWER
    # Any other program on the port does not count.
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1].isdigit() else NO_ANSWER


async def follow(
    probe: Probe, question: Callable[[], Awaitable[int]], heard: Callable[[int], Awaitable[bool]], delay: float
) -> None:
    """Ask after ``delay`` seconds and then once a period until ``heard``, which gets each status, says enough."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(delay)
    while True:
        began = loop.time()
        if await heard(await question()):
            return
        await asyncio.sleep(max(0.0, probe.period_seconds - (loop.time() - began)))


def reason(kind: Kind, status: int) -> str:
    """What Azure says of a probe that failed."""
    return f"{kind} probe failed: HTTP probe failed with statuscode: {status}"
