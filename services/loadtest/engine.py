"""Sends the requests of a load test, each at its time, from one thread with libcurl's multi interface.

The loop never waits for an answer before it sends (open loop), and counts latency from the moment at which a request
was due. A slow endpoint then shows as slow: a client that sends its next request only after an answer leaves out just
those requests that would have waited (coordinated omission).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pycurl

from services.loadtest.plan import MOST_IN_FLIGHT, Plan
from services.loadtest.readiness import READ, WRITE, Waiting, ask_for_exact_timers, room_for_files
from services.loadtest.stopping import reason_to_stop
from services.loadtest.tally import NOT_SAID, Tally
from services.scoring.request import DEPLOYMENT_HEADER
from services.scoring.transport import ca_bundle, header_line

DONE, STOPPED, ERRORS = "done", "stopped", "errors"
"""How a test ends: as planned, by the person, or by itself."""
_FAILURES = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_CONNECT: "no connection",
    pycurl.E_COULDNT_RESOLVE_HOST: "no address",
    pycurl.E_PEER_FAILED_VERIFICATION: "certificate not trusted",
}
_AT_ONCE = 16
"""Requests that are made ready in a row, when several are due, before libcurl sends them."""
_OTHER_FILES = 64
"""What the process has open besides its connections, with room to spare."""
_MARK = f"{DEPLOYMENT_HEADER}:".encode()


@dataclass(frozen=True)
class Shot:
    """One request as it is sent: a body and all headers but the bearer's."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outcome:
    """How a run ended, after how many seconds, and how many requests were given up without an answer.

    ``sending_seconds`` are those in which it sent: as planned, or longer when the sender was late.
    """

    ended: str
    why: str
    seconds: float
    sending_seconds: float
    abandoned: int


