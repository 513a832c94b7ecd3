"""Long lines are thinned without losing a spike, a dip, a gap or an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.azure.log_analytics import Column, Rows
from services.model import Window
from ui import charts, thinning
from ui.charts import Look
from ui.logs import query_chart

START = datetime(2026, 3, 1, tzinfo=UTC)


def line(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(3, 1, size)


@given(
    size=st.integers(2, 20_000),
    seed=st.integers(0, 2**32 - 1),
    holes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 500)), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_no_point_stands_out_of_what_is_drawn_near_it(size: int, seed: int, holes: list[tuple[float, int]]) -> None:
    values = line(size, seed)
    for place, length in holes:
        values[int(place * size) : int(place * size) + length] = np.nan
    kept = thinning.kept(values)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= thinning.MOST_POINTS + 6 * len(holes) + 2
    there = np.flatnonzero(np.isfinite(values))
    drawn = kept[np.isfinite(values[kept])]
    # Among the points that are there, one at least as high and one at least as low is drawn within a stretch.
    reach = 2 * (len(there) // (thinning.MOST_POINTS // 2) + 2) + 1
    series, shown = pd.Series(values[there]), pd.Series(values[there]).where(np.isin(there, drawn))
    for sign in (1, -1):
        near = (sign * shown).rolling(reach, center=True, min_periods=1).max()
        assert (near >= sign * series).all()


@given(size=st.integers(2001, 15_000), seed=st.integers(0, 2**32 - 1), at=st.floats(0, 1, exclude_max=True))
@settings(max_examples=30, deadline=None)
def test_one_spike_and_one_dip_beside_it_are_both_drawn(size: int, seed: int, at: float) -> None:
    values = line(size, seed)
    peak = int(at * (size - 1))
    values[peak], values[peak + 1] = 1e6, -1e6
    assert {peak, peak + 1} <= set(thinning.kept(values).tolist())


def test_a_gap_stays_a_gap_with_the_points_beside_it() -> None:
    values = line(100_000, 1)
    values[40_000:40_010] = np.nan
    kept = thinning.kept(values)
    assert {0, 39_999, 40_010, 99_999} <= set(kept.tolist())
    assert np.isnan(values[kept]).any()


def test_a_short_line_is_drawn_whole() -> None:
    assert thinning.kept(line(thinning.MOST_POINTS, 1)).tolist() == list(range(thinning.MOST_POINTS))
    assert thinning.kept(np.array([])).tolist() == []


def test_a_hundred_thousand_points_cost_the_browser_little_and_keep_the_newest_ones() -> None:
    size = 100_000
    window = Window(START, START + timedelta(minutes=size), 60)
    index = pd.date_range(window.start_at, window.end_at, freq="1min", inclusive="left")
    figure = charts.figure_of(window, Look(), "ms")
    settled = window.end_at - timedelta(minutes=2)
    charts.add_line(figure, settled, pd.Series(line(size, 2), index), "blue", "#123456", "%{y} ms", Look())
    solid, newest = figure.data
    assert len(figure.to_json()) < 150_000
    dots = pd.Timestamp(newest.x0) + np.arange(len(newest.y)) * pd.Timedelta(newest.dx, "ms")
    assert set(dots) <= set(pd.DatetimeIndex(solid.x)), "the dots lie on the line"
    assert [bool(text) for text in solid.text[-3:]] == [False, True, True]


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_chart_of_a_query_is_thinned_too(is_dark: bool) -> None:
    values = line(30_000, 3)
    values[12_345] = 1e9
    rows = tuple((START + timedelta(seconds=at), float(value)) for at, value in enumerate(values))
    drawn = query_chart.draw(Rows((Column("t", "datetime"), Column("n", "real")), rows), is_dark=is_dark)
    assert drawn is not None
    assert len(drawn.figure.data[0].y) <= thinning.MOST_POINTS + 2
    assert max(drawn.figure.data[0].y) == 1e9
