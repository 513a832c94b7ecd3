"""One minute of the charts, looked at closely, on a running local Azure with a known past."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from tests.contract.history import row
from tests.contract.monitor_clients import TABLES, past, seed, switch_logs_on
from tests.local_azure import LocalAzure
from tests.pages.conftest import Page
from ui.logs import request_links
from ui.metrics.minute_address import Moment, clicked

LOGGED, QUIET = "page-minute", "page-minute-quiet"


@pytest.fixture(scope="module")
def spike(local_azure: LocalAzure) -> datetime:
    """A minute with ten requests, three of them failed, of an endpoint whose traffic log is sent, and of one whose is
    not; no container runs behind either."""
    local_azure.control("DELETE", "faults").raise_for_status()
    made = {"deployments": ["blue", "green"], "traffic": {"blue": 100}}
    seed(local_azure, endpoints=[{"name": name, **made} for name in (LOGGED, QUIET)])
    switch_logs_on(local_azure, f"{local_azure.workspace}/onlineEndpoints/{LOGGED}", TABLES[0], ago=3600)
    at = past(30)
    rows = [
        {
            **row(at + timedelta(seconds=number), name, "blue", 424 if number < 3 else 200, 10.0 * (number + 1)),
            "request_id": f"{name}-{number}",
        }
        for name in (LOGGED, QUIET)
        for number in range(10)
    ]
    seed(local_azure, rows=rows)
    return at


def read(page: Page) -> Page:
    """The page once every source of the minute has been read."""
    deadline = time.monotonic() + 60
    while any(f"{what} …" in page.html() for what in ("metrics", "traffic log", "logs", "activity log")):
        assert time.monotonic() < deadline, page.html()
        page.app.run()
    return page


def address(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"


@pytest.mark.emulator
def test_a_minute_has_its_numbers_and_its_failed_and_slowest_requests(
    open_page: Callable[..., Page], local_azure: LocalAzure, spike: datetime
) -> None:
    page = read(open_page("metrics", local_azure, endpoint=LOGGED, minute=address(spike)))
    [blue, green] = page.rows("minute_numbers")
    assert blue[:4] == ["blue", "10", "7", "3"]
    assert green[:4] == ["green", "no data", "no data", "no data"]
    assert "10 requests in the traffic log, 3 failed." in page.html()
    assert [line[-1] for line in page.rows("minute_failed")] == [f"{LOGGED}-{number}" for number in (2, 1, 0)]
    assert [line[-1] for line in page.rows("minute_slowest")][:2] == [f"{LOGGED}-9", f"{LOGGED}-8"]
    href = page.component("minute_failed")["rows"][0]["href"]
    assert href.startswith("logs?")
    assert f"request={LOGGED}-2" in href
    assert "None is known." in page.html(), "nothing was changed then"


@pytest.mark.emulator
def test_a_source_that_fails_says_so_and_the_others_stay(
    open_page: Callable[..., Page], local_azure: LocalAzure, spike: datetime
) -> None:
    local_azure.control("POST", "faults", {"path": "/v1/*", "status": 403}).raise_for_status()
    try:
        page = read(open_page("metrics", local_azure, endpoint=LOGGED, minute=address(spike)))
    finally:
        local_azure.control("DELETE", "faults").raise_for_status()
    assert f"The traffic log of {LOGGED} could not be read." in page.html()
    assert page.rows("minute_numbers")[0][1] == "10"
    page.app.button(key="minute_again").click().run()
    # What failed stays on the page until it has been read again.
    deadline = time.monotonic() + 60
    while "10 requests in the traffic log" not in page.html():
        assert time.monotonic() < deadline, page.html()
        page.app.run()


@pytest.mark.emulator
def test_a_log_that_is_not_sent_leads_to_its_switch(
    open_page: Callable[..., Page], local_azure: LocalAzure, spike: datetime
) -> None:
    page = read(open_page("metrics", local_azure, endpoint=QUIET, minute=address(spike)))
    assert "The traffic log is not sent to Log Analytics, so single requests are not known." in page.html()
    assert "Switch the traffic log on" in [link.proto.label for link in page.app.get("page_link")]
    assert page.rows("minute_numbers")[0][1:4] == ["10", "7", "3"]


@pytest.mark.emulator
def test_a_minute_is_opened_by_its_time_too(
    open_page: Callable[..., Page], local_azure: LocalAzure, spike: datetime
) -> None:
    page = open_page("metrics", local_azure, endpoint=LOGGED)
    assert "minute" not in page.app.query_params
    next(each for each in page.app.button if each.label == "Look").click().run()
    assert page.app.query_params["minute"]
    assert read(page).component("minute_numbers")


@pytest.mark.emulator
@pytest.mark.parametrize(("asked", "said"), [("soon", ""), ("2099-01-01T00:00Z", "This time is still to come.")])
def test_a_time_that_makes_no_sense_opens_nothing(
    open_page: Callable[..., Page], local_azure: LocalAzure, spike: datetime, asked: str, said: str
) -> None:
    page = open_page("metrics", local_azure, endpoint=LOGGED, minute=asked)
    assert said in page.html()
    assert not [each for each in page.app.get("bidi_component") if each.proto.id.endswith("-minute_numbers")]


@pytest.mark.emulator
def test_a_request_opened_in_full_leads_to_the_lines_of_its_time_and_of_its_id(
    open_page: Callable[..., Page], local_azure: LocalAzure, spike: datetime
) -> None:
    for way, expected in (("0", {"from", "to"}), ("1", {"q"})):
        page = open_page("logs", local_azure, endpoint=LOGGED, view="traffic", request=f"{LOGGED}-2").settled()
        page.app.button(key=f"request_link_traffic_0_{way}").click().run()
        asked = page.app.query_params
        assert (asked["view"], asked["deployment"]) == ("containers", "blue")
        assert expected <= set(asked)
        assert "request" not in asked
    assert request_links.to_lines(spike, 1500.0, "") == {
        "view": "containers",
        "from": f"{spike - timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{spike + timedelta(seconds=4):%Y-%m-%dT%H:%M:%SZ}",
    }


def test_a_clicked_point_is_the_minute_of_its_wall_time() -> None:
    at = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    assert clicked("2026-03-01 14:05", UTC, 60) == Moment(at)
    assert clicked("2026-03-01 15:05:40.5", ZoneInfo("Europe/Berlin"), 60) == Moment(at)
    assert clicked("2026-03-01T14:05:00", UTC, 3600) == Moment(at, 60)
    assert clicked("no time", UTC, 60) is None
    assert clicked("", UTC, 60) is None
    assert Moment(at, 60).until == at + timedelta(hours=1)


def test_the_address_of_a_longer_point_is_read_as_it_is_written() -> None:
    def script() -> None:
        from datetime import UTC, datetime

        import streamlit as st

        from ui.metrics import minute_address
        from ui.metrics.minute_address import Moment

        for minutes in (60, 1):
            asked = Moment(datetime(2026, 3, 1, 14, tzinfo=UTC), minutes)
            minute_address.open_at(asked)
            st.write(minute_address.opened() == asked)
        st.query_params["minutes"] = "9999999"
        st.write(minute_address.opened() == asked)
        minute_address.close()
        st.write(minute_address.opened() is None)

    app = AppTest.from_function(script).run()
    assert [each.value for each in app.markdown] == ["`True`"] * 4
