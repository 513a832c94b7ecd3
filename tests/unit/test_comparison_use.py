"""Processor and memory: judged by blocks of minutes, right at every look, and without what idling uses."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.stats import binom

from benchmarks.use import POWER, SAFETY, World, played, wandering
from services.comparison.criteria import Criteria
from services.comparison.judge import Arm, Judge, Standing, Verdict, slowest
from services.comparison.use import (
    BLOCK,
    LEAST_BLOCKS,
    MEMORY,
    PROCESSOR,
    Load,
    Use,
    described,
    memory,
    processor,
    t_evidence,
)
from services.errors import RuleBroken

IS_FULL = os.environ.get("SLUICE_TEST_COUNTS") == "full"
RUNS, LOOKS = (1000, 480) if IS_FULL else (40, 240)
EVERY_WORLD = {world.name: world for world in (*SAFETY, *POWER)}
KEEPING = [
    pytest.param(
        world,
        marks=[] if world.name in ("memory at the margin", "processor at the margin") else pytest.mark.long,
        id=world.name,
    )
    for world in (*SAFETY, *POWER)
    # A process that hardly moves within a block, and lines that bend, are beyond what is promised: docs/verdict.md.
    if "margin, very slow" not in world.name and not world.bends
]
ONLY = Criteria(error_points=None, latency=None, quantiles=(), processor_percent=20, memory_percent=20)
NONE = np.array([])


def arm(requests: int, *, ms: float | None = 4000.0, percent: float | None = 40.0, instances: int = 1) -> Arm:
    return Arm(requests, 0, NONE, Use(ms, percent, instances))


def judged(pairs: Sequence[tuple[Arm, Arm]], criteria: Criteria = ONLY) -> tuple[Verdict, dict[str, Standing]]:
    judge = Judge(criteria)
    for live, candidate in pairs:
        judge.add(live, candidate)
    return judge.verdict, {each.name: each for each in judge.standings()}


def pairs(count: int, *, more: float = 1.0, held: float = 1.0, seed: int = 1) -> list[tuple[Arm, Arm]]:
    rng = np.random.default_rng(seed)
    found = []
    for live, other in rng.poisson(300 * np.exp(rng.normal(0, 0.2, (count, 1))), (count, 2)):
        found.append(
            (
                arm(int(live), ms=3000 + 25.0 * live, percent=40 + rng.normal(0, 0.4)),
                arm(int(other), ms=9000 + 25.0 * more * other, percent=held * 40 + rng.normal(0, 0.4)),
            )
        )
    return found


@pytest.mark.parametrize("world", KEEPING)
def test_a_verdict_is_wrong_in_five_percent_of_the_runs_at_most(world: World) -> None:
    found = [played(world, LOOKS, seed)[0] for seed in range(RUNS)]
    # Slow ones are a little above it in the simulations that the docs show.
    level = 0.08 if world.stays > 0.7 else 0.05
    for verdict in world.wrong:
        assert sum(verdict in each.first for each in found) <= binom.ppf(0.999, RUNS, level)


def test_the_right_verdict_comes_although_the_ratio_of_totals_reads_otherwise() -> None:
    slow = EVERY_WORLD["processor twice"]
    outcomes = [played(slow, 480, seed) for seed in range(5)]
    assert all(set(outcome.first) == {Verdict.FAIL} for outcome, _ in outcomes)
    idle = EVERY_WORLD["processor at the margin, candidate idles at 3 times as much"]
    assert all(plain > 1.5 for _, plain in (played(idle, 60, seed) for seed in range(5))), "20 % more are more"


@pytest.mark.parametrize(("total", "squares", "number"), [(3.0, 4.0, 5), (-2.0, 2.5, 4), (6.0, 9.0, 8)])
def test_the_evidence_is_the_mixture_that_its_docstring_names(total: float, squares: float, number: int) -> None:
    """The integrals over effect and scale, done by numbers."""

    def value(variance: float) -> float:
        def above(effect: float, inverse: float) -> float:
            weight = 2 / math.sqrt(2 * math.pi * variance) * math.exp(-(effect**2) / (2 * variance))
            exponent = -(inverse**2) * squares / 2 + inverse * effect * total - number * effect**2 / 2
            return weight * inverse ** (number - 1) * math.exp(exponent)

        top, _ = dblquad(above, 0, 20, 0, 40)
        return float(top / (2 ** (number / 2 - 1) * math.gamma(number / 2) / squares ** (number / 2)))

    mean = np.mean([value(variance) for variance in (1.0, 10.0, 100.0)])
    assert math.exp(float(t_evidence(total, squares, number))) == pytest.approx(mean, rel=1e-3)


def test_evidence_against_the_truth_is_as_rare_as_it_says_over_all_looks() -> None:
    """Normal values, the mean at the edge of the hypothesis, sixty looks: Ville's inequality."""
    values = np.random.default_rng(3).normal(0, 5, (2000, 60))
    totals, squares = values.cumsum(axis=1), (values**2).cumsum(axis=1)
    found = [t_evidence(totals[:, n - 1], squares[:, n - 1], n) for n in range(2, 61)]
    most = np.exp(np.max(found, axis=0))
    for level in (0.5, 0.2, 0.05):
        assert (most >= 1 / level).mean() <= binom.ppf(0.999, len(values), level) / len(values)


