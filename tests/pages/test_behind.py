"""Readings behind the scenes: nobody waits for them, and nothing that was known is lost when one fails."""

from __future__ import annotations

import threading
import time

from services.errors import Unreachable
from ui.behind import Behind, Look

ENDED_SECONDS = 10.0


class Source:
    """Answers 1, 2, 3…, each when it is let go; fails with ``failure`` while there is one."""

    def __init__(self) -> None:
        self.count = 0
        self.gate = threading.Event()
        self.failure: Exception | None = None

    def read(self) -> int:
        assert self.gate.wait(ENDED_SECONDS)
        if self.failure:
            raise self.failure
        self.count += 1
        return self.count


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ended(behind: Behind[int], source: Source) -> Look[int]:
    """What is known once the reading that is under way has ended. It begins none that was not begun before."""
    deadline = time.monotonic() + ENDED_SECONDS
    while (look := behind.look("key", source.read, max_age_seconds=10)).is_reading:
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
    return look


def test_the_first_look_does_not_wait_and_a_second_one_reads_nothing_twice() -> None:
    behind, source = Behind[int](Clock()), Source()
    assert behind.look("key", source.read, max_age_seconds=10) == Look(None, True, None)
    assert behind.look("key", source.read, max_age_seconds=10) == Look(None, True, None)
    source.gate.set()
    assert ended(behind, source) == Look(1, False, None)


def test_what_is_too_old_or_unsuitable_or_forgotten_is_answered_while_it_is_read_again() -> None:
    clock, source = Clock(), Source()
    behind = Behind[int](clock)
    source.gate.set()
    behind.look("key", source.read, max_age_seconds=10)
    assert ended(behind, source).value == 1
    clock.now = 10.0
    assert behind.look("key", source.read, max_age_seconds=10) == Look(1, True, None)
    assert ended(behind, source).value == 2
    assert behind.look("key", source.read, max_age_seconds=10, suits=lambda value: value > 2).is_reading
    assert ended(behind, source).value == 3
    behind.forget()
    assert behind.look("key", source.read, max_age_seconds=10) == Look(3, True, None)
    assert ended(behind, source).value == 4


def test_a_failure_keeps_what_was_known_and_says_why() -> None:
    clock, source = Clock(), Source()
    behind = Behind[int](clock)
    source.gate.set()
    behind.look("key", source.read, max_age_seconds=10)
    ended(behind, source)
    clock.now, source.failure = 20.0, Unreachable("Gone.", "No answer.", "Wait.")
    behind.look("key", source.read, max_age_seconds=10)
    assert ended(behind, source) == Look(1, False, source.failure)
    clock.now, source.failure = 40.0, KeyError("secret")
    behind.look("key", source.read, max_age_seconds=10)
    look = ended(behind, source)
    assert look.value == 1
    assert look.problem is not None
    assert "KeyError" in look.problem.why
    assert "secret" not in str(look.problem)
    clock.now, source.failure = 60.0, None
    behind.look("key", source.read, max_age_seconds=10)
    assert ended(behind, source) == Look(2, False, None)
