"""A long time in small points: its pieces, what becomes of them, and which wishes for a grain are granted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.azure.monitor import GRAIN_SECONDS
from services.azure.slices import MOST_POINTS, ask_each, joined, slices
from services.metrics import MOST_MINUTES, MOST_WISHED, grain_for, window_between, window_for
from services.model import Series, Window

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def series(at: datetime, value: float, code: str = "200", totals: tuple[float | None, ...] = ()) -> Series:
    return Series("/Some/Id", "RequestsPerMinute", "Count", {"code": code}, (at,), (value,), totals)


@given(minutes=st.integers(1, MOST_WISHED), grain=st.sampled_from(GRAIN_SECONDS))
def test_the_pieces_are_the_whole_and_none_has_more_than_a_day_of_minutes(minutes: int, grain: int) -> None:
    window = Window(START, START + timedelta(minutes=minutes), grain)
    pieces = slices(window)
    assert (pieces[0].start_at, pieces[-1].end_at) == (window.start_at, window.end_at)
    for before, after in pairwise(pieces):
        assert before.end_at == after.start_at
    for piece in pieces:
        assert timedelta(0) < piece.end_at - piece.start_at <= timedelta(seconds=MOST_POINTS * grain)
        assert piece.start_at.timestamp() % grain == window.start_at.timestamp() % grain


def test_a_day_of_minutes_is_one_question_and_a_week_is_seven() -> None:
    assert len(slices(Window(START, START + DAY, 60))) == 1
    assert len(slices(Window(START, START + 7 * DAY, 60))) == 7


def test_answers_are_put_end_to_end_and_what_a_piece_lacks_is_missing() -> None:
    first, second, third = START, START + DAY, START + 2 * DAY
    found = joined(
        [
            [series(first, 1.0, totals=(10.0,)), series(first, 5.0, "424")],
            [],
            [series(third, 3.0)],
        ]
    )
    good, bad = sorted(found, key=lambda one: one.dimensions["code"])
    assert (good.times, good.values, good.totals) == ((first, third), (1.0, 3.0), (10.0, None))
    assert (bad.times, bad.values, bad.totals) == ((first,), (5.0,), ())
    assert second not in good.times


def test_the_answers_stand_in_the_order_of_the_pieces() -> None:
    pieces = slices(Window(START, START + 9 * DAY, 60))
    assert ask_each(pieces, lambda piece: piece.start_at) == [piece.start_at for piece in pieces]


@pytest.mark.parametrize(
    ("minutes", "wish", "granted"),
    [
        (180, 60, 60),
        (1440, 60, 60),
        (7 * 1440, 60, 60),
        (7 * 1440 + 1, 60, 300),
        (30 * 1440, 60, 300),
        (30 * 1440, 3600, 3600),
        (180, 3600, 3600),
        (60, 3600, 1800),
        (1, 3600, 60),
        (30, 86400, 900),
        (180, 61, 60),
    ],
)
def test_a_wish_for_a_grain_is_granted_as_far_as_it_can_be_shown(minutes: int, wish: int, granted: int) -> None:
    assert grain_for(minutes, wish) == granted
    assert window_for(minutes, START, wish).grain_seconds == granted
    assert window_between(START - timedelta(minutes=minutes), START, START, wish).grain_seconds == granted


@given(minutes=st.integers(1, MOST_MINUTES), wish=st.sampled_from((0, *GRAIN_SECONDS)))
def test_whatever_is_wished_a_line_stays_drawable(minutes: int, wish: int) -> None:
    assert minutes * 60 / grain_for(minutes, wish) <= MOST_WISHED
