"""The chosen endpoint, the prepared split, and the slider's messages: rules without a screen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.model import Split
from ui.chosen import Choice, resolve
from ui.components.traffic_slider import Move, read_move
from ui.fleet.samples import sample_work
from ui.traffic import draft

ALL_BLUE = Split({"blue": 100}, {"green": 20})
NAMES = ("blue", "green", "red")


@pytest.mark.parametrize(
    ("asked", "remembered", "choice"),
    [
        ("b", "a", Choice("b")),
        (None, "a", Choice("a")),
        (None, "gone", Choice(None)),
        (None, None, Choice(None)),
        ("gone", "a", Choice(None, unknown="gone")),
    ],
)
def test_the_address_wins_over_memory(asked: str | None, remembered: str | None, choice: Choice) -> None:
    assert resolve(["a", "b"], asked, remembered) == choice


def test_an_untouched_draft_follows_azure() -> None:
    first = draft.follow(None, ALL_BLUE, NAMES)
    assert not first.is_touched
    second = draft.follow(first, Split({"green": 100}), NAMES)
    assert second.live == {"blue": 0, "green": 100, "red": 0}
    assert second.revision > first.revision, "the slider in the browser must take it"


def test_a_touched_draft_stays_while_azure_changes() -> None:
    mine = draft.follow(None, ALL_BLUE, NAMES)
    mine.set_share("red", 10)
    kept = draft.follow(mine, Split({"blue": 50, "green": 50}), NAMES)
    assert kept is mine
    assert kept.base == ALL_BLUE


def test_a_draft_that_azure_has_reached_starts_afresh() -> None:
    mine = draft.follow(None, ALL_BLUE, NAMES)
    mine.set_share("red", 10)
    after = draft.follow(mine, mine.wanted(), NAMES)
    assert not after.is_touched
    assert after.base == mine.wanted()


def test_a_new_deployment_takes_no_wish_away() -> None:
    mine = draft.follow(None, ALL_BLUE, NAMES)
    mine.set_share("red", 10)
    wider = draft.follow(mine, ALL_BLUE, (*NAMES, "teal"))
    assert wider.known == ("blue", "green", "red", "teal")
    assert (wider.live, wider.base) == ({"blue": 90, "green": 0, "red": 10, "teal": 0}, ALL_BLUE)
    assert wider.revision > mine.revision, "the slider in the browser has to follow"
    assert (wider.mirror_target, wider.mirror_percent) == (mine.mirror_target, mine.mirror_percent)


def test_a_wish_for_a_deployment_that_is_gone_starts_afresh() -> None:
    mine = draft.follow(None, ALL_BLUE, NAMES)
    mine.set_share("red", 10)
    assert not draft.follow(mine, ALL_BLUE, ("blue", "green")).is_touched


def test_a_mirrored_deployment_with_live_traffic_is_mirrored_no_longer() -> None:
    mine = draft.follow(None, ALL_BLUE, NAMES)
    mine.set_share("green", 10)
    assert mine.wanted() == Split({"blue": 90, "green": 10})
    assert mine.mirror_candidates() == ["red"]
    assert mine.mirror(ALL_BLUE) == ("green", 20), "Azure holds it, so the plan can say that it ends"
    assert mine.mirror(Split({"blue": 100})) == (None, 0)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 100)), max_size=12))
def test_whatever_is_typed_adds_up_to_100(typed: list[tuple[str, int]]) -> None:
    mine = draft.follow(None, ALL_BLUE, NAMES)
    for name, percent in typed:
        mine.set_share(name, percent)
        assert mine.live[name] == percent
        assert sum(mine.live.values()) == 100


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"move": None},
        {"move": {"shares": [100], "sequence": 1}},
        {"move": {"shares": [60, 60], "sequence": 1}},
        {"move": {"shares": [-10, 110], "sequence": 1}},
    ],
)
def test_a_message_that_makes_no_sense_moves_nothing(message: Any) -> None:
    assert read_move(message, ["blue", "green"]) is None


def test_a_move_is_read_by_name() -> None:
    move = read_move({"move": {"shares": [70, 30], "sequence": 4}}, ["blue", "green"])
    assert move == Move({"blue": 70, "green": 30}, 4)


@pytest.mark.parametrize(
    ("line", "work"),
    [
        ("", ""),
        ("[ 12.0 s] creating the deployment blue", "creating the deployment blue"),
        ("[ 52.0 s] sending about 1.2 requests per second", ""),
        ("[ 52.0 s] done", ""),
    ],
)
def test_the_samples_are_work_until_they_send(line: str, work: str) -> None:
    assert sample_work(line) == work
