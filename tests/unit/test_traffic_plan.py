"""Plans and balanced shares: examples, and properties that hold for everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import RuleBroken
from services.model import Split
from services.traffic.plan import Change, balance, plan
from tests.values import deployments, endpoint

NAMES = ("blue", "green", "red", "violet")
shares = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 100), min_size=1)
wishes = st.dictionaries(st.sampled_from((*NAMES, "ghost")), st.integers(-10, 120), max_size=4)


def test_a_plan_lists_what_changes_and_only_that() -> None:
    made = plan(
        endpoint({"blue": 100}), deployments("blue", "green", "red"), {"blue": 70, "green": 30, "red": 0}, None, 0
    )

    assert made.after == Split({"blue": 70, "green": 30})
    assert made.changes == (Change("blue", 100, 70, 0, 0), Change("green", 0, 30, 0, 0))
    assert made.notes == ()


def test_a_plan_of_no_change_has_no_changes() -> None:
    made = plan(endpoint({"blue": 100}, {"green": 10}), deployments("blue", "green"), {"blue": 100}, "green", 10)

    assert made.changes == ()


def test_giving_the_mirrored_deployment_live_traffic_ends_its_mirror_in_the_same_write() -> None:
    made = plan(
        endpoint({"blue": 100}, {"green": 20}), deployments("blue", "green"), {"blue": 90, "green": 10}, "green", 20
    )

    assert made.after == Split({"blue": 90, "green": 10})
    assert Change("green", 0, 10, 20, 0) in made.changes
    assert "its mirrored traffic (20 %) ends in the same write" in made.notes[0]


def test_mirroring_to_a_deployment_that_is_live_is_refused() -> None:
    with pytest.raises(RuleBroken, match="never both"):
        plan(endpoint({"blue": 100}), deployments("blue", "green"), {"blue": 100}, "blue", 20)


def test_mirrored_traffic_needs_a_target() -> None:
    with pytest.raises(RuleBroken, match="no target"):
        plan(endpoint({"blue": 100}), deployments("blue"), {"blue": 100}, None, 20)


def test_kubernetes_endpoints_mirror_nothing() -> None:
    with pytest.raises(RuleBroken, match="Kubernetes"):
        plan(endpoint({"blue": 100}, is_kubernetes=True), deployments("blue", "green"), {"blue": 100}, "green", 10)


def test_stopping_all_traffic_is_said_loudly() -> None:
    made = plan(endpoint({"blue": 100}), deployments("blue", "green"), {}, "green", 10)

    assert any("404" in note for note in made.notes)
    assert any("nothing to mirror" in note for note in made.notes)


def test_traffic_to_a_deployment_that_is_not_ready_is_noted() -> None:
    made = plan(endpoint({"blue": 100}), deployments("blue", "green", state="Failed"), {"green": 100}, None, 0)

    assert made.notes == ("green gets traffic while its state is Failed; its requests may fail.",)


@given(before=shares, live=wishes, target=st.sampled_from((None, *NAMES, "ghost")), percent=st.integers(-5, 120))
def test_every_plan_is_legal_or_refused(
    before: dict[str, int], live: dict[str, int], target: str | None, percent: int
) -> None:
    known = deployments(*NAMES)
    start = endpoint(balance(before, next(iter(before)), before[next(iter(before))]))
    try:
        made = plan(start, known, live, target, percent)
    except RuleBroken:
        return
    made.after.check(NAMES)
    assert made.before == start.split
    assert (made.changes == ()) == (made.before == made.after)


@given(
    mirrored=st.integers(1, 50), percent=st.integers(1, 100), keep=st.integers(1, 50), target=st.sampled_from(NAMES[1:])
)
def test_promoting_the_mirror_always_clears_it_and_says_so(mirrored: int, percent: int, keep: int, target: str) -> None:
    start = endpoint({"blue": 100}, {target: mirrored})

    made = plan(start, deployments(*NAMES), {"blue": 100 - percent, target: percent}, target, keep)

    assert made.after.mirror == {}
    assert f"{mirrored} %" in made.notes[0]


def test_the_others_keep_their_ratios() -> None:
    assert balance({"blue": 60, "green": 30, "red": 10}, "red", 40) == {"blue": 40, "green": 20, "red": 40}


def test_others_without_a_share_divide_the_rest_evenly() -> None:
    assert balance({"blue": 100, "green": 0, "red": 0}, "blue", 75) == {"blue": 75, "green": 13, "red": 12}


def test_a_deployment_alone_has_everything() -> None:
    assert balance({"blue": 100}, "blue", 30) == {"blue": 100}


@pytest.mark.parametrize(("name", "percent"), [("ghost", 10), ("blue", -1), ("blue", 101)])
def test_balancing_refuses_what_makes_no_sense(name: str, percent: int) -> None:
    with pytest.raises(RuleBroken):
        balance({"blue": 100, "green": 0}, name, percent)


@given(before=shares, percent=st.integers(0, 100), data=st.data())
def test_balanced_shares_add_up_and_keep_ratios_within_rounding(
    before: dict[str, int], percent: int, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(before)))

    after = balance(before, name, percent)

    assert list(after) == list(before)
    assert sum(after.values()) == 100
    assert all(0 <= share <= 100 for share in after.values())
    others = [other for other in before if other != name]
    if others:
        assert after[name] == percent
    total = sum(before[other] for other in others)
    for other in others if total else []:
        assert abs(after[other] - (100 - percent) * before[other] / total) < 1
