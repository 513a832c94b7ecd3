"""The Shadow page in a browser: a test from its start to its frozen verdict, and the promotion prepared by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle, wait_for
from tests.e2e.steps import findings, menu, press, split_of

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"


def test_a_shadow_test_runs_survives_a_second_tab_and_prepares_its_promotion(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    live, mirror = split_of(sluice.arm, DIGITS)
    document = sluice.arm.get(f"onlineEndpoints/{DIGITS}")
    address = f"{sluice.url}/shadow?endpoint={DIGITS}"
    page = open_page(f"{sluice.url}/traffic?endpoint={DIGITS}")
    press(page, menu(page, "Shadow"))
    page.get_by_role("heading", name="Start a shadow test").wait_for()
    settle(page)
    try:
        press(page, page.get_by_role("button", name="Start shadow test"))
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Callers notice nothing")
        press(page, dialog.get_by_role("button", name="Start shadow test"))
        verdict = page.get_by_role("region", name="Verdict")
        expect(verdict).to_contain_text("NEED MORE")
        expect(page.get_by_role("article", name="Errors")).to_contain_text("at most +0.5 points")
        settle(page)

        def is_whole(page: Page) -> None:
            expect(page.get_by_role("region", name="Verdict")).to_contain_text("so far")
            expect(page.get_by_role("button", name="Start shadow test")).to_have_count(0)
            settle(page)

        assert findings(open_page, address, is_whole) == []
        press(page, page.get_by_role("button", name="Stop"))
        press(page, page.get_by_role("dialog").get_by_role("button", name="Stop"))
        expect(verdict).to_contain_text("Somebody stopped it before its time.", timeout=60_000)
        wait_for(lambda: split_of(sluice.arm, DIGITS)[1] == {}, "the mirror to be cleared")
        assert split_of(sluice.arm, DIGITS)[0] == live
        press(page, page.get_by_role("button", name="Prepare promotion"))
        expect(page.get_by_role("heading", level=1, name="Traffic")).to_be_visible()
        expect(page.get_by_label("green, %").first).to_have_value("100")
        assert split_of(sluice.arm, DIGITS)[0] == live, "nothing is applied"
    finally:
        document["properties"] |= {"traffic": dict(live), "mirrorTraffic": dict(mirror)}
        sluice.arm.call("PUT", f"onlineEndpoints/{DIGITS}", document).raise_for_status()
