"""A long time in small points: its pieces, what becomes of them, and which wishes for a grain are granted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.azure.monitor import GRAIN_SECONDS
from services.azure.slices import KEPT_SECONDS, MOST_POINTS, Kept, ask_each, is_settled, joined, missing, slices
from services.errors import Unreachable
from services.metrics import MOST_MINUTES, MOST_WISHED, grain_for, window_between, window_for
from services.model import Series, Window

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def series(at: datetime, value: float, code: str = "200", totals: tuple[float | None, ...] = ()) -> Series:
    return Series("/Some/Id", "RequestsPerMinute", "Count", {"code": code}, (at,), (value,), totals)


@given(
    minutes=st.integers(1, MOST_WISHED),
    grain=st.sampled_from(GRAIN_SECONDS),
    offset=st.integers(0, 3000),
    age=st.integers(0, 200),
)
def test_the_pieces_are_the_whole_and_none_has_more_than_a_day_of_minutes(
    minutes: int, grain: int, offset: int, age: int
) -> None:
    start = START + timedelta(minutes=offset)
    window = Window(start, start + timedelta(minutes=minutes), grain)
    now = window.end_at + timedelta(hours=age)
    pieces = slices(window, now)
    assert pieces[0].start_at <= window.start_at
    assert pieces[-1].end_at >= window.end_at
    for before, after in pairwise(pieces):
        assert before.end_at == after.start_at
    for piece in pieces:
        assert timedelta(0) < piece.end_at - piece.start_at <= timedelta(seconds=MOST_POINTS * grain)
        assert is_settled(piece, now) or (window.start_at <= piece.start_at and piece.end_at <= window.end_at)


def test_a_day_of_minutes_is_one_question_and_a_week_is_eight_of_which_one_is_not_settled() -> None:
    assert len(slices(Window(START, START + DAY, 60), START + DAY)) == 1
    now = START + timedelta(hours=13)
    pieces = slices(Window(now - 7 * DAY, now, 60), now)
    assert [is_settled(each, now) for each in pieces] == [True] * 7 + [False]
    later = now + timedelta(hours=3)
    assert slices(Window(later - 7 * DAY, later, 60), later)[:-1] == pieces[:-1], "the same at every look"


def test_nothing_older_than_azure_keeps_is_asked_for_beyond_the_window() -> None:
    start = START + timedelta(hours=5)
    assert slices(Window(start, start + 3 * DAY, 60), start + 93 * DAY)[0].start_at == start


def test_a_point_that_the_window_cuts_stays_cut() -> None:
    end = START + 8 * DAY + timedelta(minutes=3)
    assert slices(Window(START, end, 300), end + DAY)[-1].end_at == end


def test_answers_are_put_end_to_end_and_what_a_piece_lacks_is_missing() -> None:
    first, second, third, beyond = START, START + DAY, START + 2 * DAY, START + 3 * DAY
    found = joined(
        [
            [series(first, 1.0, totals=(10.0,)), series(first, 5.0, "424")],
            [],
            [series(third, 3.0)],
            [series(beyond, 3.0)],
        ],
        Window(first, beyond, 60),
    )
    good, bad = sorted(found, key=lambda one: one.dimensions["code"])
    assert (good.times, good.values, good.totals) == ((first, third), (1.0, 3.0), (10.0, None))
    assert (bad.times, bad.values, bad.totals) == ((first,), (5.0,), ())
    assert second not in good.times


def test_the_answers_stand_in_the_order_of_the_pieces() -> None:
    pieces = slices(Window(START, START + 9 * DAY, 60), START + 9 * DAY)
    assert ask_each(pieces, lambda piece: piece.start_at) == [piece.start_at for piece in pieces]


def test_a_piece_that_fails_is_told_and_the_others_stay() -> None:
    window = Window(START + timedelta(hours=1), START + 4 * DAY, 60)
    pieces = slices(window, START)

    def ask(piece: Window) -> str:
        if piece is not pieces[-1]:
            raise Unreachable("The metrics could not be read.", "Nobody answered.", "Wait.")
        return "here"

    answers = ask_each(pieces, ask)
    assert answers[-1] == "here"
    assert missing(window, pieces, answers) == ["2026-03-01 01:00 to 2026-03-04 00:00 UTC is missing: Nobody answered."]
    with pytest.raises(Unreachable):
        ask_each(pieces[:-1], ask)


def test_what_is_kept_is_forgotten_after_an_hour_and_when_it_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [0.0]
    kept = Kept(lambda: at[0])
    monkeypatch.setattr("services.azure.slices.MOST_KEPT_POINTS", 6)
    kept.put("a", [series(START, 1.0), series(START, 2.0, "424")])
    kept.put("b", [series(START, 1.0)])
    assert kept.get("a") == [series(START, 1.0), series(START, 2.0, "424")]
    kept.put("c", [series(START, 1.0)])
    assert (kept.get("a") is None, kept.get("b"), kept.get("c") is None) == (False, None, False)
    at[0] = KEPT_SECONDS
    assert kept.get("a") is None


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
