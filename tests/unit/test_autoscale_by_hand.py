"""What is said of a number of instances that somebody gives by hand to a deployment that autoscale scales."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.autoscale import by_hand, editing
from services.autoscale.settings import Setting
from tests.autoscale_corpus import BLUE, IN, NOW, OUT, fixed, profile, setting
from tests.values import deployments

BY_RULES = setting(profile(OUT, IN, counts="2 5 2"))
HELD = replace(deployments("blue")[0], instance_count=3)


def said(document: dict[str, Any], instances: int) -> str:
    return by_hand.words(Setting.of(document), HELD, instances, NOW)


def test_a_number_outside_of_the_limits_will_be_undone() -> None:
    for instances, bound, side in ((7, 5, "maximum"), (1, 2, "minimum")):
        found = said(BY_RULES, instances)
        assert "will undo it (profile default, 2 to 5 instances, 2 without metrics; now 3)" in found
        assert f"goes back to {bound} " in found
        assert f"Change the {side} on the Autoscale page" in found


def test_a_number_within_the_limits_may_be_undone_by_rules_alone() -> None:
    assert "may undo it at any time" in said(BY_RULES, 4)
    assert "4 stays until another profile" in said(setting(profile(counts="2 5 2")), 4)


def test_the_profile_of_now_counts() -> None:
    today = profile(name="today", counts="8 8 8", fixedDate=fixed("2026-03-04", "2026-03-05"))
    assert "profile today, always 8; now 3" in said(setting(profile(OUT, IN), today), 4)


def test_a_setting_that_is_off_or_says_nothing_is_not_spoken_of() -> None:
    assert said(editing.with_enabled(BY_RULES, False), 7) == ""
    assert said(setting(), 7) == ""
    assert said(setting({"name": "x"}, target=BLUE), 7) == ""