def test_a_twin_passes_and_more_of_either_fails() -> None:
    assert judged(pairs(200))[0] is Verdict.PASS
    verdict, standing = judged(pairs(200, more=1.5))
    assert (verdict, standing[PROCESSOR].verdict, standing[MEMORY].verdict) == (
        Verdict.FAIL,
        Verdict.FAIL,
        Verdict.PASS,
    )
    assert standing[PROCESSOR].estimate == pytest.approx(1.5)
    assert standing[PROCESSOR].lower <= 1.5 <= standing[PROCESSOR].upper
    verdict, standing = judged(pairs(200, held=1.4))
    assert (verdict, standing[MEMORY].verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert (standing[MEMORY].n, standing[MEMORY].live_n) == (200, 200)


def test_the_arms_swapped_swap_the_verdict_and_the_interval() -> None:
    for one in (memory(), processor()):
        other = type(one)(one._value, one._of_block, one._alike)
        for live, candidate in pairs(120, more=1.3, held=1.1):
            assert live.use is not None
            assert candidate.use is not None
            both: tuple[Load, Load] = (live.requests, live.use), (candidate.requests, candidate.use)
            one.add(*both)
            other.add(*both[::-1])
        lower, upper = one.interval(0.05)
        assert other.interval(0.05) == pytest.approx((1 / upper, 1 / lower))
        for ratio in (0.8, 1.0, 1.2):
            here, there = one.evidence(ratio), other.evidence(1 / ratio)
            assert (here.worse, here.fine) == pytest.approx((there.fine, there.worse))


@settings(max_examples=10)
@given(st.integers(0, 1000), st.floats(0.7, 1.5))
def test_more_of_the_same_never_widens_an_interval(seed: int, held: float) -> None:
    judge, widths = Judge(Criteria(None, None, (), memory_percent=20)), []
    for live, candidate in pairs(5 * BLOCK, held=held, seed=seed):
        judge.add(live, candidate)
        (standing,) = judge.standings()
        widths.append((standing.lower, standing.upper))
    assert all(a[0] <= b[0] and a[1] >= b[1] for a, b in pairwise(widths))


def test_nothing_is_judged_before_an_hour_and_it_says_for_how_long() -> None:
    verdict, standing = judged(pairs(2 * BLOCK + 5))
    assert verdict is Verdict.NEED_MORE
    more = standing[MEMORY].more
    assert more is not None
    assert more <= LEAST_BLOCKS * BLOCK
    assert "Fewer than 60 minutes yet" in standing[MEMORY].why
    assert slowest(list(standing.values())) is None, "minutes are no requests without their rate"
    both = [standing[PROCESSOR].more or 0, standing[MEMORY].more or 0]
    assert slowest(list(standing.values()), 10.0) == 10 * max(both)


def test_no_data_is_neither_pass_nor_fail() -> None:
    verdict, standing = judged([(Arm(30, 0, NONE), Arm(30, 0, NONE))] * 200)
    assert verdict is Verdict.NEED_MORE
    assert {each.why for each in standing.values()} == {"No minute tells yet what the instances of both use."}
    odd = [(arm(30, ms=math.nan, percent=math.inf), arm(30, ms=None, percent=None, instances=0))] * 200
    assert judged(odd)[0] is Verdict.NEED_MORE


def test_traffic_that_never_changes_cannot_tell_requests_from_idling() -> None:
    verdict, standing = judged([(arm(30), arm(30, ms=5000.0))] * 200)
    assert verdict is Verdict.NEED_MORE
    assert standing[MEMORY].verdict is Verdict.PASS, "a constant memory is no trouble"
    assert standing[PROCESSOR].estimate is None
    assert "Requests change too little from minute to minute" in standing[PROCESSOR].why
    assert standing[PROCESSOR].n == 0
    assert standing[PROCESSOR].left_out == "200 min in which the number of requests never changed"


def test_a_much_quieter_instance_is_not_compared_and_it_says_what_helps() -> None:
    like = pairs(2 * BLOCK)
    quiet = [(live, arm(other.requests // 10, ms=2000.0 + 2.5 * other.requests)) for live, other in pairs(200)]
    _, standing = judged(quiet)
    assert standing[PROCESSOR].verdict is Verdict.NEED_MORE
    assert "Mirror a larger share" in standing[PROCESSOR].why
    assert (standing[PROCESSOR].n, standing[PROCESSOR].left_out) == (0, "200 min of unequal load")
    assert (standing[MEMORY].n, standing[MEMORY].left_out) == (200, ""), "memory hardly depends on the load"
    mixed = judged([*like, *quiet[:BLOCK]])[1][PROCESSOR]
    assert (mixed.n, mixed.live_n, mixed.left_out) == (2 * BLOCK, 2 * BLOCK, "20 min of unequal load")
    many = [
        (Arm(10 * live.requests, 0, NONE, Use(10 * (live.use.processor_ms or 0), 40.0, 10)), other)
        for live, other in pairs(200)
        if live.use is not None
    ]
    assert judged(many)[1][PROCESSOR].verdict is Verdict.PASS, "ten instances share ten times as many"


def test_an_instance_more_begins_a_new_block() -> None:
    found = memory()
    for number in range(3 * BLOCK):
        instances = 1 if number % BLOCK < BLOCK - 1 else 2
        one = (30.0, Use(4000.0, 40.0, instances))
        assert not found.add(one, one)
    assert found.blocks == 0
    told = [(live, replace(other, use=Use(4000.0, 40.0, 1 + at // 30))) for at, (live, other) in enumerate(pairs(75))]
    standing = judged(told)[1][MEMORY]
    assert (standing.n, standing.live_n) == (2 * BLOCK, 2 * BLOCK)
    assert (
        standing.left_out == "20 min before the number of instances changed, 15 min of a block of 20 that is not full"
    )
    assert standing.why.startswith("Instances come and go")


def test_memory_that_begins_to_leak_is_not_judged_by_its_beginning() -> None:
    kept = [(live, arm(30, percent=40 * (1.0 if number < 100 else 3.0))) for number, (live, _) in enumerate(pairs(300))]
    verdict, standing = judged(kept, Criteria(None, None, (), memory_percent=20))
    assert verdict is Verdict.NEED_MORE
    assert standing[MEMORY].why == "The difference changed during the run: begin a new one."


def test_what_is_described_leaves_idling_out_and_says_when_there_is_nothing() -> None:
    rng = np.random.default_rng(5)
    requests, noise = rng.poisson(60, 100), wandering(rng, 100, 0.7)
    loads = [(float(n), Use(2000 + 20.0 * n + each, 40.0, 1)) for n, each in zip(requests, noise, strict=True)]
    found = described(loads)
    assert found.added_ms == pytest.approx(20, rel=0.02)
    assert found.processor_ms == pytest.approx(20 + 2000 / 60, rel=0.02)
    assert (found.minutes, found.memory_percent) == (100, 40.0)
    assert described([]).added_ms is None


@pytest.mark.parametrize("percent", [0.0, -1.0, 201.0, math.nan])
def test_a_margin_that_cannot_be_judged_is_refused(percent: float) -> None:
    with pytest.raises(RuleBroken, match="cannot be judged"):
        Criteria(processor_percent=percent).check()
    with pytest.raises(RuleBroken, match="cannot be judged"):
        Criteria(memory_percent=percent).check()


def test_criteria_of_before_are_read_without_them() -> None:
    document = ONLY.document()
    assert Criteria.read(document) == ONLY
    older = {**Criteria().document()}
    del older["processor_percent"], older["memory_percent"]
    assert Criteria.read(older) == Criteria()
