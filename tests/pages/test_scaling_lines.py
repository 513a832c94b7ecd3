"""What autoscale did is on the charts, and a log that cannot be read takes nothing else away."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import pytest

from services.azure.autoscale_events import Scaling
from services.model import Window
from tests.autoscaled import scaled_to_three
from tests.contract.history import seed
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui.journal import journal_lines

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=100), 60)
NAME = "scaled-on-charts"


@pytest.fixture(scope="module")
def grown(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    with scaled_to_three(local_azure, NAME):
        start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
        seed(local_azure, NAME, start, 10)
        yield local_azure


def latency(page: Page) -> dict[str, Any]:
    charts = [each for each in page.app.get("plotly_chart") if "latency" in each.proto.id]
    return dict(json.loads(charts[0].proto.spec))


def drawn_until(page: Page, is_there: Callable[[], bool]) -> None:
    """Draw the page again and again: the log is read behind the scenes."""
    deadline = time.monotonic() + 60
    while not is_there():
        assert time.monotonic() < deadline, page.html()
        page.app.run()


def scaling(minute: float, *, is_failed: bool = False) -> Scaling:
    return Scaling(START + timedelta(minutes=minute), "blue", 2, 3, "", f"{minute}", is_failed)


def test_scalings_look_different_and_do_not_hide_in_changes() -> None:
    found = journal_lines.lines([], WINDOW, UTC, [scaling(10), scaling(40, is_failed=True), scaling(400)])
    assert [(line.at.minute, line.label, line.is_scaling) for line in found] == [
        (10, "blue 2 → 3", True),
        (40, "blue 2 → 3 failed", True),
    ]
    figure = go.Figure(go.Scatter(x=[START], y=[1]))
    journal_lines.draw(figure, found, UTC, is_dark=False)
    assert [shape.line.dash for shape in figure.layout.shapes] == ["dot", "dot"]
    assert {shape.line.color for shape in figure.layout.shapes} == {journal_lines.LIGHT_SCALING}
    assert figure.data[-1].hovertext[0] == "12:10:00 blue scaled 2 → 3 by autoscale"


def test_scalings_of_one_moment_share_a_line() -> None:
    found = journal_lines.lines([], WINDOW, UTC, [scaling(10 + second / 60) for second in range(6)])
    assert [line.label for line in found] == ["6 scalings"]
    assert found[0].hover.endswith("and 2 more")


@pytest.mark.emulator
def test_a_scaling_is_a_dotted_line_that_says_what_was_scaled(
    open_page: Callable[..., Page], grown: LocalAzure
) -> None:
    page = open_page("metrics", grown, endpoint=NAME)
    drawn_until(page, lambda: "dot" in [shape["line"]["dash"] for shape in latency(page)["layout"].get("shapes", [])])
    assert "blue 2 → 3" in [note["text"] for note in latency(page)["layout"]["annotations"]]
    assert "Dotted upright lines are autoscale." in page.html()
    assert "no lines of autoscale" not in page.html()


@pytest.mark.emulator
def test_a_log_that_cannot_be_read_is_one_sentence_and_is_asked_once(
    open_page: Callable[..., Page], grown: LocalAzure
) -> None:
    grown.control("DELETE", "faults").raise_for_status()
    body = {"path": "/subscriptions/*eventtypes*", "status": 403}
    fault = grown.control("POST", "faults", body).json()
    try:
        page = open_page("metrics", grown, endpoint=NAME)
        drawn_until(page, lambda: "The charts have no lines of autoscale." in page.html())
        page.app.run()
        assert page.html().count("The charts have no lines of autoscale.") == 1
        assert "blue" in [trace["name"] for trace in latency(page)["data"]]
        (held,) = [each for each in grown.control("GET", "faults").json()["value"] if each["id"] == fault["id"]]
        assert held["hits"] == 1
    finally:
        grown.control("DELETE", "faults").raise_for_status()
