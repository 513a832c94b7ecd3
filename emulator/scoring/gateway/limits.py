"""What one endpoint may be asked for: requests and new connections per second, connections at once, bytes per second.

The figures are Azure's (how-to-manage-quotas, limits of managed online endpoints); how Azure counts is not public.
Here every rate is a token bucket that holds one second's worth. Clocks are passed in, in seconds of any origin.
"""

from __future__ import annotations

from typing import NamedTuple

from emulator.scoring.model import Conditions


class Bucket:
    """A token bucket: filled at ``rate`` tokens per second up to ``rate`` tokens, and full at first."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._at = now

    def set_rate(self, rate: float, now: float) -> None:
        """From now on another rate. What is in the bucket stays, up to its new size; a larger one starts full."""
        if rate != self._rate:
            self._fill(now)
            self._tokens = rate if rate > self._rate else min(self._tokens, rate)
            self._rate = rate

    def take(self, now: float) -> bool:
        """Take one token. False when there is none, and then nothing is taken."""
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def spend(self, now: float, amount: float) -> float:
        """Take ``amount`` tokens, on credit if need be. Returns the seconds until the debt is paid, 0 without debt."""
        self._fill(now)
        self._tokens -= amount
        return max(0.0, -self._tokens / self._rate)

    def _fill(self, now: float) -> None:
        # A clock that goes back adds nothing, and nothing twice when it comes forward again.
        if now > self._at:
            self._tokens = min(self._rate, self._tokens + (now - self._at) * self._rate)
            self._at = now


class Usage(NamedTuple):
    """What an endpoint was used for since the last look, and the connections that are open now."""

    active_connections: int
    new_connections: int
    network_bytes: int


class EndpointLimits:
    """The limits of one endpoint, and the counts that its metrics show."""

    def __init__(self, conditions: Conditions, now: float) -> None:
        self._most_connections = conditions.active_connections
        self._requests = Bucket(conditions.requests_per_second, now)
        self._connections = Bucket(conditions.connections_per_second, now)
        self._bytes = Bucket(conditions.bytes_per_second, now)
        self._active = 0
        self._new = 0
        self._network_bytes = 0

    def set(self, conditions: Conditions, now: float) -> None:
        """From now on other limits."""
        self._most_connections = conditions.active_connections
        self._requests.set_rate(conditions.requests_per_second, now)
        self._connections.set_rate(conditions.connections_per_second, now)
        self._bytes.set_rate(conditions.bytes_per_second, now)

    def connect(self, now: float) -> str:
        """Count a connection in. The answer is "" or the limit that it breaks; then it is not counted in."""
        if self._active >= self._most_connections:
            return TOO_MANY_CONNECTIONS
        if not self._connections.take(now):
            return TOO_MANY_NEW_CONNECTIONS
        self._active += 1
        self._new += 1
        return ""

    def disconnect(self) -> None:
        """Count a connection out."""
        self._active -= 1

    def request(self, now: float) -> str:
        """Count a request in. The answer is "" or the limit that it breaks."""
        return "" if self._requests.take(now) else TOO_MANY_REQUESTS

    def transfer(self, now: float, size: int) -> float:
        """Count bytes that go through the endpoint. Returns the seconds by which they are to be held back."""
        self._network_bytes += size
        return self._bytes.spend(now, size)

    def used(self) -> Usage:
        """What happened since this was asked the last time."""
        usage = Usage(self._active, self._new, self._network_bytes)
        self._new = self._network_bytes = 0
        return usage


TOO_MANY_REQUESTS = "rate_limiting"
TOO_MANY_NEW_CONNECTIONS = "connection_rate_limiting"
TOO_MANY_CONNECTIONS = "too_many_connections"
