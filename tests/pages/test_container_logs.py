"""The Containers view of the Logs page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.logs.container import Filter, after
from services.logs.lines import Entry
from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page
from ui import url_time
from ui.behind import Look
from ui.logs import log_controls
from ui.logs.container_view import Followed, nothing
from ui.logs.log_controls import bounded

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def drawn(page: Page, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the browser is given of the lines, once the readings behind the scenes have ended."""
    deadline, pause = time.monotonic() + 60, threading.Event()
    while True:
        data = page.component("log_lines")
        if until(data) or time.monotonic() > deadline:
            return data
        pause.wait(0.1)
        page.app.run()


def sources(data: dict[str, Any]) -> set[str]:
    return {line[1] for line in data["lines"]}


@pytest.mark.emulator
def test_the_lines_of_all_deployments_stand_together_by_time(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("logs", seeded, endpoint=SPLIT)
    data = drawn(page, lambda data: sources(data) == {"blue", "green"})
    assert sources(data) == {"blue", "green"}
    assert data["nothing"] == "Nothing has been written yet."
    times = [line[2] for line in data["lines"] if line[2]]
    assert times == sorted(times)
    assert [expander.label for expander in page.app.expander] == [
        "States and events of the instances of blue",
        "States and events of the instances of green",
    ]


@pytest.mark.emulator
def test_a_link_can_ask_for_a_deployment_words_and_minutes(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("logs", seeded, endpoint=SPLIT, deployment="green", q="gunicorn Listening")
    data = drawn(page, lambda data: bool(data["lines"]))
    assert sources(data) == {"green"}
    assert data["words"] == ["gunicorn", "listening"]
    assert all("Listening" in line[4] for line in data["lines"])

    page = open_page("logs", seeded, endpoint=SPLIT, to="2020-01-01T00:00:00Z")
    data = drawn(page, lambda data: data["nothing"].startswith("No line"))
    assert data["lines"] == []
    assert data["nothing"].startswith("No line matches.")
    assert "Only lines to 2020-01-01 00:00:00 UTC." in page.html()
    page.app.button(key="container_window").click().run()
    assert drawn(page, lambda data: bool(data["lines"]))["lines"]


@pytest.mark.emulator
def test_one_log_that_may_not_be_read_leaves_the_other(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    seeded.control("DELETE", "faults").raise_for_status()
    rule = {"operation": "*/deployments/getLogs/action", "status": 403, "code": "AuthorizationFailed", "times": 1}
    seeded.control("POST", "faults", rule).raise_for_status()
    try:
        page = open_page("logs", seeded, endpoint=SPLIT)
        data = drawn(page, lambda data: bool(data["lines"]) and "could not be read" in page.html())
    finally:
        seeded.control("DELETE", "faults").raise_for_status()
    assert len(sources(data)) == 1
    assert page.html().count('role="alert"') == 1
    assert "AzureML Data Scientist" in page.html() or "for the role" in page.html()


@pytest.mark.emulator
def test_an_endpoint_without_deployments_writes_nothing(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    assert "nothing writes a log" in open_page("logs", seeded, endpoint=BARE).html()


@pytest.mark.emulator
def test_what_log_analytics_kept_goes_back_further_and_is_asked_for_by_words(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    seeded.control("DELETE", "faults").raise_for_status()
    names = ("TimeGenerated", "DeploymentName", "InstanceId", "Message")
    kinds = ("datetime", "string", "string", "string")
    columns = [{"name": name, "type": kind} for name, kind in zip(names, kinds, strict=True)]
    rows = [
        ["2026-01-01T11:59:59Z", "gone", "two", "<b>bold</b>"],
        ["2026-01-01T11:00:00Z", "blue", "one", "2026-01-01 11:00:00,000 E [1] azmlinfsrv - broken"],
    ]
    body = {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]}
    seeded.control("POST", "faults", {"path": "/v1/*", "status": 200, "body": body}).raise_for_status()
    try:
        page = open_page("logs", seeded, endpoint=SPLIT, lines="Kept", q="broken bold")
        data = kept_lines(page)
        assert [line[1] for line in data["lines"]] == ["blue", "gone"]
        assert [line[2:4] for line in data["lines"]] == [["11:00:00.000", "error"], ["11:59:59.000", ""]]
        assert data["words"] == ["broken", "bold"]
        assert "The console log of this endpoint is not sent to Log Analytics" in page.html()
        page.app.segmented_control(key="log_level").set_value("Errors").run()
        assert [line[1] for line in kept_lines(page)["lines"]] == ["blue"]
        seeded.control("DELETE", "faults").raise_for_status()
        page.app.segmented_control(key="kept_of").set_value("7 d").run()
        assert "nothing of now is kept" in kept_lines(page)["nothing"]
        seeded.control("POST", "faults", {"path": "/v1/*", "status": 403}).raise_for_status()
        page.app.segmented_control(key="kept_of").set_value("30 d").run()
        drawn_problem = page.settled().html()
    finally:
        seeded.control("DELETE", "faults").raise_for_status()
    assert f"The console log of {SPLIT} could not be read." in drawn_problem


def kept_lines(page: Page) -> dict[str, Any]:
    """What the browser is given of the kept lines."""
    page.settled()
    return page.component("kept_lines")


def entry(number: int, size: int = 10) -> Entry:
    return Entry("blue", number, NOON, "info", ("x" * size,))


def test_what_is_drawn_has_a_bound_in_entries_and_in_characters() -> None:
    assert [each.number for each in bounded([entry(number) for number in range(1500)])] == list(range(500, 1500))
    heavy = [entry(number, 15_000) for number in range(60)]
    assert len(bounded(heavy)) == log_controls.MOST_CHARACTERS // 15_000
    assert len(bounded([entry(0, 5_000_000)])) == 1
    assert bounded([]) == []


def test_a_time_that_cannot_be_read_is_said(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("logs", seeded, endpoint=SPLIT, **{"from": "yesterday"})
    assert "The time in this address cannot be read." in page.html()


def test_kept_lines_of_several_days_say_their_day() -> None:
    assert log_controls.line(entry(1)).time == ""
    assert log_controls.line(entry(1), is_kept=True).time == "12:00:00.000"
    assert log_controls.line(entry(1), is_kept=True, is_dated=True).time == "01-02 12:00:00.000"


def test_an_empty_view_says_why_it_is_empty() -> None:
    empty = Look(after(None, "blue", "", NOON), False, None)
    full = Look(after(None, "blue", "a line", NOON), False, None)
    assert nothing([], Filter()) == "Choose at least one deployment."
    assert nothing([Followed("blue", Look(None, True, None))], Filter()) == "Reading the log …"
    assert nothing([Followed("blue", Look(None, False, None))], Filter()) == "No log could be read."
    assert nothing([Followed("blue", empty)], Filter(words="x")) == "Nothing has been written yet."
    assert nothing([Followed("blue", full)], Filter(words="x")).startswith("No line matches.")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02T12:00", NOON),
        ("2026-01-02T14:00:00+02:00", NOON),
        ("2026-01-02T14:00:00 02:00", NOON),
        ("2026-01-02 12:00:00", NOON),
        ("2026-01-03", NOON + timedelta(hours=12)),
        ("", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+23:00", None),
    ],
)
def test_a_moment_of_the_url_is_understood_or_left_out(text: str, at: datetime | None) -> None:
    assert url_time.moment(text) == at
