"""The newest background work about each thing, in the process, so that no page can lose it."""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar

from ui import context


class Work(Protocol):
    """Something that goes on in threads of its own."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""


T = TypeVar("T", bound=Work)


class Latest(Generic[T]):
    """One work for each name and connection. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: dict[tuple[int, str], T] = {}

    def of(self, name: str) -> T | None:
        """The newest one since the process began, None without one."""
        with self._lock:
            return self._works.get((context.generation(), name))

    def take(self, name: str, made: T) -> bool:
        """Keep ``made`` as the newest one. False, and nothing, while the one before goes on."""
        key = context.generation(), name
        with self._lock:
            before = self._works.get(key)
            if before is not None and not before.is_over:
                return False
            self._works[key] = made
            return True
