"""Latency histograms: small, mergeable, within one percent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.scoring.telemetry import histogram

durations = st.lists(st.floats(min_value=0.001, max_value=10_000_000), min_size=1, max_size=300)
percents = st.floats(min_value=0, max_value=100)


@given(values=durations, percent=percents)
def test_a_percentile_is_within_one_percent_of_the_truth(values: list[float], percent: float) -> None:
    [answer] = histogram.percentiles(histogram.count(values), [percent])
    assert answer == pytest.approx(float(np.percentile(values, percent)), rel=0.01)


@given(first=durations, second=durations)
def test_merging_is_counting_everything_together(first: list[float], second: list[float]) -> None:
    merged = histogram.count(first)
    histogram.merge(merged, histogram.count(second))
    assert merged == histogram.count([*first, *second])


@given(values=durations)
def test_what_is_stored_is_read_back(values: list[float]) -> None:
    counts = histogram.count(values)
    assert histogram.decode(histogram.encode(counts)) == counts


def test_durations_of_nothing_and_less_are_counted_in_the_lowest_bucket() -> None:
    counts = histogram.count([0.0, -1.0, 1e-9])
    assert list(counts.values()) == [3]
    assert histogram.percentiles(counts, [50])[0] < 0.0011


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="without values"):
        histogram.percentiles({}, [50])
