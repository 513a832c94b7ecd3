"""The container logs of deployments, read again and again while somebody follows them.

Azure gives the last lines of a log and nothing to go on from. So each reading is joined to the one before, and lines
keep their numbers: what a page has drawn stays where it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.azure import endpoints
from services.azure.connection import Connection
from services.logs import lines
from services.logs.lines import LEVELS, Entry

TAIL = 1000
"""Lines that one reading asks for."""
MOST_KEPT = 5000
"""Lines that are kept of one log while it is followed."""
MOST_LOGS = 64
"""Logs that are kept at the same time; the one that nobody has read for longest goes."""


@dataclass(frozen=True)
class Place:
    """Which log: one container of one deployment. ``workspace`` is the address of the endpoint's workspace."""

    workspace: str
    endpoint: str
    deployment: str
    container: str


@dataclass(frozen=True)
class Reading:
    """What is known of one log. ``first`` is the number of its first line; ``is_cut`` says that lines came before it.

    ``head`` is what Azure puts above a log: the states and events of the instance. ``entries`` are what ``lines`` say,
    in the order of the log.
    """

    read_at: datetime
    head: str
    first: int
    lines: tuple[str, ...]
    entries: tuple[Entry, ...]
    is_cut: bool


@dataclass(frozen=True)
class Filter:
    """Which entries are wanted: all of ``words`` in one, at least ``level``, and written from ``since`` to ``until``.

    Entries without a level are there only when every level is wanted; ones without a time only when every time is.
    """

    words: str = ""
    level: str = ""
    since: datetime | None = None
    until: datetime | None = None


class ContainerLogs:
    """The logs that are followed in this process. Thread-safe."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[Place, Reading] = {}

    def read(self, conn: Connection, place: Place) -> Reading:
        """Read the end of one log and join it to what is known of it. Raises SluiceError."""
        began_at = self._clock()
        content = endpoints.logs(conn, place.endpoint, place.deployment, TAIL, place.container)
        with self._lock:
            before = self._known.pop(place, None)
            # Two that began at the same time may end the other way round: the older one is no news.
            if before is None or before.read_at <= began_at:
                self._known[place] = after(before, place.deployment, content, began_at)
            else:
                self._known[place] = before
            while len(self._known) > MOST_LOGS:
                self._known.pop(next(iter(self._known)))
            return self._known[place]


def after(before: Reading | None, deployment: str, content: str, at: datetime) -> Reading:
    """What is known of the log of ``deployment`` once ``content`` has been read at ``at``. Pure."""
    log = lines.split(content)
    is_cut = len(content.splitlines()) >= TAIL
    first, known = 0, log.lines
    if before is not None:
        kept, known = lines.joined(before.lines, log.lines, is_cut=is_cut)
        if known == before.lines:
            return replace(before, read_at=at, head=log.head)
        # Where nothing of the known log is left, the numbers go on, so that nobody takes one line for another.
        is_overlap = known[: len(before.lines)] == before.lines
        first = before.first if is_overlap or kept else before.first + len(before.lines)
        is_cut = before.is_cut if kept else is_cut
    dropped = max(0, len(known) - MOST_KEPT)
    known, first = known[dropped:], first + dropped
    return Reading(at, log.head, first, known, tuple(lines.entries(deployment, known, first)), is_cut or dropped > 0)


def select(logs: Iterable[Sequence[Entry]], wanted: Filter) -> list[Entry]:
    """The entries of several logs that are wanted, by time. Pure."""
    terms = wanted.words.lower().split()
    levels = LEVELS[LEVELS.index(wanted.level) :] if wanted.level else ()
    return [
        entry
        for entry in lines.interleave(logs)
        if (not levels or entry.level in levels) and _is_within(entry, wanted) and _has(entry, terms)
    ]


def _is_within(entry: Entry, wanted: Filter) -> bool:
    if wanted.since is None and wanted.until is None:
        return True
    if entry.at is None:
        return False
    return (wanted.since is None or entry.at >= wanted.since) and (wanted.until is None or entry.at < wanted.until)


def _has(entry: Entry, terms: Sequence[str]) -> bool:
    text = f"{entry.deployment}\n{entry.text}".lower() if terms else ""
    return all(term in text for term in terms)
