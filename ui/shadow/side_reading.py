"""Two deployments over a window, read and described behind the scenes: one reading for all who look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import streamlit as st

from services.azure.connection import Connection
from services.comparison.describe import Description, describe
from services.errors import StoreFailed
from services.journal.entry import Entry
from services.model import Deployment, Endpoint, Window
from services.shadow import load, rows
from services.shadow.load import Ground
from services.shadow.model import Minute, Reading, Run
from services.shadow.runs import Runs
from ui import context, readers
from ui.behind import Behind, Look
from ui.shadow.side_window import Asked

MAX_AGE_SECONDS = 60
MOST_ENTRIES = 200
_MINUTE = timedelta(minutes=1)
_SEED = 20260301
"""The same minutes always get the same band."""


@dataclass(frozen=True)
class Compared:
    """What was found, and under what: ``window`` is the time from the first minute to the last, None without any."""

    reading: Reading
    described: Description
    ground: Ground
    window: Window | None


@st.cache_resource(show_spinner=False)
def _behind() -> Behind[Compared]:
    return Behind()


def look(endpoint: Endpoint, deployments: Sequence[Deployment], asked: Asked, run: Run | None) -> Look[Compared]:
    """What is known of ``asked`` now; what is missing or old is begun to be read."""
    conn, generation, _ = readers.key(endpoint.workspace_ref)
    key = (generation, endpoint.id.lower(), asked)

    def read() -> Compared:
        if run is not None and asked.run_id:
            reading = _of_run(conn, run)
        else:
            reading = _of_time(conn, endpoint, deployments, asked)
        return compared(reading, load.ground(conn, endpoint, deployments, asked.pair, reading, _entries(endpoint)))

    return _behind().look(key, read, max_age_seconds=MAX_AGE_SECONDS)


def forget() -> None:
    """Read again what is looked at. For callbacks."""
    _behind().forget()


def _of_run(conn: Connection, run: Run) -> Reading:
    minutes = Runs(context.store(), conn.arm_host).minutes(run.id)
    return Reading(minutes, run.counts, run.rows, run.notes)


def _of_time(conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], asked: Asked) -> Reading:
    since, until = asked.span(conn.now())
    return rows.read(conn, endpoint, deployments, asked.pair, since, until)


def _entries(endpoint: Endpoint) -> list[Entry]:
    try:
        return context.journal().entries(endpoint_id=endpoint.id, limit=MOST_ENTRIES)
    except StoreFailed:
        return []


def compared(reading: Reading, ground: Ground) -> Compared:
    """The description of a reading. Pure."""
    described = describe(reading.minutes, np.random.default_rng(_SEED))
    return Compared(reading, described, ground, window_of(reading.minutes))


def window_of(minutes: Sequence[Minute]) -> Window | None:
    """From the first minute to the end of the last, None without any. Pure."""
    return Window(minutes[0].at, minutes[-1].at + _MINUTE, 60) if minutes else None
