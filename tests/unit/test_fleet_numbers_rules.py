"""What is idle, and whether a mirror arrives, from series whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.fleet.fleet_numbers import ENOUGH_COPIES, is_idle, mirror_arrives
from services.model import Endpoint, Series
from tests.values import endpoint

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def series(deployment: str, *values: float | None) -> Series:
    """Requests in each of the last minutes."""
    times = tuple(NOW - timedelta(minutes=len(values) - place) for place in range(len(values)))
    return Series("e", "RequestsPerMinute", "Count", {"deployment": deployment}, times, values)


def mirrored(percent: int = 10, changed: int | None = None) -> Endpoint:
    """Blue is live and mirrored to green since so many minutes."""
    at = None if changed is None else NOW - timedelta(minutes=changed)
    return replace(endpoint({"blue": 100}, {"green": percent}), modified_at=at)


def test_copies_that_are_counted_arrive() -> None:
    assert mirror_arrives(mirrored(), [series("blue", 1)], [series("", None, 1, None)]) is True


def test_none_of_many_expected_copies_does_not_arrive() -> None:
    live = [series("blue", *[ENOUGH_COPIES] * 10)]
    assert mirror_arrives(mirrored(), live, []) is False
    assert mirror_arrives(mirrored(), live, [series("", 0, None)]) is False


def test_too_few_expected_copies_say_nothing() -> None:
    assert mirror_arrives(mirrored(), [series("blue", *[ENOUGH_COPIES] * 9)], []) is None


def test_only_live_deployments_are_mirrored() -> None:
    assert mirror_arrives(mirrored(), [series("grey", *[1000.0] * 60), series("", *[1000.0] * 60)], []) is None


@pytest.mark.parametrize(("changed", "arrives"), [(2, None), (30, False), (None, False)])
def test_what_was_before_the_last_change_does_not_count(changed: int | None, arrives: bool | None) -> None:
    assert mirror_arrives(mirrored(changed=changed), [series("blue", *[10.0] * 60)], []) is arrives


def test_copies_of_an_earlier_mirror_do_not_count() -> None:
    assert mirror_arrives(mirrored(changed=30), [series("blue", *[10.0] * 60)], [series("", 5, *[None] * 50)]) is False


def test_without_a_mirror_there_is_nothing_to_arrive() -> None:
    assert mirror_arrives(endpoint({"blue": 100}), [series("blue", *[1000.0] * 60)], []) is None


@pytest.mark.parametrize(
    ("hours", "requests", "idle"),
    [(48, [], True), (48, [None, 0.0], True), (48, [0.0, 0.1], False), (23, [], False), (None, [], True)],
)
def test_idle_is_old_and_without_requests(hours: int | None, requests: list[float | None], idle: bool) -> None:
    created = None if hours is None else NOW - timedelta(hours=hours)
    day = [series("", *requests)] if requests else []
    assert is_idle(replace(endpoint(), created_at=created), day, NOW) is idle
