"""How calls behind the scenes take turns, pause and end. The calls here are events that the tests set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from services.errors import NotFound, SluiceError, Throttled
from services.fleet.call_queue import CallQueue

DEADLINE_SECONDS = 60.0


class Calls:
    """Calls that are noted when they begin, and go on until they are released."""

    def __init__(self, queue: CallQueue) -> None:
        self._queue = queue
        self._changed = threading.Condition()
        self._open = False
        self.begun: list[str] = []
        self.failed: dict[str, SluiceError] = {}
        self.running = self.most = self.ended = 0

    def add(self, name: str, group: str = "", lane: str = "", errors: list[Exception] | None = None) -> None:
        left = list(errors or [])

        def run() -> None:
            with self._changed:
                self.begun.append(name)
                self.running += 1
                self.most = max(self.most, self.running)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._open, DEADLINE_SECONDS)
                self.running -= 1
                self.ended += not left
                self._changed.notify_all()
            if left:
                raise left.pop(0)

        def fail(error: SluiceError) -> None:
            with self._changed:
                self.failed[name] = error
                self._changed.notify_all()

        self._queue.add(group or name, lane, run, fail)

    def release(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def until(self, wanted: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(wanted, DEADLINE_SECONDS), (self.begun, self.failed)


def throttled(seconds: float | None) -> Throttled:
    return Throttled("It was not read.", "Too many requests.", "Wait.", retry_after_seconds=seconds)


def gone() -> NotFound:
    return NotFound("It was not read.", "It is gone.", "Look again.")


def threads() -> int:
    return sum(each.name == "fleet" for each in threading.enumerate())


def test_no_more_calls_run_at_once_than_allowed() -> None:
    calls = Calls(CallQueue(3))
    for number in range(12):
        calls.add(f"{number}")

    calls.until(lambda: calls.running == 3)
    calls.release()
    calls.until(lambda: calls.ended == 12)

    assert calls.most == 3


def test_groups_take_turns_however_many_calls_one_has() -> None:
    calls = Calls(CallQueue(1))
    calls.add("first")
    calls.until(lambda: calls.begun == ["first"])
    for number in range(5):
        calls.add(f"large {number}", "large")
    calls.add("small", "small")
    calls.release()
    calls.until(lambda: calls.ended == 7)

    assert calls.begun.index("small") <= 2
    assert [name for name in calls.begun if "large" in name] == [f"large {number}" for number in range(5)]


def test_a_group_that_hangs_leaves_room_for_another() -> None:
    calls = Calls(CallQueue(2))
    for number in range(4):
        calls.add(f"hangs {number}", "hangs")
    calls.until(lambda: calls.running == 2)
    calls.add("other", "other")
    calls.release()
    calls.until(lambda: calls.ended == 5)

    assert calls.begun.index("other") == 2


def test_a_failure_is_told_and_the_rest_goes_on() -> None:
    calls = Calls(CallQueue(1))
    calls.add("bad", errors=[gone()])
    calls.add("good")
    calls.release()
    calls.until(lambda: calls.ended == 1 and "bad" in calls.failed)

    assert isinstance(calls.failed["bad"], NotFound)


def test_what_nobody_foresaw_is_told_too() -> None:
    calls = Calls(CallQueue(1))
    calls.add("bad", errors=[KeyError("secret=1")])
    calls.add("good")
    calls.release()
    calls.until(lambda: calls.ended == 1 and "bad" in calls.failed)

    assert "KeyError" in calls.failed["bad"].why
    assert "secret" not in str(calls.failed["bad"])


def test_a_throttled_call_comes_first_when_its_pause_is_over_and_other_lanes_go_on() -> None:
    calls = Calls(CallQueue(1))
    calls.release()
    calls.add("slow", "slow", "a", errors=[throttled(0.2), throttled(0.0)])
    calls.add("behind", "slow", "a")
    calls.add("other", "other", "b")
    calls.until(lambda: calls.ended == 3)

    assert calls.begun == ["slow", "other", "slow", "slow", "behind"]
    assert calls.failed == {}


def test_a_call_that_stays_throttled_ends_so() -> None:
    calls = Calls(CallQueue(2))
    calls.release()
    calls.add("never", errors=[throttled(0.0)] * 9)
    calls.until(lambda: "never" in calls.failed)

    assert calls.begun == ["never"] * 5


def test_a_lane_that_is_closed_for_long_is_not_asked_again_until_then() -> None:
    now = [0.0]
    calls = Calls(CallQueue(1, clock=lambda: now[0]))
    calls.release()
    calls.add("first", lane="a", errors=[throttled(120)])
    calls.add("second", lane="a")
    calls.add("other", lane="b")
    calls.until(lambda: calls.ended == 1 and len(calls.failed) == 2)
    now[0] = 121
    calls.add("third", lane="a")
    calls.until(lambda: calls.ended == 2)

    assert calls.begun == ["first", "other", "third"]
    assert isinstance(calls.failed["second"], Throttled)


def test_what_is_cleared_never_begins_and_threads_end_with_the_work() -> None:
    before = threads()
    queue = CallQueue(2)
    calls = Calls(queue)
    for number in range(6):
        calls.add(f"{number}")
    calls.until(lambda: calls.running == 2)
    queue.clear()
    calls.release()
    calls.until(lambda: calls.ended == 2)

    deadline = time.monotonic() + DEADLINE_SECONDS
    while threads() > before:
        assert time.monotonic() < deadline
    assert len(calls.begun) == 2
