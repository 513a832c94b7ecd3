"""How late a minute of metrics still changes, from readings half a minute apart of an Azure with a known lag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Unreachable
from services.metrics.lag import FOLLOWED, LEAST_SECONDS, MOST_SECONDS, Lag, LagMeter, Look, changed, look_of, settled
from services.metrics.series import DeploymentMetrics
from services.metrics.windows import SETTLE_SECONDS
from services.model import Window

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=30)


def reading(at: datetime, lag: float, *, is_partial: bool = False, minutes: int = 180) -> Look:
    """What is read of an Azure that has a minute ``lag`` seconds after its end, or half of its requests before."""
    end = at.replace(second=0, microsecond=0)
    found: dict[datetime, object] = {}
    minute = end - minutes * MINUTE
    while minute < end:
        if (at - minute - MINUTE).total_seconds() >= lag:
            found[minute] = 10
        elif is_partial:
            found[minute] = 5
        minute += MINUTE
    return Look(at, end - minutes * MINUTE, end, {"requests blue": found})


def watched(lag: float, *, looks: int = 60, offset: float = 0, is_partial: bool = False) -> Lag:
    """What is known after readings every half minute."""
    meter = LagMeter()
    for number in range(looks):
        at = START + timedelta(seconds=offset) + number * STEP
        meter.add(reading(at, lag, is_partial=is_partial, minutes=25))
    return meter.lag()


@given(lag=st.floats(0, 1000), offset=st.floats(0, 60), is_partial=st.booleans())
def test_no_minute_is_called_settled_that_still_changes(lag: float, offset: float, *, is_partial: bool) -> None:
    known = watched(lag, offset=offset, is_partial=is_partial)
    assert known.seconds >= min(lag, MOST_SECONDS)
    assert known.seconds <= max(lag + STEP.total_seconds() + 10, LEAST_SECONDS)
    assert known.measured_seconds is not None


def test_before_enough_minutes_were_followed_the_documented_lag_counts() -> None:
    assert watched(20, looks=6) == Lag(SETTLE_SECONDS, None)
    assert watched(20, looks=2 * (FOLLOWED + 4)).seconds == LEAST_SECONDS


def test_one_change_later_than_documented_counts_at_once() -> None:
    assert watched(200, looks=3) == Lag(210, 210)


def test_minutes_that_do_not_change_are_measured_as_such() -> None:
    assert watched(0) == Lag(LEAST_SECONDS, 0)


def test_without_data_nothing_is_measured() -> None:
    meter = LagMeter()
    for number in range(100):
        at = START + number * STEP
        meter.add(Look(at, at - 20 * MINUTE, at, {"requests blue": {}}))
    assert meter.lag() == Lag()


def test_readings_far_apart_say_nothing_about_what_changed_between_them() -> None:
    meter = LagMeter()
    for number in range(30):
        meter.add(reading(START + number * 10 * MINUTE, 200))
    assert meter.lag() == Lag()


def test_a_reading_that_was_overtaken_is_left_out() -> None:
    meter = LagMeter()
    meter.add(reading(START + STEP, 0))
    meter.add(reading(START, 90))
    assert meter.lag() == Lag()


def test_a_slow_reading_makes_no_lag_shorter_than_it_was() -> None:
    meter = LagMeter()
    for number in range(3):
        at = START + number * MINUTE
        found = reading(at, 200)
        meter.add(Look(at + timedelta(seconds=40), found.since, found.until, found.series, began_at=at))
    assert meter.lag().seconds >= 240, "what it has may have been stored until it ended"


def test_a_reading_that_was_begun_before_the_last_one_ended_is_left_out() -> None:
    meter = LagMeter()
    meter.add(reading(START + STEP, 0))
    late = reading(START, 90)
    meter.add(Look(START + 2 * STEP, late.since, late.until, late.series, began_at=START))
    assert meter.lag() == Lag()


def test_a_clock_that_was_put_back_does_not_stop_the_measuring() -> None:
    meter = LagMeter()
    meter.add(reading(START + timedelta(hours=3), 0))
    for number in range(3):
        meter.add(reading(START + number * STEP, 200))
    assert meter.lag() == Lag(210, 210)


def test_other_last_digits_are_no_change() -> None:
    now = START + timedelta(seconds=12)
    one, other = metrics(START), metrics(START)
    other.latency["ms"] *= 1 + 1e-9
    looks = [look_of(each, ["blue"], now) for each in (one, other)]
    assert looks[0] is not None
    assert looks[1] is not None
    assert list(changed(looks[0], looks[1])) == []


def test_what_was_measured_is_forgotten_after_an_hour() -> None:
    meter = LagMeter()
    for number in range(12):
        meter.add(reading(START + number * STEP, 600))
    assert meter.lag().seconds >= 600
    meter.add(reading(START + 100 * MINUTE, 0))
    assert meter.lag() == Lag()


def test_only_what_both_readings_have_is_compared() -> None:
    one, other = reading(START, 0), reading(START + MINUTE, 0)
    assert list(changed(one, other)) == []
    grown = Look(other.at, other.since, other.until, {**other.series, "requests green": {START - MINUTE: 1}})
    assert list(changed(one, grown)) == []
    assert list(changed(grown, one)) == []
    late = Look(other.at, other.since, other.until, {"requests blue": {}})
    assert len(list(changed(one, late))) == 179, "the oldest minute is in one of them alone"


def metrics(end: datetime, *, grain: int = 60, **more: object) -> DeploymentMetrics:
    latency = pd.DataFrame({"at": [end - MINUTE], "deployment": ["blue"], "percentile": ["P95"], "ms": [8.0]})
    requests = pd.DataFrame({"at": [end - 45 * MINUTE, end - 2 * MINUTE], "deployment": "blue", "count": [1.0, 2.0]})
    for rows in (latency, requests):
        rows["at"] = pd.to_datetime(rows["at"], utc=True)
    base = DeploymentMetrics(latency, requests, Window(end - 60 * MINUTE, end, grain), end)
    return DeploymentMetrics(**{**vars(base), **more})


def test_a_reading_has_the_newest_minutes_of_what_was_answered_whole() -> None:
    now = START + timedelta(seconds=12)
    look = look_of(metrics(START), ["blue", "green"], now)
    assert look is not None
    assert look.since == START - timedelta(seconds=MOST_SECONDS)
    assert {name: list(minutes) for name, minutes in look.series.items()} == {
        "latency blue": [START - MINUTE],
        "latency green": [],
        "requests blue": [START - 2 * MINUTE],
        "requests green": [],
    }
    failed = look_of(metrics(START, latency_problem=Unreachable("a", "b", "c")), ["blue"], now)
    assert failed is not None
    assert list(failed.series) == ["requests blue"]
    partial = look_of(metrics(START, requests_notes=("Only a part.",)), ["blue"], now)
    assert partial is not None
    assert list(partial.series) == ["latency blue"]


@pytest.mark.parametrize(("ago", "grain"), [(0, 300), (5, 60)])
def test_coarse_and_old_readings_say_nothing_about_the_newest_minutes(ago: int, grain: int) -> None:
    assert look_of(metrics(START - ago * MINUTE, grain=grain), ["blue"], START) is None


def test_numbers_are_settled_by_the_measured_lag() -> None:
    assert settled(metrics(START), Lag(60, 20), START).settled_until == START - MINUTE
    assert settled(metrics(START), Lag(310, 310), START).settled_until == START - 6 * MINUTE
    assert settled(metrics(START, grain=300), Lag(60, 0), START).settled_until == START - 5 * MINUTE
