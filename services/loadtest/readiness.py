"""Waiting for many connections at once, to the fraction of a millisecond."""

from __future__ import annotations

import contextlib
import ctypes
import select
import socket
from collections.abc import Sequence

READ, WRITE = select.POLLIN, select.POLLOUT
_EARLY_SECONDS = 0.0002
"""So long before a moment, the process no longer sleeps. At 500 requests per second that is a tenth of a core."""
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

    Events are READ and WRITE, with the system's own bits for broken connections beside them.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        self._poll = self._epoll or select.poll()
        # What is waited for of each; 0 for one that is of no interest now. It stays where it is, because a connection
        # that is used again would have to be put back: two calls of the system for every request.
        self._wanted: dict[int, int] = {}
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self.watch(self._ear.fileno(), READ)

    def watch(self, descriptor: int, events: int) -> None:
        """Wait for these events of ``descriptor`` from now on, whatever was waited for before."""
        try:
            if descriptor in self._wanted:
                self._poll.modify(descriptor, events)
            else:
                self._poll.register(descriptor, events)
        except FileNotFoundError:
            # It was closed, and its number given to another connection.
            self._poll.register(descriptor, events)
        self._wanted[descriptor] = events

    def forget(self, descriptor: int) -> None:
        """Wait for it no more."""
        if descriptor in self._wanted:
            self._wanted[descriptor] = 0

    def wait(self, seconds: float) -> Sequence[tuple[int, int]]:
        """The descriptors that are ready, each with its events, after at most so long, or a little earlier.

        A processor that sleeps takes some time to wake up. Whoever waits for a moment asks again until it has come.
        """
        if self._epoll is None:
            ready = self._poll.poll(max(0.0, seconds) * 1000)
        else:
            if seconds > _EARLY_SECONDS:
                select.select([self._epoll], [], [], seconds - _EARLY_SECONDS)
            ready = self._poll.poll(0)
        return [each for each in ready if self._is_wanted(each[0])]

    def _is_wanted(self, descriptor: int) -> bool:
        if descriptor == self._ear.fileno():
            with contextlib.suppress(BlockingIOError):
                self._ear.recv(1024)
            return False
        if self._wanted.get(descriptor):
            return True
        # An idle connection that the other side has closed would be ready for ever.
        with contextlib.suppress(OSError):
            self._poll.unregister(descriptor)
        self._wanted.pop(descriptor, None)
        return False

    def wake(self) -> None:
        """End the wait that goes on, or the next one. Safe in a signal handler."""
        with contextlib.suppress(OSError):
            self._bell.send(b".")

    def close(self) -> None:
        """Give everything back."""
        if self._epoll is not None:
            self._epoll.close()
        self._bell.close()
        self._ear.close()
