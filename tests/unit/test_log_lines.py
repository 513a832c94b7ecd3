"""The lines of container logs: time, level, order, and joining one reading to the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logs import container, lines
from services.logs.container import Filter, Reading, after, select
from services.logs.lines import DEBUG, ERROR, INFO, WARNING

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def stamped(second: int, text: str = "I [7] azmlinfsrv - line") -> str:
    return f"{NOON + timedelta(seconds=second):%Y-%m-%d %H:%M:%S},000 {text}"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-01-02 12:00:00,123 I [70] azmlinfsrv - POST /score 200 1.07ms 92", INFO),
        ("2026-01-02 12:00:00,123 W [70] azmlinfsrv - slow", WARNING),
        ("2026-01-02 12:00:00,123 E [70] azmlinfsrv - Encountered Exception: Traceback", ERROR),
        ("2026-01-02 12:00:00,123 D [70] azmlinfsrv - start", DEBUG),
        ("[2026-01-02 12:00:00 +0000] [12] [INFO] Booting worker with pid: 12", INFO),
        ("[2026-01-02 12:00:00 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:12)", ERROR),
        ("2026-01-02 12:00:00,123 - model - WARNING - no such column", WARNING),
        ("2026-01-02 12:00:00.123 | ERROR    | model:run:12 - failed", ERROR),
        ("WARNING:root:disk is nearly full", WARNING),
        ("ERROR:model:failed", ERROR),
        ("/opt/env/lib/python3.10/site-packages/sklearn/base.py:347: UserWarning: Trying to unpickle", WARNING),
        ("Traceback (most recent call last):", ERROR),
        ("2026-01-02 12:00:00,123 I [70] azmlinfsrv.print - the word ERROR in a message", INFO),
        ("rid=7 ms=12 status=200", ""),
        ("an error is spoken of", ""),
        ("2026-01-02 12:00:00 nothing of the kind", ""),
        ("", ""),
    ],
)
def test_a_line_says_its_level_in_every_known_form(line: str, level: str) -> None:
    assert lines.level_of(line) == level


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026-01-02 12:00:00,5 I [70] x", NOON + timedelta(milliseconds=500)),
        ("[2026-01-02 12:00:00 +0000] [12] [INFO] x", NOON),
        ("[2026-01-02 14:00:00 +0200] [12] [INFO] x", NOON),
        ("2026-01-02T12:00:00.123456789Z x", NOON + timedelta(microseconds=123456)),
        ("2026-13-02 12:00:00 x", None),
        ("0001-01-01 00:00:00 +2300 x", None),
        ("at 2026-01-02 12:00:00", None),
    ],
)
def test_a_line_says_its_time_in_every_known_form(line: str, at: datetime | None) -> None:
    assert lines.moment(line) == at


def test_a_traceback_stays_with_the_line_that_it_explains() -> None:
    log = [
        stamped(0),
        stamped(1, "E [7] azmlinfsrv - Encountered Exception: Traceback (most recent call last):"),
        '  File "score.py", line 3, in run',
        "ValueError: whole numbers expected",
        "",
        "During handling of the above exception, another exception occurred:",
        "Traceback (most recent call last):",
        "KeyError: 'data'",
        stamped(2),
        "rid=7 ms=3",
        "  and its second line",
    ]
    found = lines.entries("blue", log)
    assert [(entry.number, entry.level, len(entry.lines)) for entry in found] == [
        (0, INFO, 1),
        (1, ERROR, 7),
        (8, INFO, 1),
        (9, "", 2),
    ]
    assert found[-1].at == NOON + timedelta(seconds=2)
    assert select([found], Filter(level=WARNING)) == [found[1]]
    assert select([found], Filter(words="KEYERROR score.py")) == [found[1]]


def test_deployments_are_put_together_by_time_and_each_keeps_its_own_order() -> None:
    blue = lines.entries("blue", ["no time yet", stamped(1), stamped(5), stamped(3)])
    green = lines.entries("green", [stamped(2), "a print", stamped(4)])
    found = select([blue, green], Filter())
    assert [(entry.deployment, entry.number) for entry in found] == [
        ("blue", 0),
        ("blue", 1),
        ("green", 0),
        ("green", 1),
        ("green", 2),
        ("blue", 2),
        ("blue", 3),
    ]
    within = Filter(since=NOON + timedelta(seconds=2), until=NOON + timedelta(seconds=4))
    assert [entry.number for entry in select([green], within)] == [0, 1]
    assert select([blue], within)[0].number == 3


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("2026-01-02 12:00:00,123 I [70] azmlinfsrv - x", "I [70] azmlinfsrv - x"),
        ("[2026-01-02 12:00:00 +0000] [12] [INFO] x", "[12] [INFO] x"),
        ("2026-13-02 12:00:00 x", "2026-13-02 12:00:00 x"),
        ("x", "x"),
    ],
)
def test_the_time_of_a_line_can_be_told_from_the_rest(line: str, rest: str) -> None:
    (entry,) = lines.entries("blue", [line])
    assert line[entry.stamp :] == rest


def test_what_azure_puts_above_a_log_is_no_line_of_it() -> None:
    log = lines.split("Instance status:\nSystemSetup: Succeeded\n\nContainer logs:\nfirst\nsecond\n")
    assert log.head == "Instance status:\nSystemSetup: Succeeded"
    assert log.lines == ("first", "second")
    assert lines.split("first\nsecond") == lines.Log("", ("first", "second"))
    assert lines.split("") == lines.Log("", ())


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 12), st.integers(0, 12))
def test_lines_that_go_on_keep_their_numbers(letters: list[str], tail: int, step: int) -> None:
    log = [stamped(second, letter) for second, letter in enumerate(letters)]
    known = tuple(log[:tail])
    end = min(len(log), len(known) + min(step, tail - 1))
    newest = log[max(0, end - tail) : end]
    _, found = lines.joined(known, newest, is_cut=end > tail)
    assert found == (tuple(log[:end]) if newest else ())


def _follow(*contents: list[str]) -> Reading:
    reading: Reading | None = None
    for number, content in enumerate(contents):
        reading = after(reading, "blue", "\n".join(content), NOON + timedelta(seconds=number))
    assert reading is not None
    return reading


def test_a_line_that_arrives_between_two_others_is_not_lost_and_none_is_doubled() -> None:
    begin = [stamped(0), stamped(2, "I [7] a - blue"), stamped(4)]
    later = [stamped(2, "I [7] a - blue"), stamped(3, "I [8] a - late"), stamped(4), stamped(5)]
    assert list(_follow(begin, later).lines) == [stamped(0), *later]


def test_a_restarted_container_goes_on_below_what_it_wrote_before() -> None:
    reading = _follow([stamped(0), stamped(1)], [stamped(9, "I [7] a - begin")])
    assert (reading.first, len(reading.lines), reading.is_cut) == (0, 3, False)


def test_lines_that_were_never_read_are_not_passed_over_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "TAIL", 3)
    reading = _follow([stamped(0), stamped(1), stamped(2)], [stamped(7), stamped(8), stamped(9)])
    assert (reading.first, len(reading.lines), reading.is_cut) == (3, 3, True)


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MOST_KEPT", 4)
    reading = _follow([stamped(second) for second in range(3)], [stamped(second) for second in range(1, 7)])
    assert (reading.first, list(reading.lines), reading.is_cut) == (3, [stamped(each) for each in range(3, 7)], True)


def test_a_log_that_has_become_empty_is_empty() -> None:
    assert _follow([stamped(0)], []).lines == ()
