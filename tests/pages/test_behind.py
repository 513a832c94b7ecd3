"""Readings behind a page: when they are made again, and when an old one is no longer shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from services.errors import Unreachable
from ui.behind import Behind, Look

DEADLINE_SECONDS = 60.0
FAILED = Unreachable("a.", "b.", "c.")


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def behind(clock: Clock) -> Behind[str]:
    return Behind(clock)


def look(behind: Behind[str], read: Callable[[], str] = lambda: "again") -> Look[str]:
    return behind.look("key", read, max_age_seconds=30, keep_seconds=90)


def once_read(behind: Behind[str], read: Callable[[], str] = lambda: "again") -> Look[str]:
    """What is answered when the reading that a look begins has ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (found := look(behind, read)).is_reading:
        assert time.monotonic() < deadline
    return found


def fail() -> str:
    raise FAILED


def test_nothing_is_known_until_the_first_reading_has_ended(behind: Behind[str]) -> None:
    gate = threading.Event()
    first = look(behind, lambda: "one" if gate.wait(DEADLINE_SECONDS) else "")
    assert (first.value, first.is_reading) == (None, True)
    gate.set()
    assert once_read(behind) == Look("one", is_reading=False, problem=None)


def test_a_reading_is_shown_while_the_next_one_is_made(behind: Behind[str], clock: Clock) -> None:
    once_read(behind, lambda: "one")
    clock.seconds += 31
    gate = threading.Event()
    assert look(behind, lambda: "two" if gate.wait(DEADLINE_SECONDS) else "") == Look("one", True, None)
    gate.set()
    assert once_read(behind).value == "two"


def test_a_reading_that_nobody_has_looked_at_for_long_is_not_shown_as_news(behind: Behind[str], clock: Clock) -> None:
    once_read(behind, lambda: "one")
    clock.seconds += 91
    gate = threading.Event()
    assert look(behind, lambda: "two" if gate.wait(DEADLINE_SECONDS) else "") == Look(None, True, None)
    gate.set()
    assert once_read(behind).value == "two"


def test_readings_that_fail_keep_the_last_good_one_only_for_a_while(behind: Behind[str], clock: Clock) -> None:
    once_read(behind, lambda: "one")
    clock.seconds += 31
    assert once_read(behind, fail) == Look("one", False, FAILED)
    clock.seconds += 60
    assert once_read(behind, fail) == Look(None, False, FAILED)


@pytest.mark.parametrize(("most", "kept"), [(2, False), (3, True)])
def test_no_more_readings_are_kept_than_asked_for(clock: Clock, most: int, kept: bool) -> None:
    behind = Behind[str](clock, most)
    once_read(behind)
    for key in ("two", "three"):
        behind.look(key, lambda: "other", max_age_seconds=30)
    assert (look(behind).value == "again") is kept
