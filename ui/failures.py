"""One failure for all who wait for the same reading: else each of ten people would wait for a hanging Azure in turn.

Streamlit's caches keep values and no errors. Whoever waited while a reading failed would make it again, one after the
other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from services.azure.connection import Connection
from services.errors import SluiceError

P = ParamSpec("P")
T = TypeVar("T")

_came_at: ContextVar[float | None] = ContextVar("came_at", default=None)


@dataclass(frozen=True)
class _Failure:
    ended_at: float
    error: SluiceError


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
        place = ("readers", read.__name__, repr(args), repr(kwargs))
        known: _Failure | None = _conn.memory.get(place)
        came_at = _came_at.get()
        if known is not None and came_at is not None and came_at <= known.ended_at:
            raise known.error
        try:
            found = read(_conn, *args, **kwargs)
        except SluiceError as error:
            _conn.memory[place] = _Failure(time.monotonic(), error)
            raise
        _conn.memory.pop(place, None)
        return found

    return once
