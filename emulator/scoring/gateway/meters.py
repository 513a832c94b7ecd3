"""The limits of every endpoint that was ever asked, its connections, and what its metrics show of them.

All endpoints share one port, so a connection belongs to every endpoint that it was used for, from its first request
there until it closes. On Azure each endpoint has a host name, and so connections, of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from emulator.scoring.gateway.limits import EndpointLimits
from emulator.scoring.model import Conditions
from emulator.scoring.telemetry.gauges import Measurement


class Connected(Protocol):
    """One connection of a client, as far as it concerns the meters."""

    when_lost: Callable[[Any], None] | None

    @property
    def counted(self) -> dict[str, EndpointLimits]:
        """Where it was counted in, by endpoint."""


class Meters:
    """Keeps the limits of each endpoint. ``clock`` never goes back (seconds of any origin)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._conditions = Conditions()
        self._endpoints: dict[str, EndpointLimits] = {}
        self._measured = clock()

    def set(self, conditions: Conditions) -> None:
        """From now on other limits."""
        self._conditions = conditions
        for limits in self._endpoints.values():
            limits.set(conditions, self._clock())

    def forget(self, endpoint: str) -> None:
        """The endpoint is no more."""
        self._endpoints.pop(endpoint, None)

    def arrive(self, endpoint: str, connection: Connected | None) -> str:
        """Count a request, and its connection when it is new to the endpoint.

        The answer is "" or the limit that is broken. ``connection`` is None where connections are not followed.
        """
        limits, now = self._of(endpoint), self._clock()
        # An endpoint that was deleted and made anew has not seen the connection before.
        if connection is not None and connection.counted.get(endpoint) is not limits:
            broken = limits.connect(now)
            if broken:
                return broken
            connection.counted[endpoint] = limits
            connection.when_lost = self.closed
        return limits.request(now)

    def closed(self, connection: Connected) -> None:
        """A connection is gone."""
        for limits in connection.counted.values():
            limits.disconnect()
        connection.counted.clear()

    def transfer(self, endpoint: str, size: int) -> float:
        """Count bytes. Returns the seconds by which they are to be held back, 0 when the endpoint is no more."""
        limits = self._endpoints.get(endpoint)
        return limits.transfer(self._clock(), size) if limits else 0.0

    def measure(self, at: float) -> list[Measurement]:
        """Azure's connection and network metrics since the last call, dated ``at`` (epoch seconds)."""
        now = self._clock()
        seconds, self._measured = max(now - self._measured, 0.001), now
        found = []
        for endpoint, limits in self._endpoints.items():
            used = limits.used()
            found += [
                Measurement(at, endpoint, "", "ConnectionsActive", {}, used.active_connections),
                Measurement(at, endpoint, "", "NewConnectionsPerSecond", {}, used.new_connections / seconds),
                Measurement(at, endpoint, "", "NetworkBytes", {}, used.network_bytes / seconds),
            ]
        return found

    def _of(self, endpoint: str) -> EndpointLimits:
        if endpoint not in self._endpoints:
            self._endpoints[endpoint] = EndpointLimits(self._conditions, self._clock())
        return self._endpoints[endpoint]
