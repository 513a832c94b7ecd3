"""The loss probability of an M/M/s/K queue, against its definition, known formulas and a simulation."""

from __future__ import annotations

import heapq
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.traffic.queueing import places, rejected_share, servers

loads = st.floats(0.01, 50)
ROUNDING = 1e-12
"""Two shares that differ by less are the same: far into overload one more place changes nothing that a float holds."""
sizes = st.integers(1, 8).flatmap(lambda count: st.tuples(st.just(count), st.integers(count, count + 40)))


def by_definition(load: Fraction, count: int, most: int) -> float:
    """The last of the state probabilities, in exact arithmetic."""
    weights = [Fraction(1)]
    for taken in range(1, most + 1):
        weights.append(weights[-1] * load / min(taken, count))
    return float(weights[-1] / sum(weights))


@given(load=loads, size=sizes)
def test_it_is_the_last_state_probability(load: float, size: tuple[int, int]) -> None:
    assert rejected_share(load, 1.0, *size) == pytest.approx(by_definition(Fraction(load), *size), rel=1e-9)


def test_known_values() -> None:
    # Erlang B with 10 erlangs on 10 lines, and M/M/1/K at full load: 1 / (K + 1).
    assert rejected_share(10, 1.0, 10, 10) == pytest.approx(0.21458, abs=1e-5)
    assert rejected_share(2, 0.5, 1, 4) == pytest.approx(1 / 5)
    assert rejected_share(0, 1.0, 1, 2) == 0


def test_huge_queues_neither_overflow_nor_go_under() -> None:
    assert rejected_share(200, 1.0, 100, 100_000) == pytest.approx(0.5)
    assert rejected_share(50, 1.0, 100, 100_000) == 0
    assert rejected_share(1e12, 1.0, 1, 2) == pytest.approx(1)


@given(load=loads, size=sizes, more=st.floats(1.01, 3))
def test_more_load_loses_more_and_more_places_lose_less(load: float, size: tuple[int, int], more: float) -> None:
    count, most = size
    share = rejected_share(load, 1.0, count, most)

    assert 0 <= share < 1
    assert rejected_share(load * more, 1.0, count, most) >= share - ROUNDING
    assert rejected_share(load, 1.0, count, most + 1) <= share + ROUNDING
    # What gets in cannot be more than the servers can do.
    assert load * (1 - share) <= count * (1 + 1e-9)


@pytest.mark.parametrize(("arrivals", "count", "most"), [(-1, 1, 2), (1, 0, 2), (1, 3, 2), (float("inf"), 1, 2)])
def test_what_is_no_queue_is_refused(arrivals: float, count: int, most: int) -> None:
    with pytest.raises(ValueError, match="no queue"):
        rejected_share(arrivals, 1.0, count, most)


def test_an_instance_works_on_as_much_as_it_gets_and_has_workers_for() -> None:
    assert servers(2, 4, 3) == 6
    assert servers(2, 1, 3) == 2
    assert places(2, 4) == 16


@pytest.mark.parametrize(("load", "count", "most"), [(1.2, 1, 2), (3.0, 2, 8), (0.8, 1, 4)])
def test_a_simulated_queue_loses_as_much(load: float, count: int, most: int) -> None:
    source, now, lost, number = random.Random(7), 0.0, 0, 40_000
    free, leaving = [0.0] * count, list[float]()
    for _ in range(number):
        now += source.expovariate(load)
        while leaving and leaving[0] <= now:
            heapq.heappop(leaving)
        if len(leaving) >= most:
            lost += 1
            continue
        end = max(now, heapq.heappop(free)) + source.expovariate(1)
        heapq.heappush(free, end)
        heapq.heappush(leaving, end)

    assert lost / number == pytest.approx(rejected_share(load, 1.0, count, most), abs=0.015)
