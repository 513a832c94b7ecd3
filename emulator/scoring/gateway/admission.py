"""How many requests a deployment takes, and which instance gets the next one.

Azure answers 429 when more than ``2 x max_concurrent_requests_per_instance x instances`` requests are in flight, and
sends an instance at most ``max_concurrent_requests_per_instance`` at once; the rest wait in order.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque


class OverloadedError(Exception):
    """The deployment already has as many requests as it may hold."""


class NotReadyError(Exception):
    """The deployment has no instance that could answer."""


class Occupancy:
    """Requests under way per instance, over all deployments, so that an old instance is stopped only when idle."""

    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()
        self._waiting: list[tuple[frozenset[str], asyncio.Future[None]]] = []

    def of(self, url: str) -> int:
        """Requests that the instance is working on."""
        return self._busy[url]

    def take(self, url: str) -> None:
        """One more request is sent to the instance."""
        self._busy[url] += 1

    def give_back(self, url: str) -> None:
        """One request of the instance is finished."""
        self._busy[url] -= 1
        if self._busy[url] <= 0:
            del self._busy[url]
            for urls, future in self._waiting:
                if not future.done() and not any(self._busy[busy] for busy in urls):
                    future.set_result(None)
            self._waiting = [entry for entry in self._waiting if not entry[1].done()]

    async def idle(self, urls: frozenset[str]) -> None:
        """Return once none of the instances has a request under way."""
        if any(self._busy[url] for url in urls):
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((urls, future))
            await future


class Pool:
    """The instances of one deployment."""

    def __init__(self, occupancy: Occupancy) -> None:
        self._occupancy = occupancy
        self._waiters: deque[tuple[asyncio.Future[str], str | None]] = deque()
        self._turn = 0
        self.urls: tuple[str, ...] = ()
        self.timeout_seconds = 0.0
        self.max_concurrent = 1
        self.in_flight = 0

    def configure(self, urls: tuple[str, ...], timeout_ms: int, max_concurrent: int) -> None:
        """Replace the instances and limits; requests that wait go on to the new instances."""
        self.urls, self.timeout_seconds, self.max_concurrent = urls, timeout_ms / 1000, max_concurrent
        self._hand_out()

    def enter(self) -> None:
        """Count a request in. Raises OverloadedError or NotReadyError, and then it is not counted."""
        if not self.urls:
            raise NotReadyError
        if self.in_flight >= 2 * self.max_concurrent * len(self.urls):
            raise OverloadedError
        self.in_flight += 1

    def leave(self) -> None:
        """Count a request out."""
        self.in_flight -= 1

    def has_other(self, url: str) -> bool:
        """Whether there is an instance besides ``url``."""
        return any(other != url for other in self.urls)

    async def acquire(self, avoid: str | None = None) -> str:
        """The address of an instance with a free place, in the order of asking. Raises NotReadyError."""
        if not self._waiters:
            url = self._free(avoid)
            if url is not None:
                self._occupancy.take(url)
                return url
        if not self.urls:
            raise NotReadyError
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiters.append((future, avoid))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release(future.result())
            raise

    def release(self, url: str) -> None:
        """Free the place and pass it to the next in line."""
        self._occupancy.give_back(url)
        self._hand_out()

    def _free(self, avoid: str | None) -> str | None:
        self._turn += 1
        start = self._turn % len(self.urls) if self.urls else 0
        turned = self.urls[start:] + self.urls[:start]
        candidates = [url for url in turned if url != avoid and self._occupancy.of(url) < self.max_concurrent]
        return min(candidates, key=self._occupancy.of, default=None)

    def _hand_out(self) -> None:
        left: deque[tuple[asyncio.Future[str], str | None]] = deque()
        while self._waiters:
            future, avoid = self._waiters.popleft()
            if future.done():
                continue
            url = self._free(avoid if avoid is not None and self.has_other(avoid) else None)
            if not self.urls:
                future.set_exception(NotReadyError())
            elif url is not None:
                self._occupancy.take(url)
                future.set_result(url)
            else:
                left.append((future, avoid))
                if avoid is None:
                    # No instance has a free place for anybody.
                    break
        left.extend(self._waiters)
        self._waiters = left
