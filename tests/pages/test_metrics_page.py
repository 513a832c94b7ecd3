"""The Metrics page on a running local Azure with a known past."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page, row

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def past(seeded: LocalAzure) -> dict[str, str]:
    """Ten minutes of three days ago as the address names them: two requests a minute, one a minute before that."""
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=3)
    rows = [
        row(end.timestamp() - 60 * minute - second, name, kind, 200)
        for name, kind in (("blue", "live"), ("green", "mirror"))
        for minute in range(20)
        for second in ((10, 20) if minute < 10 else (10,))
    ]
    assert seeded.control("POST", "seed", {"rows": rows}).ok
    return {"from": f"{end - timedelta(minutes=10):%Y-%m-%dT%H:%MZ}", "to": f"{end:%Y-%m-%dT%H:%MZ}"}


def chart(page: Page, key: str) -> dict[str, Any]:
    """The figure as it is sent to the browser."""
    found = [each for each in page.app.get("plotly_chart") if each.proto.id.endswith(f"-{key}")]
    assert found, f"no chart {key}"
    return dict(json.loads(found[0].proto.spec))


def test_the_page_has_lines_key_figures_errors_by_status_and_downloads_and_says_what_is_not_settled(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert {trace["name"] for trace in chart(page, "latency")["data"]} >= {"blue", "green"}
    assert {trace["name"] for trace in chart(page, "requests")["data"]} >= {"blue", "green"}
    blue, green = page.rows("key_figures")
    assert (blue[0], green[0]) == ("blue", "green")
    assert blue[7].endswith(" ms")
    assert green[7].endswith(" ms")
    # Other tests may have sent green what it fails on.
    assert "blue 424" in [trace["name"] for trace in chart(page, "errors")["data"]]
    assert blue[3] not in ("0 %", "no data")
    assert "on are dotted" in page.html()
    keys = [button.proto.id for button in page.app.get("download_button")]
    assert len(keys) == len(page.app.get("plotly_chart"))
    assert keys[0].endswith("-csv_latency")


def test_another_percentile_and_range_change_the_chart(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    page.app.segmented_control(key="percentile").set_value("P50")
    page.app.segmented_control(key="range").set_value("30 min").run()
    assert "Latency, P50, ms" in [header.value for header in page.app.header]
    start, end = chart(page, "latency")["layout"]["xaxis"]["range"]
    assert (start < end) is True
    assert "One point is 1 min." in page.html()


def test_a_week_is_counted_exactly_where_azure_tells_totals(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    page.app.segmented_control(key="range").set_value("7 d").run()
    assert "rare errors look more " not in page.html()
    assert not [text for row in page.rows("key_figures") for text in row[1:5] if text[0] in "≤≈"]


def test_a_week_is_not_called_exact_where_azure_tells_means_alone(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    seeded.control("POST", "settings", {"undocumented_aggregations": False}).raise_for_status()
    try:
        page = open_page("metrics", seeded, endpoint=SPLIT)
        assert not page.rows("key_figures")[0][1].startswith("≤")
        page.app.segmented_control(key="range").set_value("7 d").run()
    finally:
        seeded.control("POST", "settings", {"undocumented_aggregations": True}).raise_for_status()
    assert "rare errors look more " in page.html()
    figures = [text[0] for row in page.rows("key_figures") for text in row[1:5] if text != "no data"]
    assert figures == ["≤", "≈", "≈", "≈"] * (len(figures) // 4)
    assert figures


def test_an_endpoint_without_deployments_has_nothing_to_measure(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=BARE)
    assert "nothing to measure" in page.html()


def test_charts_beside_latency_and_requests_are_those_that_azure_lists(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    assert "Mean latency" in [header.value for header in page.app.header]
    assert "without data in this time" in page.html()
    assert {trace["name"] for trace in chart(page, "in_flight")["data"]} >= {"blue"}
    rates = chart(page, "error_rates")["data"]
    named = {trace["name"] for trace in rates if trace.get("showlegend") is not False}
    # Other tests may have sent what a deployment refuses.
    assert (
        {"blue server", "green server"}
        <= named
        <= {f"{name} {side}" for name in ("blue", "green") for side in ("server", "client")}
    )
    page.app.segmented_control(key="metric_group").set_value("Resources").run()
    assert page.app.query_params["view"] == "resources"
    assert "Latency, P95, ms" not in [header.value for header in page.app.header]
    assert not page.app.exception


def test_a_range_of_fixed_ends_is_read_from_the_address_and_left_again(
    open_page: Callable[..., Page], seeded: LocalAzure, past: dict[str, str]
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT, **past)
    # Of a time in which no other test has sent anything.
    blue, green = page.rows("key_figures")
    assert float(blue[7].split()[0]) < float(green[7].split()[0])
    requests = chart(page, "requests")
    assert requests["layout"]["xaxis"]["range"][1] == past["to"].replace("Z", ":00")
    assert requests["layout"]["dragmode"] == "select"
    assert "on are dotted" not in page.html(), "all of it is settled"
    assert page.rows("key_figures")[0][1] == "20"
    notes = [cell.get("note", "") for cell in page.component("key_figures")["rows"][0]["cells"]]
    assert notes[1] == "+100 %", "twice as many as in the ten minutes before"
    assert {"Requests", "Log lines"} <= {link.proto.label for link in page.app.get("page_link")}
    page.app.button(key="way_back").click().run()
    assert "from" not in page.app.query_params


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("nonsense", "2026-03-01", "asks for a time that is none"),
        ("2020-01-01", "2020-01-02", "keeps metrics for 93 days"),
    ],
)
def test_an_address_with_odd_times_is_answered_in_words(
    open_page: Callable[..., Page], seeded: LocalAzure, start: str, end: str, said: str
) -> None:
    assert said in open_page("metrics", seeded, endpoint=BARE, **{"from": start, "to": end}).html()


def test_the_period_before_is_laid_below_the_lines_of_now(
    open_page: Callable[..., Page], seeded: LocalAzure, past: dict[str, str]
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT, **past)
    page.app.toggle(key="with_before").set_value(True).run()
    assert {"blue, before", "green, before"} <= {trace["name"] for trace in chart(page, "latency")["data"]}
    assert "are the 10 min before" in page.html()
    for key in ("requests", "error_rates", "in_flight", "requestlatency"):
        assert "blue, before" in {trace["name"] for trace in chart(page, key)["data"]}, key


def test_a_source_that_answers_a_part_says_so_beside_its_chart(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("metrics", seeded, endpoint=SPLIT)
    body = {"values": [{"value": [{"name": {"value": "X"}, "errorCode": "InternalServerError", "timeseries": []}]}]}
    fault = {"path": "/subscriptions/*getBatch*", "status": 200, "body": body}
    seeded.control("DELETE", "faults").raise_for_status()
    seeded.control("POST", "faults", fault).raise_for_status()
    try:
        page.fresh()
    finally:
        seeded.control("DELETE", "faults").raise_for_status()
    assert "Azure answered only a part (InternalServerError)" in page.html()
