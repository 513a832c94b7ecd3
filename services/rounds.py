"""One thread that makes its rounds until it is told to end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Rounds:
    """Calls ``make`` again and again in a thread named ``name``. Thread-safe.

    ``make`` returns the seconds until the next round. One that breaks is logged, and the next comes after
    ``every_seconds``. ``last`` is called once at the end, in the same thread.
    """

    def __init__(
        self, name: str, make: Callable[[], float], *, every_seconds: float, last: Callable[[], None] | None = None
    ) -> None:
        self._name = name
        self._make = make
        self._every = every_seconds
        self._last = last
        self._lock = threading.Lock()
        self._wake, self._ended = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it was told to end: a round that takes long looks at this in between."""
        return self._ended.is_set()

    def start(self) -> None:
        """Begin in the background. Again is nothing."""
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """End it for good, after at most ``timeout_seconds``: a call that hangs is left to the end of the process."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_seconds)

    def hurry(self) -> None:
        """Make the next round at once."""
        self._wake.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            try:
                pause = self._make()
            except Exception:
                # Without a next round nothing would be looked after again until a restart.
                _log.exception("A round of the %s broke", self._name)
                pause = self._every
            self._wake.wait(pause)
        if self._last is not None:
            self._last()
