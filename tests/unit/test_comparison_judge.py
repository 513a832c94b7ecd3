"""The verdict of a run: right at every look, three-valued, and the same whatever the order of the arms."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.comparison.criteria import ALPHA, Criteria
from services.comparison.errors import Counts, error_evidence, error_interval
from services.comparison.histogram import Histogram
from services.comparison.judge import ERRORS, Arm, Judge, Standing, Verdict, overall
from services.comparison.pooled import Pooled
from services.comparison.quantiles import Margin, quantile_evidence, quantile_interval
from services.comparison.ranks import SameMinute
from services.errors import RuleBroken

NEEDED = math.log(1 / ALPHA)
FEW_RUNS = 40


def arm(
    rng: np.random.Generator, requests: int, *, slower: float = 1.0, load: float = 1.0, failing: float = 0.0
) -> Arm:
    errors = int(rng.binomial(requests, failing))
    return Arm(requests, errors, 100 * slower * load * np.exp(rng.normal(0, 0.4, requests - errors)))


def judged(seed: int, *, minutes: int, slower: float = 1.0, failing: tuple[float, float] = (0.0, 0.0)) -> Judge:
    rng, judge = np.random.default_rng(seed), Judge(Criteria(), with_intervals=False)
    for _ in range(minutes):
        load = math.exp(rng.normal(0, 0.15))
        judge.add(
            arm(rng, int(rng.poisson(30)), load=load, failing=failing[0]),
            arm(rng, int(rng.poisson(30)), load=load, slower=slower, failing=failing[1]),
        )
        if judge.verdict is not Verdict.NEED_MORE:
            break
    return judge


def standing(judge: Judge, name: str) -> Standing:
    return next(each for each in judge.standings() if each.name == name)


def test_a_twin_passes_and_a_slow_or_failing_candidate_fails() -> None:
    assert judged(1, minutes=480).verdict is Verdict.PASS
    assert judged(2, minutes=480, slower=1.3).verdict is Verdict.FAIL
    assert judged(3, minutes=480, failing=(0.002, 0.03)).verdict is Verdict.FAIL


def test_no_data_is_neither_pass_nor_fail() -> None:
    judge = Judge(Criteria())
    judge.add(Arm(0, 0, np.array([])), Arm(0, 0, np.array([])))
    assert judge.verdict is Verdict.NEED_MORE
    assert {each.verdict for each in judge.standings()} == {Verdict.NEED_MORE}
    assert all(each.estimate is None for each in judge.standings())


@pytest.mark.parametrize("failing", [0, 100])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_requests_of_one_side_alone_are_neither_pass_nor_fail(failing: int, *, is_swapped: bool) -> None:
    judge, none, some = Judge(Criteria()), Arm(0, 0, np.array([])), Arm(100, failing, np.full(100 - failing, 100.0))
    for _ in range(60):
        judge.add(*((some, none) if is_swapped else (none, some)))
    assert {each.verdict for each in judge.standings()} == {Verdict.NEED_MORE}
    assert standing(judge, ERRORS).why == "There are no requests of both to compare."
    assert overall([]) is Verdict.NEED_MORE


def test_five_requests_need_more_and_say_how_many() -> None:
    judge = Judge(Criteria())
    judge.add(arm(np.random.default_rng(4), 5), arm(np.random.default_rng(5), 5))
    assert judge.verdict is Verdict.NEED_MORE
    more = standing(judge, ERRORS).more
    assert more is not None
    assert more > 100


def test_no_error_on_either_side_passes_only_after_enough_requests() -> None:
    judge, rng = Judge(Criteria()), np.random.default_rng(6)
    judge.add(arm(rng, 100), arm(rng, 100))
    needs = standing(judge, ERRORS)
    assert needs.verdict is Verdict.NEED_MORE
    assert needs.more is not None
    judge.add(arm(rng, needs.more), arm(rng, needs.more))
    assert standing(judge, ERRORS).verdict is Verdict.PASS


def test_what_changes_in_the_middle_is_not_judged() -> None:
    judge, rng = Judge(Criteria()), np.random.default_rng(7)
    for _ in range(15):
        judge.add(arm(rng, 300), arm(rng, 300))
    for _ in range(15):
        judge.add(arm(rng, 300), arm(rng, 300, slower=3))
    same_minute = judge.standings()[1]
    assert same_minute.has_changed
    assert same_minute.verdict is Verdict.NEED_MORE
    assert same_minute.why == "The difference changed during the run: begin a new one."


@pytest.mark.parametrize(("without", "load"), [("live", 2.0), ("candidate", 0.5)])
def test_an_hour_that_one_side_has_no_rows_of_does_not_count(without: str, load: float) -> None:
    wrong = 0
    for seed in range(6):
        rng, judge = np.random.default_rng(seed), Judge(Criteria(), with_intervals=False, with_shift=False)
        for minute in range(180):
            now = load if 60 <= minute < 120 else 1.0
            arms = {name: arm(rng, int(rng.poisson(30)), load=now) for name in ("live", "candidate")}
            if now != 1.0:
                arms[without] = Arm(arms[without].requests, 0, np.array([]))
            judge.add(arms["live"], arms["candidate"])
        found = standing(judge, "Latency P95")
        assert found.estimate is not None
        assert 0.9 < found.estimate < 1.12
        assert found.n + found.live_n < 180 * 30 * 2 - 90 * 30
        wrong += found.verdict is Verdict.FAIL
    assert wrong == 0


def test_quiet_minutes_of_one_side_count_as_soon_as_it_has_requests_again() -> None:
    pooled, some, none = Pooled(), np.full(5, 100.0), np.array([])
    pooled.add(some, none)
    for _ in range(10):
        pooled.add(some, some[:2])
        pooled.add(some, none)
    pooled.add(none, some[:1])
    # What came before there was anything to compare is left out, and nothing else: chance explains the rest.
    assert (pooled.live.total, pooled.candidate.total) == (100, 20)
    pooled.add(some, some)
    assert (pooled.live.total, pooled.candidate.total) == (105, 26)


def test_a_criterion_that_both_sides_speak_against_has_changed_and_needs_no_more() -> None:
    rng, judge = np.random.default_rng(5), Judge(Criteria(0.5, None, ()))
    for minute in range(600):
        judge.add(arm(rng, 200, failing=0.01), arm(rng, 200, failing=0.01 if minute < 90 else 0.2))
    found = standing(judge, ERRORS)
    assert found.verdict is Verdict.NEED_MORE
    assert found.has_changed
    assert found.more is None
    assert "changed during the run" in found.why


def test_one_request_in_a_thousand_minutes_and_numbers_that_are_none_are_harmless() -> None:
    judge = Judge(Criteria(quantiles=(0.5, 0.99)))
    judge.add(Arm(3, 3, np.array([])), Arm(2, 0, np.array([math.nan, math.inf])))
    judge.add(Arm(1, 0, np.array([100.0])), Arm(1, 0, np.array([100.0])))
    assert judge.verdict is Verdict.NEED_MORE
    assert [each.n for each in judge.standings()] == [3, 1, 1, 1]


def test_a_constant_latency_is_no_trouble() -> None:
    judge = Judge(Criteria())
    for _ in range(12):
        judge.add(Arm(400, 0, np.full(400, 80.0)), Arm(400, 0, np.full(400, 80.0)))
    assert judge.verdict is Verdict.PASS
    assert standing(judge, "Latency P95").estimate == pytest.approx(1.0)


def test_a_few_quick_requests_do_not_pass_a_candidate() -> None:
    """Two live requests say next to nothing of the live quantile, whatever a margin in ms allows beside it."""
    rng = np.random.default_rng(9)
    quick, slow = Histogram.of([4.0, 5.0]), Histogram.of(4.8 * np.exp(rng.normal(0, 0.4, 4000)))
    told = quantile_evidence(quick, slow, 0.9, Margin(0.1, 5.0))
    assert max(told.worse, told.fine) < NEEDED


def test_the_interval_holds_the_truth_when_one_side_always_fails() -> None:
    lower, upper = error_interval(Counts(48, 22), Counts(2152, 2152), 0.0125)
    assert lower < 1 - 0.7 < upper
    assert error_evidence(Counts(27, 0), Counts(404, 404), 0.7).worse > NEEDED


def test_a_million_requests_leave_little_memory_and_a_sharp_interval() -> None:
    rng, judge = np.random.default_rng(10), Judge(Criteria())
    for _ in range(10):
        judge.add(arm(rng, 50_000), arm(rng, 50_000))
    assert judge.verdict is Verdict.PASS
    p95 = standing(judge, "Latency P95")
    assert 0.99 < p95.lower < 1 < p95.upper < 1.01
    assert len(pickle.dumps(judge)) < 1_000_000


def test_answers_are_judged_by_the_share_that_differs() -> None:
    criteria = Criteria(error_points=None, latency=None, quantiles=(), answer_percent=2)
    good, bad = Judge(criteria), Judge(criteria)
    good.add_answers(600, 2)
    bad.add_answers(600, 60)
    assert (good.verdict, bad.verdict) == (Verdict.PASS, Verdict.FAIL)
    [found] = bad.standings()
    assert found.estimate == pytest.approx(10)
    assert found.lower > 2


counts = st.integers(0, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(counts, counts)
@settings(max_examples=60, deadline=None)
def test_swapping_the_arms_swaps_the_verdict_on_errors(live: tuple[int, int], candidate: tuple[int, int]) -> None:
    one, other = Counts(*live), Counts(*candidate)
    there, back = error_evidence(one, other, 0.0), error_evidence(other, one, 0.0)
    assert there.worse == pytest.approx(back.fine, abs=0.02)
    assert there.fine == pytest.approx(back.worse, abs=0.02)
    if error_evidence(one, other, 0.005).worse >= NEEDED:
        assert error_evidence(other, one, 0.005).fine >= NEEDED


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(1, 200), st.floats(0.5, 2.0))
@settings(max_examples=25, deadline=None)
def test_swapping_the_arms_swaps_the_verdict_on_latency(seed: int, n: int, m: int, slower: float) -> None:
    rng = np.random.default_rng(seed)
    one, other = np.exp(rng.normal(4, 0.5, n)), slower * np.exp(rng.normal(4, 0.5, m))
    there, back = SameMinute(Margin(0.0)), SameMinute(Margin(0.0))
    there.add(one, other)
    back.add(other, one)
    assert there.evidence().worse == pytest.approx(back.evidence().fine)
    ratios = quantile_interval(Histogram.of(one), Histogram.of(other), 0.9, ALPHA)
    swapped = quantile_interval(Histogram.of(other), Histogram.of(one), 0.9, ALPHA)
    assert [ratios[0] * swapped[1], ratios[1] * swapped[0]] == [
        pytest.approx(1) if math.isfinite(upper) else pytest.approx(math.nan, nan_ok=True)
        for upper in (swapped[1], ratios[1])
    ]


@given(st.integers(20, 300), st.integers(0, 15), st.integers(0, 15), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_more_of_the_same_never_widens_the_interval_of_errors(n: int, few: int, other: int, times: int) -> None:
    once = error_interval(Counts(n, few), Counts(n, other), ALPHA)
    more = error_interval(Counts(n * times, few * times), Counts(n * times, other * times), ALPHA)
    assert more[0] >= once[0] - 1e-4
    assert more[1] <= once[1] + 1e-4


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 2.0), st.integers(2, 5))
@settings(max_examples=15, deadline=None)
def test_more_of_the_same_never_widens_the_interval_of_a_quantile(seed: int, slower: float, times: int) -> None:
    rng = np.random.default_rng(seed)
    live, candidate = (Histogram.of(factor * np.exp(rng.normal(3, 0.5, 150))) for factor in (1.0, slower))
    once = quantile_interval(live, candidate, 0.9, ALPHA)
    more = quantile_interval(live.times(times), candidate.times(times), 0.9, ALPHA)
    assert more[0] >= once[0] * 0.998
    assert more[1] <= once[1] * 1.002


def test_the_evidence_of_a_minute_is_fair() -> None:
    """Under the hypothesis its mean is 1: whatever the numbers of requests, ties make it smaller."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(1500):
        pairs = SameMinute(Margin(0.0))
        pairs.add(rng.normal(100, 10, 7), rng.normal(100, 10, 4))
        found.append(math.exp(pairs.evidence().worse))
    assert np.mean(found) == pytest.approx(1.0, abs=0.08)


