"""Free queries on the Logs page: run, drawn, refused with the place, stopped, saved."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.azure import log_analytics
from services.azure.log_analytics import Column, Rows
from services.logs.queries import Run
from services.logs.templates import templates
from services.statuses import DEFAULT_SETS
from tests.contract.history import row
from tests.contract.monitor_clients import seed, switch_logs_on
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui.logs import query_answer, query_chart, query_view

pytestmark = pytest.mark.emulator
NAME = "page-queries"
SECONDS = 60.0
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def queried(local_azure: LocalAzure) -> LocalAzure:
    """An endpoint with ten requests in its traffic log."""
    local_azure.control("DELETE", "faults").raise_for_status()
    seed(local_azure, endpoints=[{"name": NAME, "deployments": ["blue", "green"], "traffic": {"blue": 100}}])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{NAME}", ago=3600)
    now = datetime.now(UTC)
    rows = [
        row(now - timedelta(minutes=each, seconds=5), NAME, ("blue", "green")[each % 2], 200, 9.0) for each in range(10)
    ]
    seed(local_azure, rows=rows)
    return local_azure


@pytest.fixture
def opened(open_page: Callable[..., Page], queried: LocalAzure) -> Page:
    """The view, with nothing run yet."""
    return open_page("logs", queried, endpoint=NAME, view="query")


def path(azure: LocalAzure) -> str:
    return f"{azure.workspace}/onlineEndpoints/{NAME}"


def write(page: Page, azure: LocalAzure, text: str) -> None:
    page.app.text_area(key=f"query_text:{path(azure)}").set_value(text)


def run_of(page: Page, azure: LocalAzure) -> Run:
    found = query_view._runs().find(page.app.session_state[f"query_run_of:{path(azure)}"])
    assert found is not None
    return found


def finish(page: Page, azure: LocalAzure, text: str) -> Page:
    """Run a query and look at what came of it."""
    write(page, azure, text)
    page.app.button(key="query_run").click().run()
    assert run_of(page, azure).over.wait(SECONDS)
    page.app.run()
    assert not page.app.exception
    return page


def test_a_query_answers_a_table_and_a_chart(opened: Page, queried: LocalAzure) -> None:
    finish(
        opened,
        queried,
        "AmlOnlineEndpointTrafficLog | summarize Requests = count() by DeploymentName | order by DeploymentName asc",
    )
    assert opened.rows("query_table") == [["blue", "5"], ["green", "5"]]
    assert any("2 rows" in each.value for each in opened.app.caption)
    opened.app.segmented_control(key="query_as").set_value("Chart").run()
    assert opened.app.get("plotly_chart")


def test_a_query_with_a_mistake_is_shown_with_its_place(opened: Page, queried: LocalAzure) -> None:
    finish(opened, queried, "AmlOnlineEndpointTrafficLog\n| wher x == 1")
    assert "The query could not be run." in opened.html()
    assert "Line 2" in opened.html()
    assert any("| wher x == 1" in code.value for code in opened.app.code)
    finish(opened, queried, "AmlOnlineEndpointTrafficLog | where ResponseCode == 999")
    assert "found no row" in opened.html()
    assert "could not be run" not in opened.html()


def test_an_empty_query_is_not_sent(opened: Page, queried: LocalAzure) -> None:
    write(opened, queried, "  ")
    opened.app.button(key="query_run").click().run()
    opened.app.run()
    assert "It is empty." in opened.html()


def test_rows_beyond_the_limit_are_said(opened: Page, queried: LocalAzure) -> None:
    finish(opened, queried, "range x from 1 to 500000 step 1")
    assert any(
        "The first 10,000 rows; there are more; the first 500 are shown" in each.value for each in opened.app.caption
    )
    assert len(opened.rows("query_table")) == query_answer.MOST_SHOWN


def test_every_template_runs(opened: Page, queried: LocalAzure) -> None:
    for number, each in enumerate(templates(DEFAULT_SETS)):
        opened.app.button(key=f"query_template_{number}").click().run()
        assert opened.app.text_area(key=f"query_text:{path(queried)}").value == each.kql
        opened.app.button(key="query_run").click().run()
        run = run_of(opened, queried)
        assert run.over.wait(SECONDS)
        assert run.error is None, each.name
        assert run.answer is not None


def test_a_query_under_way_can_be_stopped(opened: Page, queried: LocalAzure) -> None:
    queried.control("POST", "faults", {"path": "/v1/*", "delay_seconds": 15}).raise_for_status()
    try:
        opened.app.button(key="query_run").click().run()
        assert "works on it" in opened.html()
        opened.app.button(key="query_stop").click().run()
        opened.app.run()
        assert "Stopped" in opened.html()
        assert run_of(opened, queried).answer is None
    finally:
        queried.control("DELETE", "faults").raise_for_status()


def test_the_same_query_over_another_time_is_another_run(
    open_page: Callable[..., Page], opened: Page, queried: LocalAzure
) -> None:
    queried.control("POST", "faults", {"path": "/v1/*", "delay_seconds": 15}).raise_for_status()
    try:
        write(opened, queried, "print one_time = 1")
        opened.app.button(key="query_run").click().run()
        day = run_of(opened, queried)
        opened.app.button(key="query_run").click().run()
        assert run_of(opened, queried) is day, "a second press is the same run"
        opened.app.segmented_control(key="query_span").set_value("7 d")
        opened.app.button(key="query_run").click().run()
        week = run_of(opened, queried)
        assert (day.is_stopped, day.span, week.span) == (True, timedelta(days=1), timedelta(days=7))
        again = open_page("logs", queried, endpoint=NAME, view="query", run=week.id)
        assert again.app.segmented_control(key="query_span").value == "7 d", "the time is the run's"
        again.app.button(key=f"query_open_{day.id}").click().run()
        assert again.app.segmented_control(key="query_span").value == "24 h"
        week.stop()
    finally:
        queried.control("DELETE", "faults").raise_for_status()


def test_a_query_under_way_is_found_again_by_a_page_loaded_anew(
    open_page: Callable[..., Page], opened: Page, queried: LocalAzure
) -> None:
    queried.control("POST", "faults", {"path": "/v1/*", "delay_seconds": 15}).raise_for_status()
    try:
        write(opened, queried, "print found_again = 1")
        opened.app.button(key="query_run").click().run()
        run = run_of(opened, queried)
        assert opened.app.query_params["run"] in (run.id, [run.id])
        anew = open_page("logs", queried, endpoint=NAME, view="query", run=run.id)
        assert "works on it" in anew.html()
        assert anew.app.text_area(key=f"query_text:{path(queried)}").value == "print found_again = 1"
        # Without its address it is listed.
        listed = open_page("logs", queried, endpoint=NAME, view="query")
        listed.app.button(key=f"query_open_{run.id}").click().run()
        assert "works on it" in listed.html()
        listed.app.button(key="query_stop").click().run()
        anew.app.run()
        assert "Stopped" in anew.html()
    finally:
        queried.control("DELETE", "faults").raise_for_status()


def test_a_run_that_is_gone_or_of_another_endpoint_is_not_shown(
    open_page: Callable[..., Page], opened: Page, queried: LocalAzure
) -> None:
    page = open_page("logs", queried, endpoint=NAME, view="query", run="no-such-run")
    assert "is not kept any more" in page.html()
    assert "run" not in page.app.query_params
    seed(queried, endpoints=[{"name": f"{NAME}-2", "deployments": ["blue"]}])
    finish(opened, queried, "print mine = 1")
    other = open_page("logs", queried, endpoint=f"{NAME}-2", view="query", run=run_of(opened, queried).id)
    assert "A query sees the rows of this endpoint alone" in other.html()
    assert "not kept" not in other.html()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"status": 429, "retry_after": 7}, "could not be run"),
        ({"status": 403}, "Reader"),
        ({"status": 504}, "could not be run"),
        ({"delay_seconds": 5}, "could not be run"),
    ],
)
def test_log_analytics_that_fails_is_told_and_the_query_stays(
    opened: Page, queried: LocalAzure, rule: dict[str, Any], words: str
) -> None:
    queried.control("POST", "faults", {"path": "/v1/*", **rule}).raise_for_status()
    try:
        with pytest.MonkeyPatch.context() as patience:
            # What is not late by design has as long as it always has.
            if "delay_seconds" in rule:
                patience.setattr(log_analytics, "_READ_SECONDS", 1.0)
            finish(opened, queried, "print kept = 1")
        assert words in opened.html()
        assert opened.html().count('role="alert"') == 1
        assert opened.app.text_area(key=f"query_text:{path(queried)}").value == "print kept = 1"
    finally:
        queried.control("DELETE", "faults").raise_for_status()
    finish(opened, queried, "print kept = 1")
    assert opened.rows("query_table") == [["1"]]


def test_an_answer_that_was_cut_short_is_shown_as_a_part(opened: Page, queried: LocalAzure) -> None:
    inner = {"code": "-2133196797", "message": "The results of this query exceed the set limit of 64000000 bytes."}
    table = {"name": "PrimaryResult", "columns": [{"name": "x", "type": "long"}], "rows": [[1], [2]]}
    wrong = {"code": "PartialError", "details": [{"code": "EngineError", "innererror": inner}]}
    body = {"tables": [table], "error": wrong}
    queried.control("POST", "faults", {"path": "/v1/*", "status": 200, "body": body}).raise_for_status()
    try:
        finish(opened, queried, "range x from 1 to 9 step 1")
    finally:
        queried.control("DELETE", "faults").raise_for_status()
    assert "Only a part of the answer came: The results of this query exceed" in opened.html()
    assert opened.rows("query_table") == [["1"], ["2"]]


def test_queries_are_saved_used_and_deleted(opened: Page, queried: LocalAzure) -> None:
    write(opened, queried, "AmlOnlineEndpointTrafficLog | count")
    opened.app.button(key="query_run").click().run()
    opened.app.text_input(key="query_name").set_value("How *many*").run()
    opened.app.button(key="query_save_now").click().run()
    opened.app.run()
    opened.app.button(key="query_template_0").click().run()
    opened.app.button(key="query_use_0").click().run()
    assert opened.app.text_area(key=f"query_text:{path(queried)}").value == "AmlOnlineEndpointTrafficLog | count"
    opened.app.button(key="query_delete_0").click().run()
    opened.app.button(key="ask_confirm").click().run()
    opened.app.run()
    assert any("No query of this endpoint is saved yet" in each.value for each in opened.app.caption)


def rows_of(kinds: dict[str, str], *rows: tuple[object, ...]) -> Rows:
    return Rows(tuple(Column(name, kind) for name, kind in kinds.items()), rows)


def test_times_make_lines_and_what_is_no_number_is_a_gap() -> None:
    found = rows_of(
        {"d": "string", "at": "datetime", "p95": "real"},
        ("blue", START + timedelta(minutes=5), math.inf),
        ("blue", START, 2.0),
        ("green", START, None),
        ("green", None, 1.0),
    )
    drawn = query_chart.draw(found, is_dark=False)
    assert drawn is not None
    shown = {line.name: [None if math.isnan(value) else value for value in line.y] for line in drawn.figure.data}
    assert shown == {"blue": [2.0, None], "green": [None]}
    assert not drawn.left_out


def test_two_numbers_of_one_deployment_are_told_apart() -> None:
    found = rows_of({"at": "datetime", "d": "string", "p95": "real", "n": "long"}, (START, "blue", 2.0, 3))
    drawn = query_chart.draw(found, is_dark=False)
    assert drawn is not None
    first, second = drawn.figure.data
    assert [first.name, second.name] == ["blue p95", "blue n"]
    assert first.line.color == second.line.color
    assert first.line.dash != second.line.dash


def test_too_many_lines_and_bars_are_said() -> None:
    lines = rows_of(
        {"at": "datetime", "d": "string", "n": "long"}, *((START, f"d{number}", number) for number in range(20))
    )
    bars = rows_of({"d": "string", "n": "long"}, *((f"d{number}", number) for number in range(100)))
    for found, shown in ((lines, query_chart.MOST_LINES), (bars, query_chart.MOST_BARS)):
        drawn = query_chart.draw(found, is_dark=True)
        assert drawn is not None
        assert f"The first {shown} of" in drawn.left_out
    assert query_chart.draw(rows_of({"d": "string"}, ("a",)), is_dark=False) is None
    assert query_chart.draw(rows_of({"n": "long"}), is_dark=False) is None


def test_a_download_holds_all_rows_and_no_formula() -> None:
    found = rows_of({"at": "datetime", "t": "string", "n": "long"}, (START, "=1+1", -5), (None, 'a,"b"', None))
    assert query_answer.to_csv(found).decode() == 'at,t,n\n2026-03-01T12:00:00Z,\'=1+1,-5\n,"a,""b""",\n'


def test_large_numbers_keep_their_digits_in_the_download() -> None:
    found = Rows((Column("n", "real"),), ((12345678901.5,), (0.1 + 0.2,)))
    assert query_answer.to_csv(found).decode() == "n\n12345678901.5\n0.3\n"


def test_cells_say_null_and_order_numbers() -> None:
    [first] = query_answer.table_rows(
        rows_of({"a": "string", "b": "real", "c": "real", "d": "string"}, (None, math.nan, 1.5, "x" * 400))
    )
    empty, wrong, number, long = first.cells
    assert (empty.text, empty.muted) == ("null", True)
    assert (wrong.text, wrong.sort) == ("nan", None)
    assert (number.text, number.sort) == ("1.5", 1.5)
    assert len(long.text) == query_answer.LONGEST_CELL + 1
