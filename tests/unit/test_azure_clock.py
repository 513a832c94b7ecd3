"""Azure's clock from the dates of its answers: nothing is claimed that whole seconds and slow answers explain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from services.azure.clock import DRIFT, RESOLUTION_SECONDS, AzureClock

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()


class Machine:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> AzureClock:
    return AzureClock(machine)


@pytest.fixture
def answer(machine: Machine, clock: AzureClock) -> Callable[..., None]:
    """An answer arrives that took ``took`` seconds, from a server that is ``ahead`` of the machine."""

    def arrive(ahead: float, took: float = 0.02, **headers: str) -> None:
        machine.at += took
        arrived: Any = requests.Response()
        arrived.elapsed = timedelta(seconds=took)
        made = datetime.fromtimestamp(machine.at + ahead - took / 2, UTC)
        arrived.headers.update({"Date": format_datetime(made, usegmt=True), **headers})
        clock.listen(arrived, timeout=1)

    return arrive


def test_before_any_answer_the_machines_clock_counts(clock: AzureClock) -> None:
    assert clock.now().timestamp() == START
    assert clock.ahead_seconds == 0


@given(ahead=st.floats(-0.5, 0.5), took=st.floats(0.0, 30.0), beside=st.floats(0, 1))
def test_what_whole_seconds_and_the_time_of_the_answer_explain_is_no_difference(
    ahead: float, took: float, beside: float
) -> None:
    machine = Machine()
    machine.at += beside
    clock = AzureClock(machine)
    sent, received = machine.at, machine.at + took + 2 * abs(ahead)
    clock.hear(datetime.fromtimestamp(int((sent + received) / 2 + ahead), UTC), sent, received)
    assert clock.ahead_seconds == 0


@given(ahead=st.floats(-100_000, 100_000), waits=st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_the_difference_is_known_to_the_resolution_and_gets_no_worse(ahead: float, waits: list[float]) -> None:
    machine = Machine()
    clock = AzureClock(machine)
    for wait in waits:
        machine.at += wait
        sent, machine.at = machine.at, machine.at + 0.1
        clock.hear(datetime.fromtimestamp(int(machine.at - 0.05 + ahead), UTC), sent, machine.at)
        off = abs(clock.ahead_seconds - ahead)
        assert off <= RESOLUTION_SECONDS + 0.1 + DRIFT * 100


def test_many_answers_narrow_the_difference(clock: AzureClock, machine: Machine, answer: Callable[..., None]) -> None:
    for _ in range(20):
        machine.at += 0.37
        answer(ahead=300.0)
    assert clock.ahead_seconds == pytest.approx(300, abs=0.7)
    assert clock.now().timestamp() == pytest.approx(machine.at + 300, abs=0.7)
    assert clock.of(datetime.fromtimestamp(START, UTC)) - clock.now() == timedelta(seconds=START - machine.at)


def test_times_that_were_counted_stay_where_they_are(
    clock: AzureClock, machine: Machine, answer: Callable[..., None]
) -> None:
    counted = set()
    for _ in range(200):
        machine.at += 0.37
        answer(ahead=300.0)
        counted.add(clock.ahead_seconds)
    assert len(counted) < 5
    answer(ahead=0.0)
    answer(ahead=0.0)
    assert clock.ahead_seconds == 0


def test_one_odd_answer_does_not_turn_the_clock_and_two_do(clock: AzureClock, answer: Callable[..., None]) -> None:
    answer(ahead=0.0)
    answer(ahead=7200.0)
    assert clock.ahead_seconds == 0
    answer(ahead=0.0)
    answer(ahead=7200.0)
    assert clock.ahead_seconds == 0
    answer(ahead=7200.0)
    assert clock.ahead_seconds == pytest.approx(7200, abs=2)


def test_clocks_that_part_slowly_are_followed(clock: AzureClock, machine: Machine, answer: Callable[..., None]) -> None:
    for hour in range(100):
        machine.at += 3600
        answer(ahead=hour * 0.3)
        assert clock.ahead_seconds == pytest.approx(hour * 0.3, abs=2)


@pytest.mark.parametrize("headers", [{"Date": "yesterday"}, {"Date": ""}, {"Age": "3600"}])
def test_an_answer_without_a_date_of_its_own_says_nothing(
    clock: AzureClock, answer: Callable[..., None], headers: dict[str, str]
) -> None:
    answer(ahead=500.0, **headers)
    assert clock.ahead_seconds == 0
