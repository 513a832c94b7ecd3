"""Presets of a split: examples, and that whatever is done with them stays legal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import RuleBroken
from services.model import Split
from services.traffic import presets
from services.traffic.plan import balance, plan
from services.traffic.presets import CANARY_PERCENTS, Wish
from tests.values import deployments, endpoint

NAMES = ("blue", "green", "red", "violet", "amber")


def test_all_to_one_keeps_the_mirror_unless_its_target_goes_live() -> None:
    current = Wish({"blue": 60, "red": 40, "green": 0}, "green", 10)

    assert presets.all_to(current, "red") == Wish({"blue": 0, "red": 100, "green": 0}, "green", 10)
    assert presets.all_to(current, "green") == Wish({"blue": 0, "red": 0, "green": 100})


def test_a_canary_takes_its_share_from_the_others_as_they_are() -> None:
    assert presets.canary(Wish({"blue": 75, "red": 25, "green": 0}), "green", 20).live == {
        "blue": 60,
        "red": 20,
        "green": 20,
    }


def test_even_gives_what_is_left_over_to_the_first_by_name() -> None:
    assert presets.even(Wish({"red": 100, "blue": 0, "green": 0})).live == {"red": 33, "blue": 34, "green": 33}
    assert presets.even(Wish({})) == Wish({})


def test_zero_ends_the_mirror_too() -> None:
    assert presets.zero(Wish({"blue": 100, "green": 0}, "green", 10)) == Wish({"blue": 0, "green": 0})


def test_swap_exchanges_the_two_biggest() -> None:
    assert presets.swap(Wish({"blue": 70, "green": 20, "red": 10})) == Wish({"blue": 20, "green": 70, "red": 10})
    assert presets.swap(Wish({"blue": 100, "green": 0})) == Wish({"blue": 0, "green": 100})


def test_swap_with_a_mirror_lets_the_shadow_answer_and_the_other_get_the_copies() -> None:
    assert presets.swap(Wish({"blue": 100, "green": 0}, "green", 10)) == Wish({"blue": 0, "green": 100}, "blue", 10)


@pytest.mark.parametrize(
    "current",
    [
        Wish({}),
        Wish({"blue": 100}),
        Wish({"blue": 0, "green": 0}),
        Wish({"blue": 50, "green": 50}),
        Wish({"blue": 100, "green": 0, "red": 0}),
        Wish({"blue": 100}, "ghost", 10),
    ],
)
def test_swap_is_not_offered_when_it_is_not_clear_what_to_swap(current: Wish) -> None:
    assert presets.swap(current) is None


@dataclass(frozen=True)
class Step:
    """One thing that a person can do to a draft."""

    words: str
    take: Callable[[Wish], Wish | None]


def mirror_to(current: Wish, target: str, percent: int) -> Wish | None:
    """The mirror's own control: only deployments without live traffic are offered."""
    return Wish(current.live, target, percent) if not current.live[target] else None


def move(current: Wish, name: str, percent: int) -> Wish:
    """The slider's handle."""
    live = balance(current.live, name, percent)
    mirror = None if current.mirror_target is None or live[current.mirror_target] else current.mirror_target
    return Wish(live, mirror, current.mirror_percent if mirror else 0)


def steps(names: tuple[str, ...]) -> st.SearchStrategy[Step]:
    """Anything that a person can do."""
    name = st.sampled_from(names)
    return st.one_of(
        st.sampled_from(
            [Step("swap", presets.swap), Step("even", presets.even), Step("zero", presets.zero)],
        ),
        name.map(lambda each: Step(f"all to {each}", partial(presets.all_to, target=each))),
        st.builds(
            lambda each, percent: Step(
                f"canary {each} {percent}", partial(presets.canary, target=each, percent=percent)
            ),
            name,
            st.sampled_from(CANARY_PERCENTS),
        ),
        st.builds(
            lambda each, percent: Step(f"move {each} {percent}", partial(move, name=each, percent=percent)),
            name,
            st.integers(0, 100),
        ),
        st.builds(
            lambda each, percent: Step(f"mirror {each} {percent}", partial(mirror_to, target=each, percent=percent)),
            name,
            st.integers(1, 50),
        ),
    )


@given(data=st.data(), count=st.integers(1, len(NAMES)))
def test_every_split_that_can_be_reached_is_legal(data: st.DataObject, count: int) -> None:
    names = NAMES[:count]
    current = Wish({**dict.fromkeys(names, 0), names[0]: 100})
    held = endpoint({names[0]: 100})
    for step in data.draw(st.lists(steps(names), max_size=8)):
        current = step.take(current) or current
        made = plan(held, deployments(*names), current.live, current.mirror_target, current.mirror_percent)
        made.after.check(names)
        assert made.after == wished(current)
        held = endpoint(made.after.live, made.after.mirror)


def wished(current: Wish) -> Split:
    """The split of a wish."""
    mirror = {current.mirror_target: current.mirror_percent} if current.mirror_target else {}
    return Split(current.live, mirror)


@given(data=st.data(), count=st.integers(2, len(NAMES)))
def test_swapping_twice_leads_back(data: st.DataObject, count: int) -> None:
    names = NAMES[:count]
    current = Wish({**dict.fromkeys(names, 0), names[0]: 100})
    for step in data.draw(st.lists(steps(names), max_size=5)):
        current = step.take(current) or current
    once = presets.swap(current)
    if once is not None:
        assert sum(once.live.values()) == sum(current.live.values())
        # Shares that have become equal by it cannot be told apart any more: only the mirror can do that.
        twice = presets.swap(once)
        assert twice is None or wished(twice) == wished(current)


@given(data=st.data(), count=st.integers(1, len(NAMES)), percent=st.integers(0, 100))
def test_a_canary_keeps_the_sum_and_the_untouched_ratios(data: st.DataObject, count: int, percent: int) -> None:
    names = NAMES[:count]
    shares = data.draw(st.lists(st.integers(0, 100), min_size=count, max_size=count))
    live = balance(dict(zip(names, shares, strict=True)), names[0], shares[0])
    target = data.draw(st.sampled_from(names))

    after = presets.canary(Wish(live), target, percent).live

    assert sum(after.values()) == 100
    others = [name for name in names if name != target]
    total = sum(live[name] for name in others)
    assert all(abs(after[name] - (100 - percent) * live[name] / total) < 1 for name in others if total)


def test_a_canary_of_nothing_known_is_refused() -> None:
    with pytest.raises(RuleBroken):
        presets.canary(Wish({"blue": 100}), "ghost", 10)
