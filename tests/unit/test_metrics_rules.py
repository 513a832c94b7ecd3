"""Time windows, and from when on their numbers stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.azure.connection import Connection
from services.errors import RuleBroken
from services.metrics import (
    MOST_MINUTES,
    deployment_metrics,
    settled_until,
    window_for,
)
from services.settings import Settings
from tests.values import endpoint

NOW = datetime(2026, 3, 1, 12, 34, 56, 789, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "grain"),
    [(1, 60), (30, 60), (12 * 60, 60), (24 * 60, 300), (7 * 24 * 60, 900), (30 * 24 * 60, 3600)],
)
def test_the_grain_fits_the_span(minutes: int, grain: int) -> None:
    assert window_for(minutes, NOW).grain_seconds == grain


@given(minutes=st.integers(1, MOST_MINUTES), seconds=st.integers(1_500_000_000, 2_500_000_000))
def test_a_window_is_whole_and_covers_what_was_asked(minutes: int, seconds: int) -> None:
    window = window_for(minutes, datetime.fromtimestamp(seconds + 0.5, UTC))
    span = window.end_at - window.start_at

    assert window.end_at.second == window.end_at.microsecond == 0
    assert window.start_at.timestamp() % window.grain_seconds == 0
    assert timedelta(minutes=minutes) <= span < timedelta(minutes=minutes, seconds=window.grain_seconds)
    assert span.total_seconds() / window.grain_seconds <= 721


@pytest.mark.parametrize("minutes", [0, -5, MOST_MINUTES + 1])
def test_a_span_that_azure_does_not_keep_is_refused(minutes: int) -> None:
    with pytest.raises(RuleBroken):
        window_for(minutes, NOW)


def test_the_newest_two_minutes_are_not_settled() -> None:
    assert settled_until(NOW) == datetime(2026, 3, 1, 12, 32, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "until"), [(60, "12:32"), (24 * 60, "12:30"), (7 * 24 * 60, "12:30")])
def test_a_coarse_point_is_settled_when_its_last_minute_is(minutes: int, until: str) -> None:
    conn = cast(Connection, SimpleNamespace(settings=Settings.read({}, Path("."))))
    data = deployment_metrics(conn, endpoint({"blue": 100}), [], window_for(minutes, NOW))
    assert f"{data.settled_until:%H:%M}" == until
