"""What makes two deployments differ although neither is better is named next to the numbers that it taints."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.comparison.judge import ERRORS, LATENCY
from services.comparison.taints import (
    EVERYTHING,
    RESOURCES,
    Change,
    Circumstances,
    Restart,
    Side,
    Taint,
    cold_minutes,
    taints,
)
from services.model import Split

SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)
BLUE = Side("blue", 600, 1.0, "Standard_DS3_v2")
GREEN = replace(BLUE, name="green")
ALIKE = Circumstances(SINCE, UNTIL, BLUE, GREEN, "Console log", SINCE)


def after(minutes: float) -> datetime:
    return SINCE + timedelta(minutes=minutes)


def about(seen: Circumstances) -> dict[str, str]:
    return {each.about: each.sentence for each in taints(seen)}


def test_alike_deployments_have_no_taint() -> None:
    assert taints(ALIKE) == ()
    assert taints(replace(ALIKE, live=replace(BLUE, instances=None), rows="", rows_since=None)) == ()


def test_a_change_of_the_mirror_or_of_the_pair_s_live_traffic_taints_everything() -> None:
    ten, twenty = Split({"blue": 100}, {"green": 10}), Split({"blue": 100}, {"green": 20})
    [told] = taints(replace(ALIKE, changes=(Change(after(30), ten, twenty),)))
    assert told.about == EVERYTHING
    assert told.sentence.startswith("The mirror was changed at 01 Mar 12:30 UTC from 10 % to green to 20 % to green.")
    cleared = about(replace(ALIKE, changes=(Change(after(30), ten, Split({"blue": 60, "red": 40})),)))
    assert "blue from 100 to 60 %" in cleared[EVERYTHING]
    assert taints(replace(ALIKE, changes=(Change(after(-1), ten, twenty), Change(UNTIL, ten, twenty)))) == ()
    others = Change(after(5), Split({"red": 100}), Split({"red": 50, "black": 50}))
    assert taints(replace(ALIKE, changes=(others,))) == ()


def test_a_restart_of_one_side_taints_latency_and_errors_and_makes_minutes_cold() -> None:
    green = replace(GREEN, restarts=(Restart(after(29.5), "a", is_end=True), Restart(after(30.5), "b")))
    told = taints(replace(ALIKE, candidate=green))
    assert {each.about for each in told} == {LATENCY, ERRORS}
    assert any(
        "An instance of green started at 01 Mar 12:30 UTC: 6 minutes of the window are cold" in t.sentence for t in told
    )
    assert any(each.sentence.startswith("An instance of green ended at 01 Mar 12:29") for each in told)
    assert cold_minutes(green.restarts, SINCE, UNTIL) == tuple(after(minute) for minute in range(30, 36))


def test_an_instance_that_began_before_the_window_is_still_cold_in_it() -> None:
    assert cold_minutes([Restart(after(-2))], SINCE, UNTIL) == (after(0), after(1), after(2))
    assert cold_minutes([Restart(after(-9))], SINCE, UNTIL) == ()
    green = replace(GREEN, restarts=(Restart(after(-60)),))
    assert taints(replace(ALIKE, candidate=green)) == ()


def test_a_window_before_the_diagnostic_setting_says_from_when_latencies_are() -> None:
    told = about(replace(ALIKE, rows="Traffic log", rows_since=after(40)))
    assert set(told) == {LATENCY}
    assert told[LATENCY].startswith(
        "The traffic log begins at 01 Mar 12:40 UTC: the 40 minutes before have no latencies"
    )


def test_unequal_machines_instances_and_loads_are_named_with_their_direction() -> None:
    machines = about(replace(ALIKE, candidate=replace(GREEN, instance_type="Standard_F4s_v2")))
    assert set(machines) == {LATENCY, RESOURCES}
    loads = about(replace(ALIKE, candidate=replace(GREEN, requests=60, instances=3.0)))
    assert "An instance of blue had 10 requests a minute, one of green 0.3." in loads[LATENCY]
    assert "blue has 1 instance, green has 3 instances." in loads[LATENCY]
    assert loads[LATENCY].endswith("green may be slower than it looks when it gets as much.")
    assert taints(replace(ALIKE, candidate=replace(GREEN, requests=1200, instances=2.0))) == ()


def test_a_taint_stands_next_to_the_numbers_that_it_is_about() -> None:
    assert Taint(LATENCY, "").concerns("Latency P95")
    assert not Taint(LATENCY, "").concerns(ERRORS)
    assert Taint(EVERYTHING, "").concerns(ERRORS)
