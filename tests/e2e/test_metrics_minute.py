"""From a point of a chart to the requests and log lines of its minute, and the period before below the lines of now."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as NotThere

from tests.e2e.conftest import Sluice, settle, wait_for
from tests.e2e.steps import plot_area, press, violations

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"
TRAFFIC = "AmlOnlineEndpointTrafficLog"
HOVERED = ".st-key-latency .hoverlayer .hovertext, .st-key-latency .hoverlayer .legend"
VERSION = "2021-05-01-preview"


def test_a_click_on_a_point_opens_its_minute_and_escape_goes_back(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{sluice.url}/metrics?endpoint={DIGITS}")
    dialog = page.get_by_role("dialog")

    def is_opened() -> bool:
        box = plot_area(page, "latency")
        at = box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2
        page.mouse.move(at[0] - 6, at[1])
        page.mouse.move(*at, steps=3)
        try:
            page.locator(HOVERED).first.wait_for(timeout=5_000)
            page.mouse.click(*at)
            dialog.wait_for(timeout=10_000)
        except NotThere:
            # New numbers have come in between, and the chart was drawn anew.
            return False
        return True

    wait_for(is_opened, "a point to be hit")
    expect(dialog).to_contain_text("The minute ")
    expect(page).to_have_url(re.compile("minute="))
    expect(dialog.get_by_role("table", name="The numbers of this time")).to_contain_text("blue")
    expect(dialog).not_to_contain_text("…")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("minute="))

    # The samples have a past of three hours, so the hour before has data.
    page.get_by_text("1 h", exact=True).click()
    page.get_by_text("Period before", exact=True).click()
    expect(page.locator(".st-key-latency .legendtext", has_text="before").first).to_be_visible()


@pytest.fixture
def logged(sluice: Sluice) -> Iterator[None]:
    """Sends the traffic log of the endpoint while the test runs."""
    arm = sluice.arm

    def call(method: str, path: str, version: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {arm.token()}"}
        answer = arm.http.request(method, arm.url + path, params={"api-version": version}, headers=headers, json=body)
        return answer.raise_for_status()

    group = arm.workspace.partition("/providers/")[0]
    listed = call("GET", f"{group}/providers/Microsoft.OperationalInsights/workspaces", "2023-09-01").json()["value"]
    endpoint = f"{arm.workspace}/onlineEndpoints/{DIGITS}"
    settings = f"{endpoint}/providers/Microsoft.Insights/diagnosticSettings"
    if call("GET", settings, VERSION).json()["value"]:
        # Another test has switched it on. Azure takes a category to a workspace only once.
        yield
        return
    setting = f"{settings}/minute"
    sent = {"workspaceId": listed[0]["id"], "logs": [{"category": TRAFFIC, "enabled": True}]}
    call("PUT", setting, VERSION, {"properties": sent})
    yield
    call("DELETE", setting, VERSION)


def failed_within_a_minute(sluice: Sluice) -> datetime:
    """A time in whose minute a request was sent, and has failed."""

    def sent() -> datetime | None:
        began = datetime.now(UTC)
        sluice.arm.score(DIGITS, "no JSON")
        return began if began.minute == datetime.now(UTC).minute else None

    found = wait_for(sent, "a request that lies in one minute")
    assert isinstance(found, datetime)
    return found


@pytest.mark.usefixtures("logged")
def test_a_failed_request_is_reached_from_its_minute_without_a_pointer(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    minute = failed_within_a_minute(sluice)
    page = open_page(f"{sluice.url}/metrics?endpoint={DIGITS}")
    press(page, page.get_by_role("button", name="A minute"))
    expect(page.get_by_role("button", name="Look", exact=True)).to_be_visible()
    page.goto(f"{page.url}&minute={minute:%Y-%m-%dT%H:%MZ}")
    failed = page.get_by_role("dialog").get_by_role("table", name="Failed")
    failed.get_by_role("link").first.press("Enter")
    expect(page.get_by_role("heading", name="One request")).to_be_visible()
    expect(page).to_have_url(re.compile("/logs.*request="))
    settle(page)
    page.get_by_role("button", name="Container lines of its time").press("Enter")
    expect(page).to_have_url(re.compile("view=containers"))
    expect(page.get_by_role("log").locator(".line").first).to_be_visible()
