"""A load test in a browser: the question, the live chart, a reload in between, the stop, and the result."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import violations

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
ENDPOINT = "wine-cultivars"


def test_a_load_test_on_live_traffic_is_confirmed_watched_and_stopped(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{sluice.url}/test?endpoint={ENDPOINT}&view=load")
    page.get_by_role("radio", name="Through the split").click()
    settle(page)
    seconds = page.get_by_label("Duration, s")
    seconds.fill("300")
    seconds.press("Enter")
    expect(page.get_by_text("3,000 requests in 5 min 0 s")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Start load test").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("callers wait")
    dialog.get_by_role("button", name="Start anyway").click()
    expect(page.get_by_role("heading", name="Load test running")).to_be_visible()
    bars = page.locator(".load-bars.good .columns s")
    expect(bars.nth(2)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Load test running")).to_be_visible()
    expect(bars.nth(4)).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("heading", name="Result", exact=True)).to_be_visible()
    expect(page.get_by_text("Ended early. It was stopped.")).to_be_visible()
    settle(page)
    assert violations(page) == []
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download seconds, CSV").click()
    assert saved.value.path().read_text().startswith("second,sent,good,failed")
    page.get_by_role("button", name="Delete this result").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text(re.compile("No load test was run"))).to_be_visible()
