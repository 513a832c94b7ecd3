"""The Load view: form, question, live numbers, results."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.loadtest.running import LoadRun
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page
from ui import context, readers
from ui.test.load import load_view

pytestmark = pytest.mark.emulator
SECONDS = 60


@pytest.fixture
def load(open_page: Callable[..., Page], seeded: LocalAzure) -> Iterator[Callable[..., Page]]:
    """Opens the view of an endpoint; what still runs is stopped after the test."""

    def go(endpoint: str = SPLIT, role: str = "owner", **query: str) -> Page:
        return open_page("test", seeded, role, endpoint=endpoint, view="load", **query)

    yield go
    for run in list(load_view.runs()._runs.values()):
        run.stop()
        until(partial(getattr, run, "is_over"))


def until(condition: Callable[[], Any]) -> None:
    """Wait for it."""
    pause, deadline = threading.Event(), time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def running() -> LoadRun:
    """The run of the endpoint."""
    run = load_view.runs().of(next(each for each in readers.endpoints() if each.name == SPLIT))
    assert run is not None
    return run


def result(**changes: Any) -> dict[str, Any]:
    """A result as it is kept."""
    row = {"second": 0, "sent": 5, "good": 5, "failed": 0, "in_flight": 1, "p50": 5.0, "p99": 9.0, "lag_p99": 0.2}
    times = {"mean": 6.0, "p50": 5.0, "p90": 7.0, "p95": 8.0, "p99": 9.0, "p99.9": 9.0, "max": 9.5}
    return {
        "run": "load-1",
        "endpoint": SPLIT,
        "deployment": "green",
        "split": {"blue": 100},
        "payloads": ["first"],
        "plan": {"start_rate": 5.0, "end_rate": 5.0, "seconds": 1.0},
        "planned": 5,
        "timeout_seconds": 30.0,
        "started_at": "2026-03-01T12:00:00+00:00",
        "seconds": 1.0,
        "ended": "done",
        "why": "",
        "is_valid": True,
        "doubts": [],
        "sent": 5,
        "good": 5,
        "failed": 0,
        "abandoned": 0,
        "rate": 5.0,
        "latency_ms": times,
        "lag_ms": times,
        "most_in_flight": 2,
        "outcomes": {"200": 5},
        "deployments": {"green": {"outcomes": {"200": 5}, "latency_ms": times}},
        "series": [{**row, "outcomes": {"200": 5}}],
        **changes,
    }


def keep(*contents: dict[str, Any]) -> list[str]:
    """Keep results, a minute apart; their ids, oldest first."""
    (endpoint,) = [each.id for each in readers.endpoints() if each.name == SPLIT]
    first = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return [
        context.results().save(endpoint, "load", each, at=first + timedelta(minutes=place))
        for place, each in enumerate(contents)
    ]


def test_a_test_runs_beside_the_page_is_stopped_and_its_result_stays(load: Callable[..., Page]) -> None:
    page = load()
    page.app.segmented_control(key=f"load_target:{SPLIT}").set_value("green").run()
    page.app.number_input(key=f"load_seconds:{SPLIT}").set_value(120.0).run()
    assert any("1,200 requests in 2 min 0 s" in each.value for each in page.app.caption)
    page.app.button(key="start_load").click().run()
    if "mirrored" in page.html():
        page.app.button(key="ask_confirm").click().run()
    run = running()
    until(lambda: run.rows or run.problem)
    # Somebody else who opens the endpoint, or a reload, finds the same run.
    other = load()
    assert "Sending 10 requests per second" in other.html()
    assert "1,200" in other.html()
    other.app.button(key="stop_load").click().run()
    until(lambda: run.is_over)
    page.app.run()
    assert "Ended early. It was stopped." in page.html()
    assert [row[1] for row in page.rows("load_results")] == ["green"]


def test_live_traffic_is_disturbed_after_a_question_only(load: Callable[..., Page]) -> None:
    page = load()
    page.app.segmented_control(key=f"load_target:{SPLIT}").set_value("Through the split").run()
    assert "blue 100 %" in page.html()
    page.app.button(key="start_load").click().run()
    assert load_view.runs()._runs == {}
    assert any("callers wait" in each.value for each in page.app.text)
    page.app.button(key="ask_cancel").click().run()
    assert load_view.runs()._runs == {}


def test_what_cannot_be_tested_says_why(load: Callable[..., Page]) -> None:
    bare = load(BARE)
    assert bare.app.button(key="start_load").disabled
    assert any("no deployment that could answer" in each.value for each in bare.app.caption)


def test_a_reader_is_told_that_the_key_is_out_of_reach(load: Callable[..., Page]) -> None:
    reader = load(SPLIT, "reader")
    assert reader.app.button(key="start_load").disabled
    assert any("may not read this endpoint's key" in each.value for each in reader.app.caption)


def test_two_results_are_laid_side_by_side_with_what_speaks_against_it(load: Callable[..., Page]) -> None:
    page = load()
    slow = {"mean": 9.0, "p50": 10.0, "p90": 14.0, "p95": 16.0, "p99": 18.0, "p99.9": 18.0, "max": 19.0}
    doubts = ["The sender was late."]
    old, _ = keep(result(), result(latency_ms=slow, payloads=["<b>second</b>"], is_valid=False, doubts=doubts))
    page = load(load_beside=old)
    assert "&lt;b&gt;second&lt;/b&gt;" in page.html()
    assert "Not valid. The sender was late." in page.html()
    assert "They differ in their payloads." in page.html()
    numbers = {row[0]: row[1:] for row in page.rows("load_beside")}
    assert numbers["Latency p50"] == ["5.0 ms", "10.0 ms", "+100 %"]
    assert [row[-1] for row in page.rows("load_results")] == ["not valid", "valid"]


def test_a_result_is_deleted_after_a_question(load: Callable[..., Page]) -> None:
    page = load()
    keep(result())
    page.app.run()
    page.app.button(key="delete_load").click().run()
    page.app.button(key="ask_confirm").click().run()
    assert "No load test was run on this endpoint from here yet." in page.html()
