"""The legal rules of a split."""

from __future__ import annotations

from typing import Any

import pytest

from services.model import Split, SplitError


def test_a_share_of_zero_means_the_same_as_no_share() -> None:
    assert Split({"blue": 100, "green": 0}, {"red": 0}) == Split({"blue": 100})


def test_a_split_tells_its_shares() -> None:
    split = Split({"blue": 100}, {"green": 20})

    assert (split.live_percent("blue"), split.live_percent("green")) == (100, 0)
    assert (split.mirror_target, split.mirror_percent) == ("green", 20)
    assert (Split().mirror_target, Split().mirror_percent) == (None, 0)


@pytest.mark.parametrize(
    ("live", "mirror"),
    [
        ({}, {}),
        ({"blue": 100}, {}),
        ({"blue": 70, "green": 30}, {}),
        ({"blue": 100}, {"green": 50}),
        ({}, {"green": 10}),
    ],
)
def test_legal_splits_pass(live: dict[str, int], mirror: dict[str, int]) -> None:
    Split(live, mirror).check({"blue", "green"})


@pytest.mark.parametrize(
    ("live", "mirror", "says"),
    [
        ({"blue": 99}, {}, "99 %"),
        ({"blue": 70, "green": 40}, {}, "110 %"),
        ({"blue": 150, "green": -50}, {}, "between 0 and 100"),
        ({"blue": 99.5, "green": 0.5}, {}, "whole percentages"),
        ({"blue": True, "green": 99}, {}, "whole percentages"),
        ({"red": 100}, {}, "no deployment named red"),
        ({"blue": 100}, {"red": 10}, "no deployment named red"),
        ({"blue": 100}, {"green": 51}, "more than the 50 %"),
        ({"blue": 100}, {"blue": 10}, "never both"),
        ({}, {"blue": 10, "green": 10}, "Only one"),
    ],
)
def test_each_broken_rule_has_its_sentence(live: dict[str, Any], mirror: dict[str, int], says: str) -> None:
    with pytest.raises(SplitError, match=says):
        Split(live, mirror).check({"blue", "green"})
