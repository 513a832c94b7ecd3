"""From a point of a chart to the requests and log lines of its minute, and the period before below the lines of now."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import ours_of, press

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"
TRAFFIC = "AmlOnlineEndpointTrafficLog"
VERSION = "2021-05-01-preview"


def test_a_click_on_a_point_opens_its_minute_and_escape_goes_back(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{sluice.url}/metrics?endpoint={DIGITS}")
    area = page.locator(".st-key-latency .nsewdrag").first
    expect(area).to_be_visible()
    settle(page)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    at = box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2
    page.mouse.move(at[0] - 6, at[1])
    page.mouse.move(*at, steps=3)
    expect(
        page.locator(".st-key-latency .hoverlayer .hovertext, .st-key-latency .hoverlayer .legend").first
    ).to_be_visible()
    page.mouse.click(*at)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The minute ")
    expect(page).to_have_url(re.compile("minute="))
    expect(dialog.get_by_role("table", name="The numbers of this time")).to_contain_text("blue")
    expect(dialog).not_to_contain_text("…")
    assert ours_of(Axe().run(page)) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("minute="))

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


@pytest.mark.usefixtures("logged")
def test_a_failed_request_is_reached_from_its_minute_without_a_pointer(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    sluice.arm.score(DIGITS, "no JSON")
    minute = datetime.now(UTC)
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
