"""Numbers as a person reads them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ui import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "no data"),
        (0.0, "0 ms"),
        (0.843, "0.84 ms"),
        (12.44, "12.4 ms"),
        (840.2, "840 ms"),
        (999.6, "1.00 s"),
        (1250, "1.25 s"),
        (61_000, "61.0 s"),
    ],
)
def test_durations(value: float | None, text: str) -> None:
    assert words.milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "no data"), (0, "0 %"), (0.004, "< 0.01 %"), (0.85, "0.85 %"), (2.53, "2.5 %"), (38.2, "38 %")],
)
def test_something_small_is_never_shown_as_zero(value: float | None, text: str) -> None:
    assert words.percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "no data"), (0.4, "0.40 /min"), (12.62, "12.6 /min")])
def test_rates(value: float | None, text: str) -> None:
    assert words.rate(value) == text
    assert words.rate(1240) == "1,240 /min"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.9, "4 s"), (80, "1 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h"), (-1, "0 s")]
)
def test_spans(seconds: float, text: str) -> None:
    assert words.elapsed(seconds) == text


def test_moments_are_in_utc() -> None:
    at = datetime(2026, 3, 1, 16, 5, tzinfo=timezone(timedelta(hours=2)))
    assert words.moment(at) == "2026-03-01 14:05 UTC"
    assert words.moment(None) == "unknown"
    assert words.count(1, "entry", "entries") == "1 entry"
    assert words.count(2, "entry", "entries") == "2 entries"