def test_a_candidate_at_the_limit_is_rarely_called_worse_or_fine() -> None:
    """Exactly 10 % slower, a look each minute: wrong either way in 5 % of the runs at most, with room for chance."""
    verdicts = []
    for seed in range(FEW_RUNS):
        rng, pairs = np.random.default_rng(seed), SameMinute(Margin(0.1))
        said = Verdict.NEED_MORE
        for _ in range(120):
            load = math.exp(rng.normal(0, 0.15))
            pairs.add(load * np.exp(rng.normal(0, 0.4, 30)), 1.1 * load * np.exp(rng.normal(0, 0.4, 12)))
            evidence = pairs.evidence()
            if max(evidence.worse, evidence.fine) >= NEEDED:
                said = Verdict.FAIL if evidence.worse >= NEEDED else Verdict.PASS
                break
        verdicts.append(said)
    assert verdicts.count(Verdict.FAIL) <= 0.1 * FEW_RUNS
    assert verdicts.count(Verdict.PASS) <= 0.1 * FEW_RUNS


def test_criteria_that_nothing_can_be_judged_by_are_refused() -> None:
    for criteria in (
        Criteria(error_points=0),
        Criteria(error_points=math.nan),
        Criteria(latency=Margin(0)),
        Criteria(quantiles=(0.42,)),
        Criteria(error_points=None, latency=None, quantiles=()),
    ):
        with pytest.raises(RuleBroken):
            criteria.check()


def test_criteria_are_kept_and_read_again() -> None:
    for criteria in (Criteria(), Criteria(None, Margin(0.2, 1), (0.5, 0.99), 3), Criteria(1, None, ())):
        assert Criteria.read(criteria.document()) == criteria
