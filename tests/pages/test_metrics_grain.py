"""How long one point is: chosen by hand, kept in the address, and answered in words where it cannot be shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.metrics import MOST_MINUTES
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page
from ui.metrics import controls, grain_field


def test_a_wish_that_is_granted_needs_no_words() -> None:
    assert grain_field.refusal(180, 0) == ""
    assert grain_field.refusal(180, 60) == ""
    assert grain_field.refusal(7 * 1440, 60) == ""
    assert grain_field.refusal(MOST_MINUTES, 300) == ""


def test_thirty_days_of_single_minutes_are_answered_with_why_and_with_what_is_shown() -> None:
    words = grain_field.refusal(MOST_MINUTES, 60)
    assert "each line would have 43,200" in words
    assert "One point is 5 min instead." in words
    assert "For 1 min choose at most 7 d" in words
    assert grain_field.refusal(60, 3600) == "A line of points of 1 h needs a longer time: one point is 30 min."


@pytest.mark.emulator
def test_the_length_of_a_point_is_chosen_and_stands_in_the_address(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=4)
    past = {"from": f"{end - timedelta(hours=13):%Y-%m-%dT%H:%MZ}", "to": f"{end:%Y-%m-%dT%H:%MZ}"}
    page = open_page("metrics", seeded, endpoint=SPLIT, **past)
    assert page.app.selectbox(key="grain_field").value == "Auto"
    assert "One point is 5 min." in page.html()
    page.app.selectbox(key="grain_field").set_value("1 min").run()
    assert page.app.query_params["grain"] in ("1min", ["1min"])
    assert "One point is 1 min." in page.html()
    assert "needs a longer time" not in page.html()
    page.app.selectbox(key="grain_field").set_value("Auto").run()
    assert "grain" not in page.app.query_params


@pytest.mark.emulator
def test_a_month_of_minutes_is_shown_coarser_drawn_lightly_and_read_less_often(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT, grain="1min")
    page.app.segmented_control(key="range").set_value("30 d").run()
    assert "each line would have 43,200" in page.html()
    assert "One point is 5 min." in page.html()
    assert controls.MANY_WORDS in page.html()
    for chart in page.app.get("plotly_chart"):
        assert len(chart.proto.spec) < 400_000
        assert all(len(trace.get("text") or ()) <= 2100 for trace in json.loads(chart.proto.spec)["data"])
    assert not page.app.exception


@pytest.mark.emulator
def test_an_address_with_an_odd_grain_is_what_fits(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("metrics", seeded, endpoint=BARE, grain="7weeks")
    assert page.app.selectbox(key="grain_field").value == "Auto"
