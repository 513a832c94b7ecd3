"""Slow readings that no page waits for: the last one is answered at once and made again behind the scenes."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.errors import ServiceFailed, SluiceError

T = TypeVar("T")

_MOST_KEPT = 32
_log = logging.getLogger("sluice.ui")


@dataclass(frozen=True)
class Look(Generic[T]):
    """The newest reading: None before the first one ended, and once it is too old to be shown.

    ``problem`` is why the last reading failed, if it did.
    """

    value: T | None
    is_reading: bool
    problem: SluiceError | None


@dataclass
class _Place(Generic[T]):
    value: T | None = None
    value_at: float | None = None
    problem: SluiceError | None = None
    ended_at: float | None = None
    is_reading: bool = False


class Behind(Generic[T]):
    """Readings by key, one thread for each that is being made. Thread-safe. It keeps the ``most`` newest keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = _MOST_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._places: dict[Hashable, _Place[T]] = {}

    def look(
        self,
        key: Hashable,
        read: Callable[[], T],
        *,
        max_age_seconds: float,
        keep_seconds: float = math.inf,
        suits: Callable[[T], bool] = lambda _: True,
    ) -> Look[T]:
        """What is known for ``key`` now. ``read`` is begun when that is too old, or does not suit any more.

        A value that was read more than ``keep_seconds`` ago is not answered: nobody has looked for so long that it
        would be taken for news.
        """
        with self._lock:
            place = self._places.pop(key, None) or _Place()
            self._places[key] = place
            if len(self._places) > self._most:
                self._places.pop(next(iter(self._places)))
            is_old = place.ended_at is None or self._clock() - place.ended_at >= max_age_seconds
            if not place.is_reading and (is_old or (place.value is not None and not suits(place.value))):
                place.is_reading = True
                threading.Thread(target=self._read, args=(place, read), name="behind", daemon=True).start()
            is_kept = place.value_at is not None and self._clock() - place.value_at <= keep_seconds
            return Look(place.value if is_kept else None, place.is_reading, place.problem)

    def forget(self) -> None:
        """Make every reading again when it is looked at next; what is there is answered until then."""
        with self._lock:
            for place in self._places.values():
                place.ended_at = None

    def _read(self, place: _Place[T], read: Callable[[], T]) -> None:
        value, problem, began_at = None, None, self._clock()
        try:
            value = read()
        except SluiceError as error:
            problem = error
        except Exception as error:
            # Without an end to this reading, the page would wait for it for ever.
            _log.exception("A reading behind the scenes failed")
            problem = ServiceFailed(
                "Something could not be read.",
                f"Azure's answer was not what Sluice expects ({type(error).__name__}).",
                "Read again; if it stays, report it with the server's log.",
            )
        with self._lock:
            if problem is None:
                place.value, place.value_at = value, began_at
            place.problem = problem
            place.ended_at = self._clock()
            place.is_reading = False
