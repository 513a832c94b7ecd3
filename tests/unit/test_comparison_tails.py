"""The slowest requests of a minute, and looks that are cut short: what they say, and that nothing is lost by it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.judge import POWER, SAFETY, SECOND_MODE, World, played
from services.comparison.criteria import ALPHA
from services.comparison.errors import Counts, Evidence, error_evidence
from services.comparison.histogram import Histogram
from services.comparison.judge import Arm, Judge, Verdict
from services.comparison.quantiles import Margin, quantile_evidence
from services.comparison.ranks import LEAST_MINUTES
from services.comparison.tails import SlowestOfMinute

NEEDED = Evidence(math.log(3 / ALPHA), math.log(1 / ALPHA))
MODES = next(world for world in POWER if world.name == SECOND_MODE)


def after(minutes: int, seed: int, share: float, slow: float, *, per_minute: int = 30) -> SlowestOfMinute:
    """Minutes of twins, but for the candidate's share ``slow`` of requests that take four times as long."""
    rng, tail = np.random.default_rng(seed), SlowestOfMinute(share)
    for _ in range(minutes):
        live, candidate = np.exp(rng.normal(0, 0.4, (2, per_minute)))
        tail.add(live, candidate * np.where(rng.random(per_minute) < slow, 4.0, 1.0))
    return tail


def test_the_evidence_of_a_minute_is_fair() -> None:
    """Its mean is 1 for twins, whatever the numbers of requests and for each of its strengths."""
    rng, found = np.random.default_rng(1), []
    for _ in range(3000):
        tail = SlowestOfMinute(0.9)
        tail.add(rng.normal(100, 10, 19), rng.normal(100, 10, 12))
        found.append(np.exp(tail._worse))
    assert np.mean(found, axis=0) == pytest.approx(1.0, abs=0.08)


def test_a_second_mode_is_seen_in_a_few_minutes_and_twins_are_left_alone() -> None:
    assert all(after(15, seed, 0.95, 0.08).worse() > 0 for seed in range(8))
    assert sum(after(60, seed, 0.95, 0.0).worse() >= NEEDED.worse for seed in range(20)) <= 1


def test_ties_speak_for_the_candidate_and_too_few_requests_say_nothing() -> None:
    same = SlowestOfMinute(0.5)
    few = SlowestOfMinute(0.99)
    for _ in range(LEAST_MINUTES):
        same.add(np.full(20, 80.0), np.full(20, 80.0))
        few.add(np.full(20, 80.0), np.full(20, 800.0))
        few.add(np.array([]), np.full(900, 800.0))
    assert same.worse() < 0
    assert few.worse() == 0


def test_early_minutes_say_nothing() -> None:
    assert after(LEAST_MINUTES - 1, 1, 0.95, 0.5).worse() == 0
    assert after(LEAST_MINUTES, 1, 0.95, 0.5).worse() > NEEDED.worse


@pytest.mark.parametrize("seed", range(6))
def test_a_look_that_is_cut_short_never_misses_what_is_needed(seed: int) -> None:
    """A side is told roughly only when it does not reach what is needed; what reaches it is told in full."""
    rng = np.random.default_rng(seed)
    for _ in range(40):
        n, m = (int(each) for each in rng.integers(1, 3000, 2))
        one = Counts(n, int(rng.binomial(n, 0.01)))
        other = Counts(m, int(rng.binomial(m, rng.choice([0.002, 0.02, 0.05]))))
        same(error_evidence(one, other, 0.005), error_evidence(one, other, 0.005, NEEDED))
        live, candidate = rng.normal(0, 0.4, n), rng.normal(math.log(rng.choice([0.9, 1.1, 1.3])), 0.4, m)
        rows = Histogram.of(100 * np.exp(live)), Histogram.of(100 * np.exp(candidate))
        args = (*rows, float(rng.choice([0.5, 0.95])), Margin(0.1, 5.0))
        same(quantile_evidence(*args), quantile_evidence(*args, NEEDED))


def same(full: Evidence, short: Evidence) -> None:
    for asked, told, needed in ((full.worse, short.worse, NEEDED.worse), (full.fine, short.fine, NEEDED.fine)):
        assert (told >= needed) == (asked >= needed)
        assert told == pytest.approx(asked) if asked >= needed else told < needed


def test_latencies_are_added_as_if_all_had_been_counted_at_once() -> None:
    rng = np.random.default_rng(2)
    parts = [rng.lognormal(4, 1, 50), np.array([]), np.array([0.0, 1e9]), rng.lognormal(2, 1, 9)]
    grown = Histogram.of(())
    for part in parts:
        grown = grown.with_more(part)
    assert np.array_equal(grown.below, Histogram.of(np.concatenate(parts)).below)


def test_a_failed_quantile_has_an_interval_beyond_its_limit() -> None:
    judge = Judge(MODES.criteria)
    for live, candidate in MODES.minutes(3, 40):
        judge.add(live, candidate)
        p95 = judge.standings()[-1]
        if p95.verdict is Verdict.FAIL:
            break
    assert p95.verdict is Verdict.FAIL
    assert p95.limit <= p95.lower <= p95.upper


def test_a_second_mode_fails_before_the_rival_says_so() -> None:
    soon = [played(MODES, 60, seed, until_right=True) for seed in range(12)]
    ours = sorted(each["Sluice"].first[Verdict.FAIL] for each in soon)
    theirs = sorted(each["Kayenta-like"].first.get(Verdict.FAIL, 10**6) for each in soon)
    assert ours[6] <= 1.2 * theirs[6]


def test_what_both_have_is_not_held_against_the_candidate() -> None:
    world = next(world for world in SAFETY if world.name == "twin, both with a second mode")
    assert isinstance(world, World)
    assert all(Verdict.FAIL not in played(world, 40, seed)["Sluice"].first for seed in range(6))


def test_one_request_in_a_minute_is_no_trouble() -> None:
    judge = Judge(MODES.criteria, with_intervals=False, with_shift=False)
    for _ in range(LEAST_MINUTES + 1):
        judge.add(Arm(1, 0, np.array([100.0])), Arm(1, 0, np.array([100.0])))
    assert judge.verdict is Verdict.NEED_MORE
    assert judge.standings()[1].estimate is None
