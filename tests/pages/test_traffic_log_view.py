"""The traffic log on the Logs page: switched on, filtered, opened, and led to from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.diagnostics import CONSOLE, EVENTS, TRAFFIC
from tests.contract.history import row
from tests.contract.monitor_clients import seed, switch_logs_on
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui import url_time

pytestmark = pytest.mark.emulator
LOGGED, QUIET = "page-traffic", "page-quiet"
VERSION = "2021-05-01-preview"
MINUTES = 12


@pytest.fixture(scope="module")
def logged(local_azure: LocalAzure) -> LocalAzure:
    """An endpoint with a request every minute in its traffic log, each fourth failed, and one without a log."""
    local_azure.control("DELETE", "faults").raise_for_status()
    made = {"deployments": ["blue", "green"], "traffic": {"blue": 100}}
    seed(local_azure, endpoints=[{"name": LOGGED, **made}, {"name": QUIET, **made}])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{LOGGED}", TRAFFIC, ago=3600)
    now = datetime.now(UTC)
    rows = [
        {
            **row(now - timedelta(minutes=minute, seconds=5), LOGGED, "blue", 424 if minute % 4 == 0 else 200, 12.0),
            "request_id": f"rid-{minute}",
            "client_request_id": f"<b>mine-{minute}",
        }
        for minute in range(MINUTES)
    ]
    seed(local_azure, rows=rows)
    return local_azure


@pytest.fixture
def quiet(logged: LocalAzure) -> Iterator[str]:
    """The path of the settings of the endpoint without a log; it has none after the test either."""
    path = f"{logged.workspace}/onlineEndpoints/{QUIET}/providers/Microsoft.Insights/diagnosticSettings"
    yield path
    for each in logged.arm("GET", path, version=VERSION).json()["value"]:
        logged.arm("DELETE", f"{path}/{each['name']}", version=VERSION).raise_for_status()


def shown(page: Page) -> list[list[str]]:
    return page.rows(f"traffic:{LOGGED}")


def texts(page: Page) -> str:
    return "\n".join([page.html(), *(each.value for each in page.app.caption), *(each.value for each in page.app.text)])


def test_the_requests_are_listed_with_the_age_of_the_newest(open_page: Callable[..., Page], logged: LocalAzure) -> None:
    page = open_page("logs", logged, endpoint=LOGGED, view="traffic").settled()
    assert len(shown(page)) == MINUTES
    assert shown(page)[0][1:3] == ["424", "blue"]
    assert [line[-1] for line in shown(page)] == [f"rid-{minute}" for minute in range(MINUTES)]
    assert "is sent to <b>local</b>" in page.html()
    assert "Newest row:" in page.html()
    assert f"{MINUTES} requests" in texts(page)


def test_the_page_does_not_wait_for_log_analytics(open_page: Callable[..., Page], logged: LocalAzure) -> None:
    logged.control("POST", "faults", {"path": "/v1/*", "delay_seconds": 3}).raise_for_status()
    try:
        page = open_page("logs", logged, endpoint=LOGGED, view="traffic", request="rid-4")
        assert "Asking Log Analytics" in page.html()
        # What is asked for can be changed meanwhile, and the question before it is not waited for.
        logged.control("DELETE", "faults").raise_for_status()
        page.app.multiselect(key="code").set_value(["424"]).run()
        assert {line[1] for line in page.settled().rows(f"traffic:{LOGGED}")} == {"424"}
    finally:
        logged.control("DELETE", "faults").raise_for_status()


def test_a_request_that_is_not_in_the_list_is_looked_for(open_page: Callable[..., Page], logged: LocalAzure) -> None:
    page = open_page("logs", logged, endpoint=LOGGED, view="traffic", code="2xx", request="rid-4").settled()
    assert dict(page.rows("traffic_columns_0"))["XRequestId"] == "rid-4"
    assert "No row of the last" not in texts(page)


def test_filters_narrow_the_list_and_can_stand_in_the_address(
    open_page: Callable[..., Page], logged: LocalAzure
) -> None:
    page = open_page("logs", logged, endpoint=LOGGED, view="traffic", code="server errors").settled()
    assert {line[1] for line in shown(page)} == {"424"}
    page.app.multiselect(key="code").set_value(["2xx"]).run()
    page.settled()
    assert {line[1] for line in shown(page)} == {"200"}
    page.app.multiselect(key="served_by").set_value(["green"]).run()
    page.settled()
    assert "No request is like that" in page.html()


def test_the_list_can_be_gone_on_with_in_kql(open_page: Callable[..., Page], logged: LocalAzure) -> None:
    page = open_page("logs", logged, endpoint=LOGGED, view="traffic", code="424").settled()
    page.app.button(key="traffic_kql").click().run()
    [editor] = page.app.text_area
    assert str(editor.value).splitlines() == [
        TRAFFIC,
        "| where TimeGenerated > ago(3600s)",
        "| where ResponseCode == 424",
        "| top 500 by TimeGenerated desc",
    ]
    assert page.app.segmented_control(key="query_span").value == "As the query says"


def test_a_time_in_the_address_leads_to_its_requests(open_page: Callable[..., Page], logged: LocalAzure) -> None:
    until = datetime.now(UTC) - timedelta(minutes=3)
    asked = {"from": url_time.written(until - timedelta(minutes=2)), "to": url_time.written(until)}
    page = open_page("logs", logged, endpoint=LOGGED, view="traffic", **asked).settled()
    assert 1 <= len(shown(page)) <= 3
    assert "Requests from" in page.html()
    page.app.button(key="traffic_last").click().run()
    page.settled()
    assert len(shown(page)) == MINUTES
    assert "from" not in page.app.query_params


@pytest.mark.parametrize("wrong", [{"from": "yesterday", "to": "today"}, {"from": "2026-01-01"}])
def test_a_wrong_time_is_said(open_page: Callable[..., Page], logged: LocalAzure, wrong: dict[str, str]) -> None:
    page = open_page("logs", logged, endpoint=LOGGED, view="traffic", **wrong).settled()
    assert "cannot be read" in page.html()
    assert shown(page)


def test_one_request_is_opened_in_full(open_page: Callable[..., Page], logged: LocalAzure) -> None:
    page = open_page("logs", logged, endpoint=LOGGED, view="traffic", request="RID-4").settled()
    assert "model_error" in page.html()
    assert "&lt;b&gt;mine-4" in page.html()
    columns = dict(page.rows("traffic_columns_0"))
    assert columns["XRequestId"] == "rid-4"
    assert columns["ModelStatusCode"] == "500"
    page.app.button(key="traffic_close").click().run()
    assert "request" not in page.app.query_params
    page.app.text_input(key="traffic_asked_id").set_value(" no-such-id ").run()
    page.settled()
    assert "No row of the last 7 days has the id no-such-id" in texts(page)


def test_the_log_is_switched_on_after_a_question_that_says_what_it_costs(
    open_page: Callable[..., Page], logged: LocalAzure, quiet: str
) -> None:
    page = open_page("logs", logged, endpoint=QUIET, view="traffic").settled()
    assert "is not sent to Log Analytics" in page.html()
    page.app.button(key=f"log_on:{TRAFFIC}:state").click().run()
    said = texts(page)
    assert "charges for every gigabyte" in said
    assert "within an hour" in said
    assert not logged.arm("GET", quiet, version=VERSION).json()["value"]
    page.app.button(key="ask_confirm").click().run()
    [made] = logged.arm("GET", quiet, version=VERSION).json()["value"]
    assert [each["category"] for each in made["properties"]["logs"] if each["enabled"]] == [TRAFFIC]
    page.app.run()
    page.settled()
    assert "is sent to <b>local</b>" in page.html()
    assert "There is no row of the last 24 hours" in page.html()
    page.app.button(key=f"log_off:{TRAFFIC}:sluice").click().run()
    page.app.button(key="ask_confirm").click().run()
    assert not logged.arm("GET", quiet, version=VERSION).json()["value"]


def test_each_log_is_switched_by_itself_and_says_what_it_costs(
    open_page: Callable[..., Page], logged: LocalAzure, quiet: str
) -> None:
    def enabled() -> set[str]:
        return {
            each["category"]
            for setting in logged.arm("GET", quiet, version=VERSION).json()["value"]
            for each in setting["properties"]["logs"]
            if each["enabled"]
        }

    page = open_page("logs", logged, endpoint=QUIET, view="traffic").settled()
    for number, (category, words) in enumerate(
        ((CONSOLE, "each line that a container writes"), (EVENTS, "each start, stop and failed probe")), 1
    ):
        page.app.button(key=f"log_on:{category}:list").click().run()
        assert words in texts(page)
        assert "charges for every gigabyte" in texts(page)
        page.app.button(key="ask_confirm").click().run()
        page.app.run()
        assert len(enabled()) == number
    assert enabled() == {CONSOLE, EVENTS}
    page.app.button(key=f"log_off:{CONSOLE}:sluice").click().run()
    page.app.button(key="ask_confirm").click().run()
    assert enabled() == {EVENTS}


def test_a_reader_is_told_which_role_is_missing(open_page: Callable[..., Page], logged: LocalAzure, quiet: str) -> None:
    page = open_page("logs", logged, role="reader", endpoint=QUIET, view="traffic")
    page.app.button(key=f"log_on:{TRAFFIC}:state").click().run()
    page.app.button(key="ask_confirm").click().run()
    page.app.run()
    assert "Monitoring Contributor" in page.html()
    assert not logged.arm("GET", quiet, version=VERSION).json()["value"]


def test_log_analytics_that_refuses_is_told_and_the_rest_stays(
    open_page: Callable[..., Page], logged: LocalAzure
) -> None:
    logged.control("POST", "faults", {"path": "/v1/*", "status": 403}).raise_for_status()
    try:
        page = open_page("logs", logged, endpoint=LOGGED, view="traffic").settled()
    finally:
        logged.control("DELETE", "faults").raise_for_status()
    assert "could not be read" in page.html()
    assert "is sent to <b>local</b>" in page.html()


def test_an_address_to_a_minute_is_read_as_it_is_written() -> None:
    at = datetime.fromtimestamp(int(time.time()), UTC)
    assert url_time.moment(url_time.written(at)) == at
    assert url_time.moment("2026-03-01T14:05:00") == datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    assert url_time.moment("soon") is None
