"""The Autoscale page in a browser, by keyboard: a setting is made, looked at with axe, and deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import findings, press

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"


def is_drawn(page: Page) -> None:
    expect(page.get_by_role("button", name="Remove rule 1")).to_be_visible()
    settle(page)


def agree(page: Page, verb: str) -> None:
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("blue")
    press(page, dialog.get_by_role("button", name=verb, exact=True))
    settle(page)


def test_a_setting_is_made_looked_at_and_deleted(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    address = f"{sluice.url}/autoscale?endpoint={DIGITS}&deployment=blue"
    page = open_page(address)
    press(page, page.get_by_role("button", name="Set up autoscale"))
    is_drawn(page)
    least = page.get_by_role("spinbutton", name="Minimum").first
    least.fill("1")
    least.press("Enter")
    expect(page.get_by_text("It may go down to one instance.")).to_be_visible()
    settle(page)
    press(page, page.get_by_role("button", name="Save…"))
    agree(page, "Save")
    expect(page.get_by_text("Nothing: this is what Azure holds.")).to_be_visible()
    try:
        assert findings(open_page, address, is_drawn) == []
    finally:
        press(page, page.get_by_role("button", name="Delete…"))
        agree(page, "Delete")
        expect(page.get_by_role("button", name="Set up autoscale")).to_be_visible()
