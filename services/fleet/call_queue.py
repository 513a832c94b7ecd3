"""Calls to Azure behind the scenes: so many at once, fair between workspaces, slower when Azure asks for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from services.errors import SluiceError, Throttled

LONGEST_PAUSE_SECONDS = 60.0
"""A longer Retry-After is shown as the error that it is: nobody waits for that in front of a list."""
_MOST_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 1.0
"""After a 429 that names no time; doubled with each further one."""
_log = logging.getLogger("sluice.fleet")


@dataclass
class _Job:
    group: str
    lane: str
    run: Callable[[], None]
    fail: Callable[[SluiceError], None]
    attempts: int = 0


class CallQueue:
    """Runs calls in at most ``parallel`` threads, which end when there is nothing to do. Thread-safe.

    A call belongs to a ``group`` and a ``lane``. The next call is one of the group that has the fewest running, so a
    group that hangs does not hold up the others. A call that raises Throttled pauses its lane for as long as Azure
    asked (a default without), and is then tried again before the others of its group, five times at most. When Azure
    asks for more than a minute, the calls of the lane fail with that error, unsent, until the time is over.
    """

    def __init__(self, parallel: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._parallel = parallel
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[_Job]] = {}
        self._running: dict[str, int] = {}
        self._paused: dict[str, float] = {}
        self._closed: dict[str, tuple[float, Throttled]] = {}
        self._threads = 0

    def add(self, group: str, lane: str, run: Callable[[], None], fail: Callable[[SluiceError], None]) -> None:
        """Do ``run`` soon; ``fail`` hears the SluiceError that it ended with, if it did."""
        with self._changed:
            self._waiting.setdefault(group, deque()).append(_Job(group, lane, run, fail))
            if self._threads < self._parallel:
                self._threads += 1
                threading.Thread(target=self._work, name="fleet", daemon=True).start()
            self._changed.notify()

    def clear(self) -> None:
        """Forget the calls that have not begun. Those under way end as they will."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._refuse(job.lane)
                job.run()
            except Throttled as error:
                if not self._put_off(job, error):
                    job.fail(error)
            except SluiceError as error:
                job.fail(error)
            except Exception as error:
                # Without an end to this call, whoever waits for it would wait for ever.
                _log.exception("A reading behind the scenes failed")
                job.fail(_unforeseen(error))
            finally:
                self._end(job)

    def _next(self) -> _Job | None:
        """The next call to make, None when the thread is not needed any more."""
        with self._changed:
            while self._waiting:
                now = self._clock()
                ready = [
                    (self._running.get(group, 0), group)
                    for group, jobs in self._waiting.items()
                    if self._paused.get(jobs[0].lane, now) <= now
                ]
                if ready:
                    return self._take(min(ready, key=lambda each: each[0])[1])
                self._changed.wait(min(self._paused[jobs[0].lane] for jobs in self._waiting.values()) - now)
            self._threads -= 1
            return None

    def _take(self, group: str) -> _Job:
        jobs = self._waiting.pop(group)
        job = jobs.popleft()
        if jobs:
            # At the end of the order: groups with equally many running calls take turns.
            self._waiting[group] = jobs
        self._running[group] = self._running.get(group, 0) + 1
        return job

    def _refuse(self, lane: str) -> None:
        """Raise what Azure said when it closed the lane for a while."""
        with self._changed:
            if lane in self._closed:
                until, error = self._closed[lane]
                if self._clock() < until:
                    raise error
                del self._closed[lane]

    def _put_off(self, job: _Job, error: Throttled) -> bool:
        """Have the call tried again later; False when it has to end with the error."""
        job.attempts += 1
        asked = error.retry_after_seconds
        pause = _FIRST_PAUSE_SECONDS * 2 ** (job.attempts - 1) if asked is None else asked
        with self._changed:
            until = self._clock() + pause
            if pause > LONGEST_PAUSE_SECONDS:
                self._closed.setdefault(job.lane, (until, error))
                return False
            self._paused[job.lane] = max(self._paused.get(job.lane, until), until)
            if job.attempts >= _MOST_ATTEMPTS:
                return False
            self._waiting.setdefault(job.group, deque()).appendleft(job)
            return True

    def _end(self, job: _Job) -> None:
        with self._changed:
            left = self._running[job.group] - 1
            if left:
                self._running[job.group] = left
            else:
                del self._running[job.group]
            self._changed.notify_all()


def _unforeseen(error: Exception) -> SluiceError:
    return SluiceError(
        "Something could not be read.",
        f"Azure's answer was not what Sluice expects ({type(error).__name__}).",
        "Read again; if it stays, report it with the server's log.",
    )
