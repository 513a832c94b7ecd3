"""What needs a person's attention, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import NotFound
from services.fleet.attention import KINDS, least_share, needs
from services.fleet.fleet import Member
from services.fleet.fleet_hour import Hour
from services.fleet.fleet_numbers import Numbers
from services.metrics import Summary, summary_window
from tests.values import deployments, endpoint

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
HOUR = Hour(NOW, (1.0,) * 60, (0.0,) * 60, (0.0,) * 60, {})


def member(*names: str, state: str = "Succeeded", minutes_ago: int | None = None, **options: object) -> Member:
    """An endpoint with the named deployments, all of its traffic on the first one."""
    live = {names[0]: 100} if names else {}
    changed = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)
    found = replace(endpoint(live), state=state, modified_at=changed, **options)  # type: ignore[arg-type] # by test
    return Member(found, tuple(deployments(*names)), None)


def numbers(
    per_minute: float | None = 10.0,
    error_percent: float | None = 0.0,
    *,
    idle: bool | None = False,
    arrives: bool | None = None,
) -> Numbers:
    return Numbers(Summary(per_minute, 20.0, error_percent, summary_window(NOW)), HOUR, idle, arrives)


def kinds(member: Member, numbers: Numbers | None = None) -> tuple[str, ...]:
    return tuple(need.kind for need in needs(member, numbers, NOW))


def test_a_healthy_endpoint_needs_nothing() -> None:
    assert needs(member("blue"), numbers(), NOW) == ()


def test_what_is_not_known_is_not_guessed() -> None:
    unread = Member(endpoint({"blue": 100}), None, NotFound("It was not read.", "It is gone.", "Look again."))

    assert kinds(unread) == ()
    assert kinds(unread, numbers(None, None, idle=None, arrives=None)) == ()


def test_a_failed_endpoint_and_a_failed_deployment_are_named() -> None:
    found = member("blue", "green", state="Failed")
    failed = replace(found.deployments[1], state="Failed") if found.deployments else None
    assert failed is not None

    (need,) = needs(replace(found, deployments=(*(found.deployments or ())[:1], failed)), None, NOW)

    assert need.kind == "failed"
    assert "the endpoint" in need.words
    assert "deployment green" in need.words
    assert "blue" not in need.words


@pytest.mark.parametrize("state", ["Creating", "Updating", "Scaling", "Deleting"])
@pytest.mark.parametrize(("minutes", "is_stuck"), [(14, False), (15, False), (16, True), (None, False)])
def test_busy_for_more_than_a_quarter_of_an_hour_is_stuck(state: str, minutes: int | None, is_stuck: bool) -> None:
    assert ("stuck" in kinds(member("blue", state=state, minutes_ago=minutes))) is is_stuck


def test_how_long_something_is_stuck_is_said() -> None:
    (need,) = needs(member("blue", state="Updating", minutes_ago=42), None, NOW)
    assert "the endpoint (Updating for 42 min)" in need.words


@pytest.mark.parametrize(
    ("per_minute", "percent", "is_needed"),
    [
        (None, None, False),
        (0.0, None, False),
        (10.0, 0.0, False),
        (10.0, 100 / 150, False),
        (10.0, 100 * 5 / 150, True),
        (2 / 15, 100.0, True),
        (1000.0, 0.9, False),
        (1000.0, 1.5, True),
    ],
)
def test_errors_count_when_they_are_more_than_chance(
    per_minute: float | None, percent: float | None, is_needed: bool
) -> None:
    assert ("errors" in kinds(member("blue"), numbers(per_minute, percent))) is is_needed


@given(total=st.integers(1, 10_000), data=st.data())
def test_the_least_share_is_a_share_below_the_one_that_was_seen(total: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, total))
    assert 0 <= least_share(hits, total) <= hits / total + 1e-12


def test_the_least_share_is_wilsons() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 has the interval 0.2553 to 0.3662.
    assert least_share(81, 263) == pytest.approx(0.2553, abs=0.0001)
    assert least_share(0, 0) == 0


@pytest.mark.parametrize(("arrives", "is_needed"), [(True, False), (None, False), (False, True)])
def test_a_mirror_that_does_not_arrive_names_its_target(arrives: bool | None, is_needed: bool) -> None:
    mirrored = Member(endpoint({"blue": 100}, {"green": 10}), tuple(deployments("blue", "green")), None)

    found = needs(mirrored, numbers(arrives=arrives), NOW)

    assert [need.kind for need in found] == (["mirror"] if is_needed else [])
    assert all("10 % is mirrored to green" in need.words for need in found)


def test_an_endpoint_without_live_traffic_says_whether_it_has_a_deployment() -> None:
    empty = Member(endpoint(), (), None)
    parked = Member(endpoint(), tuple(deployments("blue")), None)

    assert [need.words for need in needs(empty, None, NOW)] == ["It has no deployment."]
    assert [need.words for need in needs(parked, None, NOW)] == ["No live traffic is assigned."]
    assert kinds(replace(empty, endpoint=replace(empty.endpoint, state="Creating"))) == ()


def test_an_endpoint_that_nobody_asks_is_idle_unless_it_is_empty() -> None:
    assert kinds(member("blue"), numbers(None, None, idle=True)) == ("idle",)
    assert kinds(Member(endpoint(), (), None), numbers(None, None, idle=True)) == ("no traffic",)


def test_needs_come_in_the_order_of_their_kinds() -> None:
    found = Member(
        replace(endpoint({}, {"green": 10}), state="Failed"),
        tuple(replace(each, modified_at=NOW - timedelta(hours=1)) for each in deployments("blue", state="Updating")),
        None,
    )
    assert kinds(found, numbers(10, 50, idle=True, arrives=False)) == KINDS
