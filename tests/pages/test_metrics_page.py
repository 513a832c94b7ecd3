"""The Metrics page on a running local Azure with a known past."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page

pytestmark = pytest.mark.emulator


def chart(page: Page, key: str) -> dict[str, Any]:
    """The figure as it is sent to the browser."""
    found = [each for each in page.app.get("plotly_chart") if each.proto.id.endswith(f"-{key}")]
    assert found, f"no chart {key}"
    return dict(json.loads(found[0].proto.spec))


def test_every_deployment_has_its_line_and_its_key_figures(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert {trace["name"] for trace in chart(page, "latency")["data"]} >= {"blue", "green"}
    assert {trace["name"] for trace in chart(page, "requests")["data"]} >= {"blue", "green"}
    blue, green = page.rows("key_figures")
    assert (blue[0], green[0]) == ("blue", "green")
    assert blue[7].endswith(" ms")
    assert float(blue[7].split()[0]) < float(green[7].split()[0])


def test_errors_are_told_apart_by_status(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert [trace["name"] for trace in chart(page, "errors")["data"]] == ["blue 424"]
    assert page.rows("key_figures")[1][3] == "0 %"


def test_another_percentile_and_range_change_the_chart(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    page.app.segmented_control(key="percentile").set_value("P50").run()
    page.app.segmented_control(key="range").set_value("30 min").run()
    assert "Latency, P50, ms" in [header.value for header in page.app.header]
    start, end = chart(page, "latency")["layout"]["xaxis"]["range"]
    assert (start < end) is True
    assert "One point is 1 min." in page.html()


def test_the_page_says_what_is_not_settled_and_offers_the_numbers(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert "on are dotted" in page.html()
    assert [button.proto.label for button in page.app.get("download_button")] == [
        "Download latency, CSV",
        "Download requests, CSV",
    ]


def test_a_day_and_more_is_not_called_exact(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert not page.rows("key_figures")[0][1].startswith("≤")
    page.app.segmented_control(key="range").set_value("7 d").run()
    assert "rare errors look more " in page.html()
    figures = [text[0] for row in page.rows("key_figures") for text in row[1:5] if text != "no data"]
    assert figures == ["≤", "≈", "≈", "≈"] * (len(figures) // 4)
    assert figures


def test_an_endpoint_without_deployments_has_nothing_to_measure(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=BARE)
    assert "nothing to measure" in page.html()
