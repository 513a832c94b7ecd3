"""Which profile is in force, and what is done about the metrics: tables over moments and values."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from emulator.monitor.autoscale.decision import Decision, Reason, decide, observed
from emulator.monitor.autoscale.document import read_properties
from emulator.monitor.autoscale.model import Profile, parse_profiles
from emulator.monitor.autoscale.schedule import current_profile
from tests.emulator.autoscale_bodies import kind_of, profile, rule, setting, weekly

NOW = 1_800_000_000.0
OUT, IN = rule("Increase", 70.0), rule("Decrease", 30.0)


def parsed(*profiles: dict[str, Any]) -> tuple[Profile, ...]:
    return parse_profiles(read_properties(setting(*profiles), "auto", enabled=True, locate=kind_of))


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def active(moment: float, *profiles: dict[str, Any]) -> str:
    found = current_profile(parsed(*profiles), moment)
    return found.name if found else ""


# 2027-01-15 is a Friday.
@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("2027-01-15T05:59:59", "weekday"),
        ("2027-01-16T05:59:59", "weekday"),
        ("2027-01-16T06:00:00", "weekend"),
        ("2027-01-17T12:00:00", "weekend"),
        ("2027-01-18T08:29:59", "weekend"),
        ("2027-01-18T08:30:00", "weekday"),
    ],
)
def test_a_recurring_profile_ends_when_another_begins(moment: str, name: str) -> None:
    profiles = (
        profile("weekend", recurrence=weekly("Saturday", 6)),
        profile("weekday", recurrence=weekly("Monday", 8, minutes=(30,))),
    )
    assert active(at(moment), *profiles) == name


def test_schedules_are_in_the_local_time_of_their_zone() -> None:
    profiles = (
        profile("day", recurrence=weekly("Monday Tuesday Wednesday Thursday Friday", 9, zone="Pacific Standard Time")),
        profile(
            "night", recurrence=weekly("Monday Tuesday Wednesday Thursday Friday", 18, zone="Pacific Standard Time")
        ),
    )
    assert active(at("2027-01-15T08:59", "America/Los_Angeles"), *profiles) == "night"
    assert active(at("2027-01-15T09:00", "America/Los_Angeles"), *profiles) == "day"
    # In July the same local time is an hour earlier in UTC.
    assert active(at("2027-07-15T16:00"), *profiles) == "day"
    assert active(at("2027-01-15T16:00"), *profiles) == "night"


def test_a_time_that_the_clock_change_leaves_out_comes_after_it() -> None:
    # On 28 March 2027 02:30 does not exist in Berlin; 03:30 summer time is 01:30 UTC.
    profiles = (
        profile("before", recurrence=weekly("Saturday", 0, zone="W. Europe Standard Time")),
        profile("after", recurrence=weekly("Sunday", 2, zone="W. Europe Standard Time", minutes=(30,))),
    )
    assert active(at("2027-03-28T01:29"), *profiles) == "before"
    assert active(at("2027-03-28T01:30"), *profiles) == "after"


def test_a_fixed_date_goes_before_recurring_and_they_before_the_default() -> None:
    fixed = {"timeZone": "W. Europe Standard Time", "start": "2027-01-15T00:00:00", "end": "2027-01-16T00:00:00"}
    profiles = (profile("default"), profile("sale", fixedDate=fixed))
    assert active(at("2027-01-14T22:59"), *profiles) == "default"
    assert active(at("2027-01-14T23:00"), *profiles) == "sale"
    assert active(at("2027-01-15T23:00"), *profiles) == "default"
    weekend = profile("weekend", recurrence=weekly("Saturday", 6))
    assert active(at("2027-01-15T12:00"), weekend, *profiles) == "sale"
    assert active(at("2027-01-20T12:00"), weekend, *profiles) == "weekend"
    assert active(at("2027-01-20T12:00"), profile("sale", fixedDate=fixed)) == ""


def decided(
    current: int, *values: float | None, rules: Any = (OUT, IN), capacity: str = "1 5 2", since: float | None = None
) -> Decision | None:
    [found] = parsed(profile("default", *rules, capacity=capacity))
    return decide(found, current, values, None if since is None else NOW - since, NOW)


def to(target: int, intended: int | None = None, reason: Reason = Reason.RULES) -> Decision:
    return Decision(target, target if intended is None else intended, reason)


@pytest.mark.parametrize(
    ("current", "values", "expected"),
    [
        (2, (71, 71), to(3)),
        (2, (70, 70), None),
        (5, (99, 99), None),
        (2, (10, 10), to(1)),
        (1, (10, 10), None),
        (2, (29, 29), to(1)),
        (3, (29, 29), to(2)),
        (6, (50, 50), to(5, reason=Reason.LIMITS)),
        (2, (50, 50), None),
    ],
)
def test_one_rule_out_and_one_in(current: int, values: tuple[float, float], expected: Decision | None) -> None:
    assert decided(current, *values) == expected


def test_the_minimum_overrides_the_number_of_instances_at_once() -> None:
    assert decided(1, None, None, capacity="2 5 2", since=0.0) == to(2, reason=Reason.LIMITS)


def test_without_metrics_the_default_is_the_least() -> None:
    assert decided(1, None, None, capacity="1 5 3") == to(3, reason=Reason.DEFAULT)
    assert decided(4, None, None, capacity="1 5 3") is None
    assert decided(1, 90.0, None, capacity="1 5 3") == to(2)


def test_any_rule_scales_out_and_the_largest_number_counts() -> None:
    rules = (rule("Increase", 70.0), rule("Increase", 80.0, value="3"), IN)
    assert decided(1, 75.0, 75.0, 75.0, rules=rules) == to(2)
    assert decided(1, 85.0, 85.0, 85.0, rules=rules) == to(4)
    assert decided(4, 85.0, 85.0, 85.0, rules=rules) == to(5)


def test_all_rules_must_agree_before_it_is_scaled_in_and_the_smallest_step_counts() -> None:
    rules = (rule("Decrease", 30.0, value="2"), rule("Decrease", 40.0))
    assert decided(4, 35.0, 35.0, rules=rules) is None
    assert decided(4, 25.0, 25.0, rules=rules) == to(3)


def test_scaling_out_goes_before_scaling_in() -> None:
    rules = (rule("Increase", 20.0), rule("Decrease", 30.0))
    assert decided(2, 25.0, 25.0, rules=rules) == to(3)
    assert decided(2, 25.0, 25.0, rules=rules, since=10.0) is None


@pytest.mark.parametrize(("since", "expected"), [(299.0, None), (300.0, to(3))])
def test_a_cooldown_holds_rules_back(since: float, expected: Decision | None) -> None:
    assert decided(2, 90.0, 90.0, since=since) == expected


def test_each_rule_has_a_cooldown_of_its_own_from_the_last_action() -> None:
    rules = (rule("Increase", 70.0, cooldown="PT10M", value="3"), rule("Increase", 70.0), IN)
    assert decided(1, 90.0, 90.0, 90.0, rules=rules, since=400.0) == to(2)
    slow = (OUT, rule("Decrease", 30.0, cooldown="PT1H"))
    assert decided(3, 10.0, 10.0, rules=slow, since=3599.0) is None
    assert decided(3, 10.0, 10.0, rules=slow, since=3600.0) == to(2)


# The example of Azure's page on flapping: 1250 threads on three instances would be 625 each on two.
def test_scaling_in_that_would_cause_scaling_out_is_left() -> None:
    rules = (rule("Increase", 600.0, operator="GreaterThanOrEqual"), rule("Decrease", 600.0))
    assert decided(3, 1250 / 3, 1250 / 3, rules=rules) == to(3, 2, Reason.FLAPPING)
    rules = (rule("Increase", 600.0, operator="GreaterThanOrEqual"), rule("Decrease", 400.0))
    assert decided(3, 1180 / 3, 1180 / 3, rules=rules) == to(2)


# The same page: 65 % on thirty instances; by ten would be too many, twenty-eight is the first that stays below 70 %.
def test_a_smaller_step_is_looked_for_before_scaling_in_is_left() -> None:
    rules = (rule("Increase", 70.0), rule("Decrease", 50.0, value="10"))
    assert decided(30, 65.0, 50.0, rules=rules, capacity="1 40 2") is None
    found = decided(30, 65.0, 49.0, rules=rules, capacity="1 40 2")
    assert found == to(28, 20, Reason.FLAPPING)


@pytest.mark.parametrize(
    ("direction", "kind", "value", "current", "target"),
    [
        ("Increase", "PercentChangeCount", "50", 4, 6),
        ("Increase", "PercentChangeCount", "10", 4, 5),
        ("Increase", "ExactCount", "8", 3, 8),
        ("Increase", "ExactCount", "2", 3, None),
        ("Increase", "ServiceAllowedNextValue", "1", 3, 4),
        ("Increase", "PercentChangeCount", "900", 3, 10),
        ("Decrease", "PercentChangeCount", "50", 5, 3),
        ("Decrease", "ExactCount", "2", 5, 2),
        ("Decrease", "ExactCount", "7", 5, None),
        ("Decrease", "ServiceAllowedNextValue", "1", 3, 2),
    ],
)
def test_kinds_of_change(direction: str, kind: str, value: str, current: int, target: int | None) -> None:
    only = rule(direction, 50.0, kind=kind, value=value)
    seen = 90.0 if direction == "Increase" else 10.0
    found = decided(current, seen, rules=(only,), capacity="1 10 1")
    assert (found.target if found else None) == target


def test_a_rule_without_direction_does_nothing() -> None:
    assert decided(2, 90.0, rules=(rule("None", 50.0, operator="GreaterThan"),)) is None


@pytest.mark.parametrize(
    ("operator", "below", "same", "above"),
    [
        ("Equals", False, True, False),
        ("NotEquals", True, False, True),
        ("GreaterThan", False, False, True),
        ("GreaterThanOrEqual", False, True, True),
        ("LessThan", True, False, False),
        ("LessThanOrEqual", True, True, False),
    ],
)
def test_operators(operator: str, below: bool, same: bool, above: bool) -> None:
    only = rule("Increase", 50.0, operator=operator)
    assert [decided(2, value, rules=(only,)) is not None for value in (49.0, 50.0, 51.0)] == [below, same, above]


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [("Average", 2.5), ("Minimum", 1.0), ("Maximum", 5.0), ("Total", 10.0), ("Count", 4.0), ("Last", 2.0)],
)
def test_points_of_a_window_become_one_value(aggregation: str, value: float) -> None:
    assert observed([1.0, 5.0, 2.0, 2.0], aggregation) == value
    assert observed([], aggregation) is None
