"""Limits on disk: what an endpoint's metrics should stay below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.errors import RuleBroken
from services.limits import SERVER_ERROR_PERCENT, Limits
from services.store import Store
from tests.values import endpoint

P95, P99 = "RequestLatency_P95", "RequestLatency_P99"
CPU, MEMORY = "CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


def test_limits_are_found_again_in_the_order_of_the_charts(store: Store) -> None:
    limits = Limits(store, "azure")
    limits.save(endpoint(), {CPU: 80, MEMORY: 92.5, SERVER_ERROR_PERCENT: 0.5, P99: 1500, P95: 300.5})

    assert [(one.metric, one.value, one.words) for one in limits.lines(endpoint())] == [
        (P95, 300.5, "Limit: P95 300.5 ms"),
        (P99, 1500, "Limit: P99 1,500 ms"),
        (SERVER_ERROR_PERCENT, 0.5, "Limit: 0.5 % server errors"),
        (CPU, 80, "Limit: processor 80 %"),
        (MEMORY, 92.5, "Limit: memory 92.5 %"),
    ]


def test_what_is_saved_replaces_what_was_there_and_nothing_else(store: Store) -> None:
    limits = Limits(store, "azure")
    limits.save(endpoint(), {P95: 300, P99: 900})
    limits.save(endpoint(name="other"), {P95: 10})
    limits.save(endpoint(), {P95: 200})

    assert [(one.metric, one.value) for one in limits.lines(endpoint())] == [(P95, 200)]
    assert [one.value for one in limits.lines(endpoint(name="other"))] == [10]
    assert Limits(store, "elsewhere").lines(endpoint()) == ()
    limits.save(endpoint(), {})
    assert limits.lines(endpoint()) == ()


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (P95, 0.0),
        (P95, -1.0),
        (P95, float("nan")),
        (P95, float("inf")),
        (P95, 600_001.0),
        (SERVER_ERROR_PERCENT, 100.5),
        (CPU, 100.5),
        ("Weather", 1.0),
    ],
)
def test_a_limit_that_says_nothing_is_refused_and_the_others_stay(store: Store, metric: str, value: float) -> None:
    limits = Limits(store, "azure")
    limits.save(endpoint(), {P99: 900})

    with pytest.raises(RuleBroken, match="was not saved"):
        limits.save(endpoint(), {P95: 100, metric: value})

    assert [(one.metric, one.value) for one in limits.lines(endpoint())] == [(P99, 900)]


def test_two_who_change_different_limits_both_have_them(store: Store) -> None:
    limits = Limits(store, "azure")
    limits.save(endpoint(), {P95: 300, MEMORY: 90})
    seen = {P95: 300.0, MEMORY: 90.0}

    limits.save(endpoint(), {P95: 200, MEMORY: 90}, seen)
    limits.save(endpoint(), {P95: 300, CPU: 80}, seen)

    assert {one.metric: one.value for one in limits.lines(endpoint())} == {P95: 200, CPU: 80}


@pytest.mark.parametrize(
    ("theirs", "told"), [({P95: 200.0, CPU: 80.0}, "P95 200 ms"), ({CPU: 80.0}, "no limit of P95")]
)
def test_the_same_limit_changed_twice_is_told_and_nothing_is_written(
    store: Store, theirs: dict[str, float], told: str
) -> None:
    limits = Limits(store, "azure")
    seen = {P95: 300.0, CPU: 80.0}
    limits.save(endpoint(), theirs)

    with pytest.raises(RuleBroken, match="Somebody else") as refused:
        limits.save(endpoint(), {P95: 100, CPU: 50}, seen)
    limits.save(endpoint(), {**theirs, MEMORY: 70}, seen)  # both have wished for the same

    assert told in refused.value.why
    assert {one.metric: one.value for one in limits.lines(endpoint())} == {**theirs, MEMORY: 70}
