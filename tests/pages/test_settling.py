"""The sentences about how new the numbers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from services.metrics import DeploymentMetrics
from services.metrics.lag import Lag
from services.model import Window
from tests.contract.monitor_clients import set_switches
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page, row
from ui.metrics.settling import clock_words, newest_words

NOW = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)
END = NOW.replace(second=0)


def metrics(newest_minutes_ago: int | None, settled_ago: int = 2, ended_ago: int = 0) -> DeploymentMetrics:
    """An hour whose newest minute with data begins so many minutes before its end."""
    end = END - timedelta(minutes=ended_ago)
    ats = [] if newest_minutes_ago is None else [end - timedelta(minutes=newest_minutes_ago)]
    latency = pd.DataFrame({"at": pd.to_datetime(ats, utc=True), "deployment": "blue", "percentile": "P95", "ms": 1.0})
    requests = latency.iloc[:0]
    settled = END - timedelta(minutes=settled_ago)
    return DeploymentMetrics(latency, requests, Window(end - timedelta(hours=1), end, 60), settled)


@pytest.mark.parametrize(
    ("lag", "said"),
    [
        (Lag(), "Azure Monitor may still change its newest 2 min (documented, not measured yet): points from "),
        (Lag(60, 0), "Minutes did not change after they were first seen (measured): points from "),
        (Lag(100, 100), "Minutes changed until 1 min 40 s after their end (measured): points from "),
    ],
)
def test_the_age_of_the_newest_data_and_the_lag_are_told(lag: Lag, said: str) -> None:
    told = newest_words(metrics(2), lag, NOW, UTC)
    assert told == f"Newest data is 1 min 20 s old. {said}11:58 UTC on are dotted."


def test_a_range_of_the_past_has_no_newest_data_and_nothing_dotted() -> None:
    assert newest_words(metrics(1, ended_ago=30), Lag(), NOW, UTC) == ""


def test_without_data_only_the_settling_is_told() -> None:
    assert newest_words(metrics(None), Lag(), NOW, UTC).startswith("Azure Monitor may still change")


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (0, ""),
        (29.9, ""),
        (-29.9, ""),
        (300, "This machine's clock is 5 min behind Azure's; times here are Azure's."),
        (-45, "This machine's clock is 45 s ahead of Azure's; times here are Azure's."),
        (-7200, "This machine's clock is 2 h ahead of Azure's; times here are Azure's."),
    ],
)
def test_a_clock_that_is_wrong_is_told_once_it_moves_points(ahead: float, said: str) -> None:
    assert clock_words(ahead) == said


@pytest.fixture
def ahead(seeded: LocalAzure) -> Iterator[float]:
    """Azure's clock is two hours ahead of this machine's, and there was one request a quarter of an hour ago."""
    seeded.control("DELETE", "faults").raise_for_status()
    shift = 7200.0
    at = datetime.now(UTC).timestamp() + shift - 900
    set_switches(seeded, clock_shift_seconds=shift)
    seeded.control("POST", "seed", {"rows": [row(at, "blue", "live", 200)]}).raise_for_status()
    yield shift
    set_switches(seeded, clock_shift_seconds=0)


@pytest.mark.usefixtures("ahead")
def test_a_page_on_a_machine_with_a_wrong_clock_shows_azures_time(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    # The range is what Azure's clock calls the last half hour: the request is in it.
    page.app.segmented_control(key="range").set_value("30 min").run()
    assert (
        page.html().count("This machine's clock is 2 h behind Azure's; times here are Azure's.".replace("'", "&#x27;"))
        == 1
    )
    assert "Newest data is 1" in page.html()
    assert page.rows("key_figures")[0][:2] == ["blue", "1"]


def test_a_page_on_a_machine_with_a_right_clock_says_nothing_of_it(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert "clock is" not in page.html()
    assert "Newest data is" in page.html()
    assert "(documented, not measured yet)" in page.html()
