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
from ui.logs import container_view
from ui.logs.container_view import Followed, bounded, nothing

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def drawn(page: Page, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the browser is given of the lines, once the readings behind the scenes have ended."""
    deadline, pause = time.monotonic() + 20, threading.Event()
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


def entry(number: int, size: int = 10) -> Entry:
    return Entry("blue", number, NOON, "info", ("x" * size,))


def test_what_is_drawn_has_a_bound_in_entries_and_in_characters() -> None:
    assert [each.number for each in bounded([entry(number) for number in range(1500)])] == list(range(500, 1500))
    heavy = [entry(number, 15_000) for number in range(60)]
    assert len(bounded(heavy)) == container_view.MOST_CHARACTERS // 15_000
    assert len(bounded([entry(0, 5_000_000)])) == 1
    assert bounded([]) == []


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
