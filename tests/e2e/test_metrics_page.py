"""The Metrics page in a browser: light and dark, wide and narrow, with limits and where copies are visible."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import findings

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"
LIMIT = "P95, ms"


def test_a_limit_is_set_and_drawn_and_every_part_of_the_page_is_there(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    address = f"{sluice.url}/metrics?endpoint={DIGITS}"
    page = open_page(address)
    page.get_by_label(LIMIT, exact=True).fill("250")
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_role("status").filter(has_text="The limits are saved.")).to_be_visible()
    settle(page)

    def is_whole(page: Page) -> None:
        expect(page.locator(".st-key-latency .legendtext").filter(has_text="250").first).to_be_visible()
        page.get_by_text("As alert rules of Azure Monitor").click()
        expect(page.get_by_role("table", name="Sources and mirrored requests")).to_be_visible()
        expect(page.get_by_role("heading", name="Metrics beside the traffic log")).to_be_visible()
        settle(page)

    try:
        assert findings(open_page, address, is_whole) == []
    finally:
        page.get_by_label(LIMIT, exact=True).fill("")
        page.get_by_role("button", name="Save limits").click()
        expect(page.get_by_role("status").filter(has_text="The limits are saved.")).to_be_visible()
