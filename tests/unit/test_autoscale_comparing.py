"""What counts as the same setting when Azure spells it otherwise than it was written."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from services.autoscale.comparing import lost
from services.autoscale.settings import Setting
from tests.autoscale_corpus import IN, OUT, after_weekend, fixed, profile, setting, weekend

CHRISTMAS = fixed("2026-12-24T08:00:00", "2026-12-27T00:00:00Z", "W. Europe Standard Time")
WRITTEN = setting(
    profile(OUT, IN), weekend(), after_weekend(), profile(name="xmas", counts="4 4 4", fixedDate=CHRISTMAS)
)


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ({"cooldown": "PT60M"}, {"cooldown": "PT1H"}),
        ({"timeWindow": "PT90M"}, {"TimeWindow": "PT1H30M"}),
        ({"cooldown": "P1D"}, {"cooldown": "PT24H"}),
        ({"threshold": 70}, {"threshold": 70.0}),
        ({"value": "1"}, {"value": 1}),
        ({"value": "1"}, {"value": "1.0"}),
        ({"start": "2026-12-24T08:00:00Z"}, {"start": "2026-12-24T08:00:00+00:00"}),
        ({"start": "2026-12-24T08:00:00"}, {"start": "2026-12-24T08:00:00.000Z"}),
        ({"start": "2026-12-24T08:00:00Z"}, {"start": "2026-12-24T08:00:00.0000000Z"}),
        ({"start": "2026-12-24"}, {"start": "2026-12-24T00:00:00"}),
        (CHRISTMAS, {**CHRISTMAS, "start": "2026-12-24T07:00:00Z", "end": "2026-12-27T01:00:00+01:00"}),
        ({"operator": "GreaterThan"}, {"operator": "greaterThan"}),
        ({"enabled": False, "tags": {}, "notifications": None}, {}),
        ({"enabled": True}, {"enabled": True, "name": "added by Azure"}),
    ],
)
def test_the_same_in_other_words_is_not_lost(written: dict[str, Any], held: dict[str, Any]) -> None:
    assert lost(written, held) == ()


@pytest.mark.parametrize(
    ("written", "held", "where"),
    [
        ({"cooldown": "PT60M"}, {"cooldown": "PT6M"}, "cooldown"),
        ({"threshold": 70}, {"threshold": 70.5}, "threshold"),
        ({"threshold": 0}, {}, "threshold"),
        ({"start": "2026-12-24T08:00:00Z"}, {"start": "2026-12-24T08:00:00+01:00"}, "start"),
        ({**CHRISTMAS}, {**CHRISTMAS, "start": "2026-12-24T08:00:00Z"}, "start"),
        ({"enabled": True}, {"enabled": False}, "enabled"),
        ({"enabled": True}, {"enabled": 1}, "enabled"),
        ({"enabled": False}, {"enabled": True}, "enabled"),
        ({"rules": [1, 2]}, {"rules": [1]}, "rules"),
        ({"profiles": [{"rules": [{"a": "x"}]}]}, {"profiles": [{"rules": [{}]}]}, "profiles[1].rules[1].a"),
        ({"tags": {"team": "a"}}, {"tags": None}, "tags"),
        ({"tags": None}, {"tags": {"team": "a"}}, "tags"),
    ],
)
def test_what_means_something_else_is_named(written: dict[str, Any], held: dict[str, Any], where: str) -> None:
    assert lost(written, held) == (where,)


def test_a_whole_setting_in_azures_spelling_is_the_same() -> None:
    held = copy.deepcopy(WRITTEN)
    for each in held["properties"]["profiles"]:
        for rule in each["rules"]:
            rule["metricTrigger"] |= {"timeWindow": "PT300S", "threshold": float(rule["metricTrigger"]["threshold"])}
            rule["scaleAction"]["cooldown"] = "PT0H5M"
    assert lost(WRITTEN, held) == ()
    assert len(Setting.of(held).profiles) == 4
    held["properties"]["profiles"][0]["rules"].pop()
    assert lost(WRITTEN, held) == ("properties.profiles[1].rules",)
