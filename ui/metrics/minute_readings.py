"""What is known of one minute, each source for itself and behind the scenes: one reading for all who look at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import streamlit as st

from services import metrics as service_metrics
from services.azure import activity
from services.azure.activity import Write
from services.azure.autoscale_events import Scaling, scalings
from services.azure.connection import Connection
from services.logs import minute
from services.logs.minute import Lines, Requests
from services.metrics import DeploymentMetrics
from services.model import Deployment, Endpoint, Window
from ui import readers
from ui.behind import Behind, Look
from ui.metrics.minute_address import Moment

T = TypeVar("T")

MAX_AGE_SECONDS = 60
BEFORE = timedelta(minutes=10)
"""Changes are looked for from so long before the minute on: what they cause shows later."""
_AFTER = timedelta(minutes=5)
"""The activity log has the end of a write under its own time."""


@dataclass(frozen=True)
class Readings:
    """What is known of a minute now. Each may be missing, on its way, or failed."""

    numbers: Look[DeploymentMetrics]
    requests: Look[Requests]
    lines: Look[Lines]
    writes: Look[tuple[Write, ...]]
    scalings: Look[tuple[Scaling, ...]]

    @property
    def is_reading(self) -> bool:
        """Whether one of them is on its way."""
        return any(each.is_reading for each in (self.numbers, self.requests, self.lines, self.writes, self.scalings))


@dataclass(frozen=True)
class _Caches:
    numbers: Behind[DeploymentMetrics]
    requests: Behind[Requests]
    lines: Behind[Lines]
    writes: Behind[tuple[Write, ...]]
    scalings: Behind[tuple[Scaling, ...]]


@st.cache_resource(show_spinner=False)
def _caches() -> _Caches:
    return _Caches(Behind(), Behind(), Behind(), Behind(), Behind())


def look(endpoint: Endpoint, deployments: Sequence[Deployment], asked: Moment) -> Readings:
    """What is known of ``asked`` now; what is missing or old is begun to be read."""
    conn, generation, _ = readers.key(endpoint.workspace_ref)
    key = (generation, endpoint.id.lower(), asked, tuple(sorted(each.name for each in deployments)))
    since, until = asked.at, asked.until

    def known(behind: Behind[T], read: Callable[[Connection], T]) -> Look[T]:
        return behind.look(key, lambda: read(conn), max_age_seconds=MAX_AGE_SECONDS)

    caches = _caches()
    return Readings(
        # At one minute counts are exact, however long the point is.
        known(
            caches.numbers,
            lambda conn: service_metrics.deployment_metrics(
                conn, endpoint, deployments, Window(since, until, 60), conn.now()
            ),
        ),
        known(caches.requests, lambda conn: minute.read_requests(conn, endpoint, since, until)),
        known(caches.lines, lambda conn: minute.read_lines(conn, endpoint, deployments, since, until)),
        known(caches.writes, lambda conn: _writes(conn, endpoint, asked)),
        known(caches.scalings, lambda conn: scalings(conn, endpoint.id, since - BEFORE, until + _AFTER)),
    )


def forget() -> None:
    """Read everything again at the next look."""
    caches = _caches()
    for each in (caches.numbers, caches.requests, caches.lines, caches.writes, caches.scalings):
        each.forget()


def _writes(conn: Connection, endpoint: Endpoint, asked: Moment) -> tuple[Write, ...]:
    found = activity.writes(conn, endpoint.id, asked.at - BEFORE, asked.until + _AFTER)
    return tuple(each for each in found if each.at < asked.until)
