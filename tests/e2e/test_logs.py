"""The views of the Logs page in a browser: light and dark, wide and narrow."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle, wait_for
from tests.e2e.steps import findings

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"
OPENED = "One request"


def switched_on(page: Page) -> None:
    """Have the traffic log sent, as a person does; fine when it is already."""
    is_sent = page.get_by_text("The traffic log is sent to")
    switch = page.locator(".st-key-log_state").get_by_role("button", name="Switch on the traffic log")
    expect(is_sent.or_(switch).first).to_be_visible()
    if switch.count():
        switch.first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("charges for every gigabyte")
        dialog.get_by_role("button", name="Switch on", exact=True).click()
    expect(is_sent).to_be_visible()
    settle(page)


def scored(sluice: Sluice) -> str:
    """The id of a request that the endpoint has just answered, once it is written down."""
    since = time.time() - 60
    request_id = sluice.arm.score(DIGITS, "{}").headers["x-ms-request-id"]
    wait_for(
        lambda: any(
            each["request_id"] == request_id
            for each in sluice.arm.control("GET", "requests", params={"endpoint": DIGITS, "since": since})["value"]
        ),
        "the request to be written down",
    )
    return str(request_id)


def test_the_traffic_log_is_switched_on_and_a_request_of_it_opened(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    address = f"{sluice.url}/logs?endpoint={DIGITS}&view=traffic"
    switched_on(open_page(address))
    request_id = scored(sluice)
    # A time of its own: the list of the last hour has just been read, and is kept for a moment.
    now = datetime.now(UTC)
    ends = f"from={now - timedelta(minutes=5):%Y-%m-%dT%H:%MZ}&to={now + timedelta(minutes=2):%Y-%m-%dT%H:%MZ}"

    def is_open(page: Page) -> None:
        expect(page.get_by_role("heading", name=OPENED)).to_be_visible()
        expect(page.get_by_text(request_id).first).to_be_visible()
        expect(page.get_by_role("table", name=f"Requests to {DIGITS}, newest first")).to_be_visible()

    assert findings(open_page, f"{address}&{ends}&request={request_id}", is_open) == []


def test_a_query_is_run_and_answered_in_a_table(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    address = f"{sluice.url}/logs?endpoint={DIGITS}&view=query"

    def is_answered(page: Page) -> None:
        query = page.get_by_label("Query in KQL")
        query.fill("AmlOnlineEndpointTrafficLog | summarize Requests = count() by DeploymentName")
        query.press("Control+Enter")
        expect(page.get_by_role("table").first).to_be_visible()
        settle(page)

    assert findings(open_page, address, is_answered) == []
    page = open_page(address)
    page.get_by_label("Query in KQL").fill("AmlOnlineEndpointTrafficLog\n| where ???")
    page.get_by_label("Query in KQL").press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("The query could not be run.")
    expect(page.get_by_text(re.compile("Line 2, column"))).to_be_visible()


def test_the_lines_of_the_containers_are_shown(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    def is_there(page: Page) -> None:
        expect(page.get_by_role("log").locator(".line").first).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        settle(page)

    assert findings(open_page, f"{sluice.url}/logs?endpoint={DIGITS}", is_there) == []


def test_the_events_are_shown(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    def is_there(page: Page) -> None:
        expect(page.get_by_role("heading", name="Writes to the endpoint")).to_be_visible()
        expect(page.locator(".working")).to_have_count(0)
        settle(page)

    assert findings(open_page, f"{sluice.url}/logs?endpoint={DIGITS}&view=events", is_there) == []


def test_the_kept_lines_are_shown(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    def is_there(page: Page) -> None:
        expect(page.get_by_role("log")).to_be_visible()
        expect(page.locator(".working")).to_have_count(0)
        settle(page)

    assert findings(open_page, f"{sluice.url}/logs?endpoint={DIGITS}&lines=Kept", is_there) == []
