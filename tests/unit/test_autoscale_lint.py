"""Lint of autoscale settings over a corpus: every bad one is flagged for its own reason, no good one is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from services.autoscale import editing
from services.autoscale.lint import flagged, lint, refused
from services.autoscale.remark import Remark, Situation
from services.autoscale.room import Quota
from services.autoscale.rules import Wish, rule
from services.azure.usages import Usage, VmSize
from services.deploying.model import Level
from tests.autoscale_corpus import (
    BAD,
    BLUE,
    FIRST,
    GOOD,
    IN,
    KNOWN,
    NIGHT,
    NOW,
    OUT,
    RATE,
    Json,
    after_weekend,
    cpu,
    profile,
    rate,
    setting,
    weekend,
)


def codes(remarks: tuple[Remark, ...]) -> set[str]:
    return {each.code for each in remarks}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_setting_is_flagged_for_its_own_reason(name: str) -> None:
    expected, document = BAD[name]
    found = flagged(lint(document, KNOWN))
    assert expected in codes(found)
    for each in found:
        assert all(text and text[0].isupper() and text.endswith(".") for text in (each.what, each.fix))


@pytest.mark.parametrize("name", list(GOOD))
def test_a_good_setting_is_not_flagged(name: str) -> None:
    assert [each.code for each in flagged(lint(GOOD[name], KNOWN))] == []


def test_every_bad_setting_is_bad_for_one_reason_or_for_what_follows_from_it() -> None:
    many = {name: codes(flagged(lint(document, KNOWN))) for name, (_, document) in BAD.items()}
    assert {name: found for name, found in many.items() if len(found) > 3} == {}


def test_azures_estimate_is_told_with_its_numbers() -> None:
    (found,) = flagged(lint(BAD["no margin, as in Azure's page about flapping"][1], KNOWN))
    assert "At 3 instances 60 would become 90 on 2, above 60" in found.why
    assert "until it is below 40" in found.why
    wide = setting(profile(cpu(threshold=80), cpu("Decrease", 60), counts="2 10 2"))
    (note,) = lint(wide, KNOWN)
    assert (note.level, note.what) == (Level.NOTE, "Up to 3 instances scale-in comes later than it says.")


FAMILY = "Standard DSv2 Family Cluster Dedicated vCPUs"
ROOM = Quota(VmSize("Standard_DS3_v2", FAMILY, 4, 0, 14), (Usage(FAMILY, 56, 100),))


def with_room(counts: str, instances: int = 1, quota: Quota = ROOM) -> dict[str, Remark]:
    known = replace(KNOWN, instances=instances, quota=quota)
    return {each.code: each for each in lint(setting(profile(OUT, IN, counts=counts)), known)}


def test_a_minimum_without_room_is_an_error_with_the_sum_that_does_not_keep_from_saving() -> None:
    found = with_room("40 50 40")
    assert "maximum-room" not in found
    remark = found["minimum-room"]
    assert (remark.level, remark.is_refused) == (Level.ERROR, False)
    assert "4 cores × ceil(40 × 1.2) = 4 × 48 = 192 cores" in remark.why
    assert "184 more than now. Free of the family " + FAMILY + ": 100 − 56 = 44." in remark.why
    # 4 × ceil(10 × 1.2) = 48 are 40 more than the 8 of one instance; 11 would need 48 more.
    assert remark.fix.startswith("Use 10 or less")
    assert "from 1 to 40 instances at once" in found["at-once"].why


def test_a_maximum_or_a_number_without_metrics_without_room_is_a_warning() -> None:
    assert with_room("2 50 2")["maximum-room"].level is Level.WARNING
    assert with_room("2 50 30")["default-room"].level is Level.WARNING


def test_room_is_judged_by_the_total_of_the_region_where_that_is_tighter() -> None:
    both = replace(ROOM, usages=(*ROOM.usages, Usage("Total", 60, 64, is_total=True)))
    assert "maximum-room" not in with_room("1 10 1")
    assert "all families of the region together: 64 − 60 = 4" in with_room("1 10 1", quota=both)["maximum-room"].why


@pytest.mark.parametrize(
    ("counts", "instances", "quota"),
    [
        ("1 10 1", 1, ROOM),
        ("40 50 40", 50, ROOM),
        ("40 50 40", 1, replace(ROOM, usages=())),
        ("40 50 40", 1, replace(ROOM, usages=(Usage(FAMILY, 56, None),))),
    ],
)
def test_nothing_is_said_of_room_that_is_there_or_has_no_limit(counts: str, instances: int, quota: Quota) -> None:
    assert not {code for code in with_room(counts, instances, quota) if code.endswith("-room")}


def test_a_quota_that_is_not_known_is_said_once_and_is_nothing_wrong() -> None:
    remark = with_room("2 50 2", quota=Quota(problem="You may not read it."))["room-unknown"]
    assert (remark.level, remark.why) == (Level.NOTE, "You may not read it.")


def test_what_azure_holds_already_is_not_called_refused() -> None:
    remarks = lint(setting(profile(cpu(value="4"), IN)), KNOWN)
    (wrong,) = refused(remarks)
    assert wrong.code == "value-too-large"
    assert refused(remarks, remarks) == ()


def test_one_instance_is_a_note_where_nobody_calls() -> None:
    idle = Situation(BLUE, NOW, is_live=False, startup_seconds=240)
    assert flagged(lint(BAD["one instance with live traffic"][1], idle)) == ()


def test_a_number_of_all_instances_is_explained_where_more_of_them_do_not_lower_it() -> None:
    (note,) = [each for each in lint(setting(profile(rate(600), rate(200, "Decrease"))), KNOWN) if each.rule]
    assert (note.level, note.code, note.rule) == (Level.NOTE, "all-instances", 1)
    assert "dividePerInstance" in note.fix
    assert RATE is not None
    each = rule(Wish(RATE, True, 300, per_instance=True), BLUE)
    assert each["metricTrigger"]["dividePerInstance"] is True
    assert "dividePerInstance" not in rule(Wish(RATE, True, 300), BLUE)["metricTrigger"]
    exact = setting(profile(rate(600, kind="ExactCount", value="5"), rate(200, "Decrease")))
    assert [each.code for each in lint(exact, KNOWN)] == []


def test_dates_come_with_the_rules_of_the_usual_profile_wherever_it_stands() -> None:
    document = setting(weekend(), after_weekend(), profile(OUT, IN))
    made = editing.with_dates(document, "xmas", ("2026-12-24", "2026-12-27", "UTC"), (3, 9, 3))
    assert made["properties"]["profiles"][-1]["rules"] == [OUT, IN]


def test_a_weekly_time_without_room_takes_no_rules_over() -> None:
    made = editing.with_weekly(FIRST, "night", NIGHT, (2, 2, 2))
    assert made["properties"]["profiles"][1]["rules"] == []
    assert flagged(lint(made, KNOWN)) == ()
    (found,) = flagged(lint(setting(profile(OUT, IN, counts="3 3 3")), KNOWN))
    assert (found.level, found.code) == (Level.ERROR, "no-room")


def test_a_change_of_the_second_of_two_profiles_of_one_name_is_told() -> None:
    twice = setting(profile(OUT, IN), profile(OUT, IN, counts="3 6 3"))
    changed = copy.deepcopy(twice)
    changed["properties"]["profiles"][1]["capacity"]["maximum"] = "9"
    (told,) = editing.changes(twice, changed)
    assert told.where == "Profile default (2 of this name), limits"
    (gone,) = {each.where for each in editing.changes(twice, editing.without_profile(twice, 1))}
    assert gone == "Profile default (2 of this name)"


def test_an_unknown_start_is_said_and_not_guessed() -> None:
    unknown = Situation(BLUE, NOW, is_live=True)
    found = lint(setting(profile(OUT, IN)), unknown)
    assert [each.code for each in found] == ["startup-unknown"]
    slow = Situation(BLUE, NOW, is_live=True, startup_seconds=14.5 * 60)
    (late,) = lint(setting(profile(OUT, IN)), slow)
    assert (late.code, late.fix) == ("cooldown-under-startup", "Wait 15 min or more.")
    assert "14.5 min" in late.why


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("properties"),
        lambda document: document["properties"].update(profiles="none"),
        lambda document: document["properties"].update(profiles=[None, 3, {}]),
        lambda document: document["properties"]["profiles"][0].update(rules=[{"metricTrigger": 1}, None]),
        lambda document: document["properties"]["profiles"][0].update(capacity=[], recurrence="weekly", fixedDate=7),
        lambda document: document["properties"]["profiles"][0]["rules"][0]["metricTrigger"].update(dimensions=[3, {}]),
        lambda document: document["properties"]["profiles"][0]["rules"][0]["metricTrigger"].update(threshold=1e400),
    ],
)
def test_nonsense_is_flagged_and_never_fails(spoil: Callable[[Json], object]) -> None:
    document = copy.deepcopy(setting(profile(OUT, IN)))
    spoil(document)
    assert flagged(lint(document, KNOWN))


def test_editing_changes_only_what_it_says() -> None:
    before: Mapping[str, Any] = {
        **FIRST,
        "id": "x",
        "futureField": {"kept": [1]},
        "properties": {**FIRST["properties"], "predictiveAutoscalePolicy": {"scaleMode": "ForecastOnly"}},
    }
    frozen = copy.deepcopy(dict(before))
    after = editing.with_limits(before, 0, 3, 9, 4)
    assert before == frozen
    assert after["properties"]["profiles"][0]["capacity"] == {"minimum": "3", "maximum": "9", "default": "4"}
    after["properties"]["profiles"][0]["capacity"] = frozen["properties"]["profiles"][0]["capacity"]
    assert after == frozen
    (change,) = editing.changes(before, editing.with_limits(before, 0, 3, 9, 4))
    assert (change.where, change.after) == ("Profile default, limits", "3 to 9 instances, 4 without metrics")
    assert editing.changes(before, before) == ()
    dropped = editing.without_rule(before, 0, 1)
    (gone,) = editing.changes(before, dropped)
    assert gone.before.startswith("Processor use < 30 %, average over 5 min: remove 1")
    assert editing.with_rules(before, 0, [FIRST["properties"]["profiles"][0]["rules"][0]]) == before


def test_taking_one_of_two_equal_rules_out_is_told() -> None:
    twice = setting(profile(OUT, OUT, IN))
    (gone,) = editing.changes(twice, editing.without_rule(twice, 0, 1))
    assert gone.before.startswith("Processor use > 70 %")
    assert gone.after == ""


def test_a_whole_weekend_is_one_time_that_ends_on_monday() -> None:
    weekend = editing.Weekly(("Saturday", "Sunday"), (6, 0), (6, 0), "UTC")
    document = editing.with_weekly(FIRST, "weekend", weekend, (2, 2, 2), rules=False)
    assert flagged(lint(document, KNOWN)) == ()
    assert document["properties"]["profiles"][2]["recurrence"]["schedule"]["days"] == ["Monday"]
    night = editing.with_weekly(FIRST, "night", NIGHT, (2, 2, 2), rules=False)
    assert night["properties"]["profiles"][2]["recurrence"]["schedule"]["days"] == ["Tuesday", "Wednesday", "Saturday"]


def test_the_usual_profile_and_those_that_bring_it_back_are_changed_as_one() -> None:
    document = editing.with_weekly(FIRST, "night", NIGHT, (2, 2, 2), rules=False)
    wider = editing.with_limits(document, 0, 3, 8, 3)
    usual, night, after = wider["properties"]["profiles"]
    assert usual["capacity"] == after["capacity"] == {"minimum": "3", "maximum": "8", "default": "3"}
    assert night["capacity"]["minimum"] == "2"
    fewer = editing.without_rule(wider, 2, 1)["properties"]["profiles"]
    assert [len(each["rules"]) for each in fewer] == [1, 0, 1]
    fewer[2]["capacity"] = {"minimum": "2", "maximum": "2", "default": "2"}
    own = editing.with_limits({"properties": {"profiles": fewer}}, 0, 4, 8, 4)["properties"]["profiles"]
    assert [each["capacity"]["minimum"] for each in own] == ["4", "2", "2"]
    assert editing.without_profile(document, 1) == FIRST
