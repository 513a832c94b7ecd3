"""What a Log Analytics request says."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.monitor.logs.errors import LogsError
from emulator.monitor.logs.request import MAX_QUERY_CHARACTERS, parse_preferences, parse_query, visualization

NOW = 1_800_000_000.0


def asked(timespan: object = None, narrowed: str | None = None) -> tuple[float | None, float | None]:
    parameters = {"timespan": narrowed} if narrowed else {}
    found = parse_query({"query": "T", "timespan": timespan}, parameters, NOW)
    return found.start, found.end


@pytest.mark.parametrize(
    ("timespan", "start", "end"),
    [
        (None, None, None),
        ("PT3600.0S", NOW - 3600, NOW),
        ("P1DT12H", NOW - 36 * 3600, NOW),
        ("2027-01-15T08:00:00Z/2027-01-15T09:00:00.000Z", NOW, NOW + 3600),
        ("2027-01-15T09:00:00+01:00/2027-01-15T09:00:00Z", NOW, NOW + 3600),
        ("2027-01-15T08:00:00.000000Z/PT1800.0S", NOW, NOW + 1800),
        ("PT30M/2027-01-15T08:00:00Z", NOW - 1800, NOW),
        ("2027-01-15/2027-01-16", NOW - 8 * 3600, NOW + 16 * 3600),
    ],
)
def test_every_form_of_a_timespan(timespan: str | None, start: float | None, end: float | None) -> None:
    assert asked(timespan) == (start, end)


def test_the_timespan_of_the_address_narrows_that_of_the_body() -> None:
    assert asked("PT2H", "PT1H") == (NOW - 3600, NOW)
    assert asked("PT1H", "2027-01-15T07:30:00Z/2027-01-15T09:00:00Z") == (NOW - 1800, NOW)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "  "},
        {"query": 5},
        {"query": "x" * (MAX_QUERY_CHARACTERS + 1)},
        {"query": "T", "timespan": "yesterday"},
        {"query": "T", "timespan": 5},
        {"query": "T", "timespan": "P999999999999D"},
        {"query": "T", "timespan": "PT1H/PT1H"},
        {"query": "T", "workspaces": {"a": 1}},
        {"query": "T", "workspaces": [1]},
    ],
)
def test_what_cannot_be_read_is_a_bad_argument(body: dict[str, Any]) -> None:
    with pytest.raises(LogsError) as caught:
        parse_query(body, {}, NOW)
    assert (caught.value.status, caught.value.body["error"]["code"]) == (400, "BadArgumentError")
    assert caught.value.body["error"]["innererror"]["code"] == "QueryValidationError"


@pytest.mark.parametrize(
    ("header", "wait"),
    [("", 180), ("wait=30", 30), ("wait=9999", 600), ("include-statistics=true, wait = 5", 5), ("wait=0", 180)],
)
def test_how_long_to_wait(header: str, wait: float) -> None:
    assert parse_preferences(header).wait_seconds == wait


def test_what_to_include() -> None:
    found = parse_preferences("wait=60,include-statistics=true,include-render=true")
    assert (found.statistics, found.render) == (True, True)
    assert not parse_preferences("include-statistics=false").statistics


def test_render_is_told_and_not_done() -> None:
    found = visualization("T | summarize n = count() by d | render piechart with (title = 'a title', xcolumn=d)")
    assert (found["visualization"], found["title"], found["xColumn"], found["yTitle"]) == (
        "piechart",
        "a title",
        "d",
        None,
    )
    assert visualization("T | count") == {}
