"""Simulated runs: how often a verdict is wrong with a look each minute, and what the rivals would have said."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.judge import JUDGES, MINUTES, OURS, POWER, SAFETY, World, played, rows_of
from benchmarks.rivals import FAILED_CHECKS, GOOD_CHECKS, Kayenta, Threshold, shift_interval
from services.comparison.criteria import ALPHA
from services.comparison.judge import Arm, Verdict
from services.comparison.quantiles import Margin
from services.comparison.ranks import SameMinute

RUNS, LOOKS = (1000, MINUTES) if os.environ.get("SLUICE_TEST_COUNTS") == "full" else (6, 25)
MARGIN = next(world for world in SAFETY if world.name == "latency at the margin")
EVERY_WORLD = [
    pytest.param(world, marks=[] if world is MARGIN else pytest.mark.long, id=world.name) for world in SAFETY
]
FEW = Arm(30, 0, np.linspace(50, 150, 30))


@pytest.mark.parametrize("world", EVERY_WORLD)
def test_a_verdict_is_wrong_in_five_percent_of_the_runs_at_most(world: World) -> None:
    outcomes = [played(world, LOOKS, seed)[OURS] for seed in range(RUNS)]
    most = binom.ppf(0.999, RUNS, 0.05)
    for verdict in world.wrong:
        assert sum(verdict in each.first for each in outcomes) <= most


def test_minutes_that_differ_by_themselves_count_for_less() -> None:
    """Each deployment has noise of its own: a busy pair at the margin is not judged by a few of its minutes."""
    wrong = 0
    for seed in range(20):
        rng, pairs = np.random.default_rng(seed), SameMinute(Margin(0.1))
        for _ in range(40):
            live, candidate = rng.normal(0, 0.1, 2)
            pairs.add(np.exp(live + rng.normal(0, 0.4, 300)), 1.1 * np.exp(candidate + rng.normal(0, 0.4, 300)))
            evidence = pairs.evidence()
            if max(evidence.worse, evidence.fine) >= math.log(1 / ALPHA):
                wrong += 1
                break
    assert pairs.spread > 3
    assert wrong <= 4


def test_a_slow_candidate_fails_soon() -> None:
    world = next(world for world in POWER if world.name == "P95 +30 %")
    rows = rows_of(world, 4, 40, None)
    assert [row["judge"] for row in rows] == list(JUDGES)
    assert rows[0]["FAIL %"] == 100
    assert rows[0]["wrong %"] == 0


def test_a_run_is_the_same_each_time() -> None:
    assert played(MARGIN, 5, 3) == played(MARGIN, 5, 3)


def test_the_interval_of_the_rival_is_the_published_one() -> None:
    """The example that Spinnaker's issue 6278 works out: shift 99, interval from 0, so no verdict of "higher"."""
    estimate, lower = shift_interval(np.ones(10), np.array([100.0] * 7 + [1.0] * 3))
    assert estimate == pytest.approx(99)
    assert lower == pytest.approx(0)


def test_the_rivals_do_as_their_products_do() -> None:
    slow = Arm(30, 0, FEW.latencies_ms * 2)
    kayenta, threshold, good = Kayenta(1.0, 1.1), Threshold(0.01, 160), Threshold(0.01, 160)
    rng = np.random.default_rng(1)
    for minute in range(12):
        busy = math.exp(rng.normal(0, 0.1))
        live = Arm(30, 0, FEW.latencies_ms * busy)
        kayenta.add(live, Arm(30, 0, slow.latencies_ms * busy), is_last=minute == 11)
        threshold.add(slow if minute < FAILED_CHECKS else FEW)
        good.add(FEW)
        assert (good.verdict is Verdict.PASS) == (minute + 1 >= GOOD_CHECKS)
    assert kayenta.verdict is Verdict.FAIL
    assert threshold.verdict is Verdict.FAIL


def test_minutes_without_requests_are_failed_checks_to_the_threshold_alone() -> None:
    nothing, kayenta, threshold = Arm(0, 0, np.array([])), Kayenta(1.0, 1.1), Threshold(0.01, 160)
    for minute in range(FAILED_CHECKS):
        kayenta.add(nothing, nothing, is_last=minute == FAILED_CHECKS - 1)
        threshold.add(nothing)
    assert kayenta.verdict is Verdict.NEED_MORE
    assert threshold.verdict is Verdict.FAIL