class Engine:
    """One run. ``bearer`` is asked for every request; an answer of 401 calls ``renew``.

    ``on_second`` gets the row of every second that is over; it must not take long. :meth:`stop` may be called from
    another thread or a signal handler.
    """

    def __init__(
        self,
        url: str,
        shots: Sequence[Shot],
        plan: Plan,
        *,
        timeout_seconds: float,
        bearer: Callable[[], str],
        renew: Callable[[], None] = lambda: None,
        on_second: Callable[[dict[str, Any]], None] = lambda _: None,
        most_in_flight: int = MOST_IN_FLIGHT,
    ) -> None:
        self.tally = Tally()
        self.began = 0.0
        """The moment at which the first request was due, on the clock of ``time.perf_counter``."""
        self._url, self._shots, self._plan = url, shots, plan
        self._timeout = timeout_seconds
        self._bearer, self._renew, self._on_second = bearer, renew, on_second
        self._most = min(most_in_flight, room_for_files() - _OTHER_FILES)
        self._waiting = Waiting()
        self._multi = pycurl.CurlMulti()
        self._idle: list[pycurl.Curl] = []
        self._flying: dict[pycurl.Curl, float] = {}
        # What each handle holds already, so that only what has changed is set: the lines of the last answer's head,
        # and which request with which bearer.
        self._lines: dict[pycurl.Curl, list[bytes]] = {}
        self._loaded: dict[pycurl.Curl, tuple[int, str]] = {}
        self._timer_at: float | None = None
        self._is_stopped = False
        self._bundle = ca_bundle()[0]
        self._scheme = pycurl.PROTO_HTTPS if url.startswith("https:") else pycurl.PROTO_HTTP
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, most_in_flight)

    def stop(self) -> None:
        """End the run now: nothing more is sent, and what is under way is given up."""
        self._is_stopped = True
        self._waiting.wake()

    def run(self) -> Outcome:
        """Send everything, wait for the answers, and say how it ended."""
        # A pause of the garbage collector would make requests late.
        gc.collect()
        gc.freeze()
        gc.disable()
        ask_for_exact_timers()
        try:
            return self._run()
        finally:
            gc.enable()
            gc.unfreeze()
            self._close()

    def _run(self) -> Outcome:
        began = self.began = time.perf_counter()
        plan, total, index, second = self._plan, self._plan.total, 0, 0
        due = last_sent = began
        ended, why = DONE, ""
        while not self._is_stopped and (index < total or self._flying):
            now = time.perf_counter()
            first = index
            while index < total and due <= now and index - first < _AT_ONCE:
                if len(self._flying) >= self._most:
                    self.tally.full()
                    break
                self._send(index, due, now)
                last_sent = now
                index += 1
                due = began + plan.due(index)
                now = time.perf_counter()
            if index > first:
                self._act(pycurl.SOCKET_TIMEOUT, 0)
            if now - began >= second + 1:
                self._on_second(self.tally.tick(second, len(self._flying)))
                second += 1
                why = reason_to_stop(self.tally.moments, self.tally.outcomes)
                if why:
                    ended = ERRORS
                    break
            # Answers may have come while others were sent; nothing would end the wait for them.
            self._collect(time.perf_counter())
            self._collect(self._wait(min(self._next_due(index, due), began + second + 1)))
        if self._is_stopped:
            ended, why = STOPPED, "It was stopped."
        seconds = time.perf_counter() - began
        if self.tally.current.sent or self.tally.current.answered:
            self._on_second(self.tally.tick(second, len(self._flying)))
        sending_seconds = max(last_sent - began, min(seconds, plan.seconds))
        return Outcome(ended, why, seconds, sending_seconds, len(self._flying))

    def _next_due(self, index: int, due: float) -> float:
        """When there is something to send. With too many in flight, an answer must come first."""
        is_waiting = index >= self._plan.total or len(self._flying) >= self._most
        return time.perf_counter() + 1.0 if is_waiting else due

    def _send(self, index: int, due: float, now: float) -> None:
        handle = self._idle.pop() if self._idle else self._handle()
        wanted = index % len(self._shots), self._bearer()
        if self._loaded.get(handle) != wanted:
            self._load(handle, *wanted)
        self._lines[handle].clear()
        self._flying[handle] = due
        self.tally.start((now - due) * 1000)
        self.tally.most_in_flight = max(self.tally.most_in_flight, len(self._flying))
        self._multi.add_handle(handle)

    def _load(self, handle: pycurl.Curl, number: int, bearer: str) -> None:
        shot = self._shots[number]
        headers = [header_line(name, value) for name, value in (("Authorization", f"Bearer {bearer}"), *shot.headers)]
        handle.setopt(pycurl.POSTFIELDS, shot.body)
        # curl would ask before it sends a large body.
        handle.setopt(pycurl.HTTPHEADER, [*headers, b"Expect:"])
        self._loaded[handle] = number, bearer

    def _handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        lines = self._lines[handle] = []
        for option, value in (
            (pycurl.URL, self._url),
            (pycurl.PROTOCOLS, self._scheme),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.CAINFO, self._bundle),
            (pycurl.NOSIGNAL, 1),
            (pycurl.TCP_NODELAY, 1),
            (pycurl.TIMEOUT_MS, max(1, int(self._timeout * 1000))),
            (pycurl.POST, 1),
            # The answers are counted and not kept: libcurl only wants to hear that all bytes were taken.
            (pycurl.WRITEFUNCTION, len),
            (pycurl.HEADERFUNCTION, lines.append),
        ):
            handle.setopt(option, value)
        return handle

    def _wait(self, until: float) -> float:
        """Let libcurl work until that moment, an event on a connection, or its own timer, whichever is first.

        Returns when the wait was over: an answer was there then, and the work on it here is no part of its time.
        """
        if self._timer_at is not None:
            until = min(until, self._timer_at)
        ready = self._waiting.wait(until - time.perf_counter())
        over = time.perf_counter()
        for descriptor, events in ready:
            # What is neither, such as a connection that broke, is for libcurl to see on either way.
            reads = pycurl.CSELECT_IN if events & ~WRITE else 0
            self._act(descriptor, reads | (pycurl.CSELECT_OUT if events & ~READ else 0))
        if self._timer_at is not None and self._timer_at <= time.perf_counter():
            self._timer_at = None
            self._act(pycurl.SOCKET_TIMEOUT, 0)
        return over

    def _act(self, descriptor: int, mask: int) -> None:
        self._multi.socket_action(descriptor, mask)

    def _on_socket(self, what: int, descriptor: int, multi: object, data: object) -> None:  # noqa: ARG002 - libcurl's
        if what == pycurl.POLL_REMOVE:
            self._waiting.forget(descriptor)
            return
        reads = READ if what & pycurl.POLL_IN else 0
        writes = WRITE if what & pycurl.POLL_OUT else 0
        self._waiting.watch(descriptor, reads | writes)

    def _on_timer(self, milliseconds: int) -> None:
        self._timer_at = None if milliseconds < 0 else time.perf_counter() + milliseconds / 1000

    def _collect(self, now: float) -> None:
        while True:
            queued, done, failed = self._multi.info_read()
            for handle in done:
                outcome = str(handle.getinfo(pycurl.RESPONSE_CODE))
                self._end(handle, outcome, now)
                if outcome == "401":
                    self._renew()
            for handle, code, _ in failed:
                self._end(handle, _FAILURES.get(code, "connection broke"), now)
            if not queued:
                return

    def _end(self, handle: pycurl.Curl, outcome: str, now: float) -> None:
        due = self._flying.pop(handle)
        self._multi.remove_handle(handle)
        self._idle.append(handle)
        self.tally.end(outcome, deployment_in(self._lines[handle]), (now - due) * 1000)

    def _close(self) -> None:
        for handle in self._flying:
            self._multi.remove_handle(handle)
        for handle in self._lines:
            handle.close()
        for each in (self._idle, self._flying, self._lines, self._loaded):
            each.clear()
        self._multi.close()
        self._waiting.close()


def deployment_in(lines: Sequence[bytes]) -> str:
    """The deployment that the lines of an answer's head name."""
    for line in lines:
        if line[: len(_MARK)].lower() == _MARK:
            return line[len(_MARK) :].strip().decode("latin-1")
    return NOT_SAID
