"""Waiting for many connections at once, to the fraction of a millisecond."""

from __future__ import annotations

import contextlib
import ctypes
import select
import selectors
import socket
from collections.abc import Sequence

_SET_TIMER_SLACK = 29
"""PR_SET_TIMERSLACK of Linux's prctl: by how many nanoseconds the system may end a wait late to save power."""
_ENOUGH_FILES, _FILES_ELSEWHERE = 8192, 512
"""Open files that are asked for at most; those that can be counted on where the system does not say."""


def ask_for_exact_timers() -> None:
    """Let this thread's waits end on time: Linux adds 50 µs otherwise. Does nothing on other systems."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).prctl(_SET_TIMER_SLACK, 1, 0, 0, 0)


def room_for_files() -> int:
    """How many files, connections among them, this process may have open, after it has asked for all it can get.

    Without that a test with many requests in flight would run out of them, and blame the endpoint.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return _FILES_ELSEWHERE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _ENOUGH_FILES if soft == resource.RLIM_INFINITY else soft


class Waiting:
    """A set of connections to wait for, and a bell that another thread or a signal can ring.

    Linux's epoll counts whole milliseconds and rounds up, which would make a request that is due in 0.2 ms late by 0.8.
    But an epoll is itself a file that ``select`` can wait for, to the microsecond, however many connections are in it.
    Make it before the connections: ``select`` takes file numbers below 1024 only.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._is_epoll = isinstance(self._selector, getattr(selectors, "EpollSelector", ()))
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)

    def watch(self, descriptor: int, events: int) -> None:
        """Wait for these events of ``descriptor`` from now on, whatever was waited for before."""
        if descriptor in self._selector.get_map():
            try:
                self._selector.modify(descriptor, events)
                return
            except OSError:
                # Closed, and its number given to another connection.
                self.forget(descriptor)
        self._selector.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Wait for it no more."""
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(descriptor)

    def wait(self, seconds: float) -> Sequence[tuple[int, int]]:
        """The descriptors that are ready, each with its events, after at most so long."""
        if seconds > 0 and self._is_epoll:
            select.select([self._selector], [], [], seconds)
            seconds = 0
        found = []
        for key, events in self._selector.select(max(0.0, seconds)):
            if key.fileobj is self._ear:
                with contextlib.suppress(BlockingIOError):
                    self._ear.recv(1024)
            else:
                found.append((key.fd, events))
        return found

    def wake(self) -> None:
        """End the wait that goes on, or the next one. Safe in a signal handler."""
        with contextlib.suppress(OSError):
            self._bell.send(b".")

    def close(self) -> None:
        """Give everything back."""
        self._selector.close()
        self._bell.close()
        self._ear.close()
