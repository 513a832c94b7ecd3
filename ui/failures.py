"""One failure for all who wait for the same reading: else each of ten people would wait for a hanging Azure in turn.

Streamlit's caches keep values and no errors. Whoever waited while a reading failed would make it again, one after the
other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from services.azure.connection import Connection
from services.errors import SluiceError

P = ParamSpec("P")
T = TypeVar("T")

MOST_KEPT = 100
"""Failures that are remembered: of more readings than people wait for at once."""
_PLACE = ("readers", "failures")

_came_at: ContextVar[float | None] = ContextVar("came_at", default=None)


class _Failures:
    """The newest failures of a connection. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, ...], tuple[float, SluiceError]] = {}

    def add(self, place: tuple[str, ...], error: SluiceError) -> None:
        """Keep a failure that has just ended, and forget those that nobody waits for any more."""
        with self._lock:
            self._known.pop(place, None)
            self._known[place] = (time.monotonic(), error)
            while len(self._known) > MOST_KEPT:
                self._known.pop(next(iter(self._known)))

    def raise_since(self, came_at: float, place: tuple[str, ...]) -> None:
        """Raise the failure that ended at ``came_at`` or later, if there is one."""
        with self._lock:
            ended_at, error = self._known.get(place, (0.0, None))
        if error is not None and came_at <= ended_at:
            # Raised with its traceback, that one would grow by everybody who waited.
            raise error.with_traceback(None)


@contextmanager
def waiting() -> Iterator[None]:
    """Around a reading: from when on somebody waits for it."""
    token = _came_at.set(time.monotonic())
    try:
        yield
    finally:
        _came_at.reset(token)


def shared(read: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Connection, P], T]:
    """``read``, which raises again what it raised while the caller already waited. Who comes later tries again."""

    @wraps(read)
    def once(_conn: Connection, /, *args: P.args, **kwargs: P.kwargs) -> T:
        place = (read.__name__, repr(args), repr(kwargs))
        failures = _conn.memory.setdefault(_PLACE, _Failures())
        came_at = _came_at.get()
        if came_at is not None:
            failures.raise_since(came_at, place)
        try:
            return read(_conn, *args, **kwargs)
        except SluiceError as error:
            failures.add(place, error)
            raise

    return once
