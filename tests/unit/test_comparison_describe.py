"""Descriptions of two deployments: against published values, against the truth of simulations, and on odd input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.comparison.bands import least_requests, quantile_differences
from services.comparison.describe import (
    Told,
    curve,
    describe,
    error_difference,
    error_percent,
    error_spans,
    paired_minutes,
    paired_percent,
    quantile,
)
from services.comparison.errors import Counts
from services.comparison.judge import Arm
from services.comparison.mixtures import Floats
from services.shadow.model import Minute

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NONE: Floats = np.array([])


def arm(ms: Sequence[float] | Floats, *, requests: int | None = None, errors: int = 0) -> Arm:
    latencies = np.asarray(ms, dtype=float)
    return Arm(len(latencies) + errors if requests is None else requests, errors, latencies)


def simulated(
    rng: np.random.Generator, minutes: int, live: int, candidate: int, *, slower: float = 1.0, noise: float = 0.15
) -> list[Minute]:
    """Lognormal latencies; what slows a minute down slows both deployments."""
    found = []
    for place in range(minutes):
        load = math.exp(rng.normal(0, noise))
        one, other = load * rng.lognormal(3, 0.4, live), load * slower * rng.lognormal(3, 0.4, candidate)
        found.append(Minute(START + timedelta(minutes=place), arm(one), arm(other)))
    return found


def swapped(minutes: Sequence[Minute]) -> list[Minute]:
    return [Minute(each.at, each.candidate, each.live) for each in minutes]


def covers(told: Told, truth: float) -> bool:
    return told.lower is not None and told.upper is not None and told.lower <= truth <= told.upper


def test_an_error_rate_has_wilsons_interval() -> None:
    told = error_percent(Counts(300, 0))
    assert told is not None
    assert (told.value, told.n) == (0, 300)
    assert told.lower == pytest.approx(0, abs=1e-9)
    assert told.upper == pytest.approx(1.26, abs=0.005)


@pytest.mark.parametrize(
    ("candidate", "live", "lower", "upper"),
    [
        # Newcombe 1998, table II, method 10: 56/70 − 48/80, 9/10 − 3/10, 5/56 − 0/29, 10/10 − 0/10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_a_difference_of_error_rates_has_newcombes_interval(
    candidate: tuple[int, int], live: tuple[int, int], lower: float, upper: float
) -> None:
    told = error_difference(Counts(live[1], live[0]), Counts(candidate[1], candidate[0]))
    assert told is not None
    assert told.lower == pytest.approx(100 * lower, abs=0.006)
    assert told.upper == pytest.approx(100 * upper, abs=0.006)


@pytest.mark.parametrize(("share", "least"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_a_quantile_has_an_interval_from_as_many_requests_on_as_order_statistics_need(share: float, least: int) -> None:
    assert least_requests(share) == least
    ms = np.arange(1.0, least + 1)
    few, enough = quantile(ms[:-1], share), quantile(ms, share)
    assert few is not None
    assert enough is not None
    assert (few.has_interval, enough.has_interval) == (False, True)


def test_no_data_is_none_and_no_number() -> None:
    empty = describe([], np.random.default_rng(1))
    assert (empty.live.requests, empty.live.error_percent, empty.live.quantiles[0.95]) == (0, None, None)
    assert (empty.error_points, empty.quantile_differences, empty.paired, empty.paired_percent) == (None, (), (), None)
    assert empty.error_spans == ()
    quiet = describe([Minute(START, arm(NONE), arm([5.0]))], np.random.default_rng(1))
    assert (quiet.error_points, quiet.paired) == (None, ())
    assert quiet.error_spans[0].live is None
    assert quiet.error_spans[0].candidate is not None
    assert quiet.error_spans[0].candidate.upper == pytest.approx(79.35, abs=0.01)


def test_five_requests_have_values_and_no_intervals_of_latency() -> None:
    minutes = [Minute(START, arm([10.0] * 5), arm([12.0] * 5))]
    told = describe(minutes, np.random.default_rng(1))
    assert told.live.quantiles[0.5] == Told(10.0, None, None, 5)
    assert told.quantile_differences == ()
    assert told.paired_percent == Told(100 * (12.0 / 10.0 - 1), None, None, 1)


def test_a_constant_latency_has_an_interval_without_width() -> None:
    minutes = [Minute(START, arm([10.0] * 400), arm([10.0] * 400))]
    told = describe(minutes, np.random.default_rng(1))
    assert told.candidate.quantiles[0.99] == Told(10.0, 10.0, 10.0, 400)
    assert {(each.ms, each.lower_ms, each.upper_ms) for each in told.quantile_differences} == {(0.0, 0.0, 0.0)}


def test_when_all_requests_fail_there_are_errors_and_no_latencies() -> None:
    told = describe([Minute(START, arm(NONE, errors=20), arm(NONE, errors=20))], np.random.default_rng(1))
    assert told.live.error_percent is not None
    assert told.live.error_percent.value == 100
    assert told.error_points is not None
    assert covers(told.error_points, 0)
    assert (told.live.rows, told.live.quantiles[0.5]) == (0, None)


def test_what_is_no_number_is_left_out() -> None:
    rng = np.random.default_rng(2)
    clean = simulated(rng, 5, 40, 20)
    dirty = [
        Minute(each.at, arm([*each.live.latencies_ms, math.nan, math.inf], requests=40), each.candidate)
        for each in clean
    ]
    one, other = (describe(each, np.random.default_rng(3)) for each in (clean, dirty))
    assert one == other


def test_the_swap_of_both_turns_the_differences_around() -> None:
    minutes = simulated(np.random.default_rng(4), 40, 30, 12, slower=1.3)
    one, other = (describe(each, np.random.default_rng(5)) for each in (minutes, swapped(minutes)))
    assert (one.live, one.candidate) == (other.candidate, other.live)
    for there, back in zip(one.quantile_differences, other.quantile_differences, strict=True):
        assert (there.ms, there.lower_ms, there.upper_ms) == pytest.approx((-back.ms, -back.upper_ms, -back.lower_ms))
    assert one.error_points is not None
    assert other.error_points is not None
    assert one.error_points.lower == pytest.approx(-float(other.error_points.upper or 0))


@pytest.mark.parametrize("number", [1, 3, 206, 5000])
def test_the_distribution_grows_from_the_fastest_request_to_the_slowest(number: int) -> None:
    ms = np.random.default_rng(10).lognormal(3, 1, number)
    points = np.array(curve(ms))
    assert len(points) <= 206
    assert (np.diff(points, axis=0) >= 0).all()
    assert (points[0, 0], points[-1, 0], points[-1, 1]) == (ms.min(), ms.max(), 100)
    assert all(abs(100 * np.mean(ms <= at) - percent) <= 100 / number + 1e-9 for at, percent in points)


def test_errors_over_time_lose_no_request_and_are_few_spans() -> None:
    minutes = [Minute(START + timedelta(minutes=place), arm([9.0] * 3, errors=1), arm([9.0])) for place in range(95)]
    del minutes[7]
    spans = error_spans(minutes)
    assert len(spans) <= 40
    assert sum(each.live.n for each in spans if each.live) == 94 * 4
    assert all(each.until == after.at for each, after in itertools.pairwise(spans))


def test_the_paired_difference_does_not_see_what_slows_both_down() -> None:
    minutes = simulated(np.random.default_rng(6), 120, 30, 6, slower=1.3, noise=0.6)
    told = paired_percent(paired_minutes(minutes))
    assert told is not None
    assert covers(told, 30)
    assert told.upper is not None
    assert told.lower is not None
    assert told.upper - told.lower < 20


def test_a_quieter_deployment_does_not_seem_faster() -> None:
    """As per-minute P95s would make it: six requests hardly ever contain the slowest twentieth."""
    rng = np.random.default_rng(7)
    estimates = []
    for _ in range(60):
        told = paired_percent(paired_minutes(simulated(rng, 60, 30, 6)))
        assert told is not None
        estimates.append(told.value)
    assert abs(float(np.mean(estimates))) < 2


@pytest.mark.parametrize(("minutes", "noise"), [(40, 0.3), (10, 0.0)], ids=["by minutes", "by requests"])
def test_the_band_covers_the_true_difference_about_as_often_as_it_says(minutes: int, noise: float) -> None:
    rng = np.random.default_rng(8)
    covered = []
    for _ in range(50):
        pairs = [
            (each.live.latencies_ms, each.candidate.latencies_ms)
            for each in simulated(rng, minutes, 12, 6, slower=1.2, noise=noise)
        ]
        found = {each.share: each for each in quantile_differences(pairs, rng, 150)}
        covered += [found[share].lower_percent <= 20 <= found[share].upper_percent for share in (0.5, 0.9)]
    assert 0.88 <= np.mean(covered) <= 0.99


def test_many_different_latencies_are_counted_in_narrow_bins() -> None:
    rng = np.random.default_rng(9)
    pairs = [(rng.lognormal(3, 0.5, 4000), rng.lognormal(3, 0.5, 1000) * 1.5) for _ in range(35)]
    found = {each.share: each for each in quantile_differences(pairs, rng)}
    assert found[0.95].percent == pytest.approx(50, abs=3)
    assert found[0.95].lower_percent < 50 < found[0.95].upper_percent
    assert found[0.95].upper_percent - found[0.95].lower_percent < 12
