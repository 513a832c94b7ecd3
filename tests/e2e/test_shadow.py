"""The Shadow page in a browser: a test from its start to its frozen verdict, and the promotion prepared by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Sluice, settle, wait_for
from tests.e2e.steps import findings, menu, ours_of, press, restore, split_of

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"
PAPER_PX = 703
"""A4 less 12 mm on either side, in CSS pixels."""


def wrong_with(browser: Browser, report: str) -> list[tuple[str, ...]]:
    """axe's findings in a report, light and dark, wide and narrow, and what of it would be cut off on paper."""
    found: list[tuple[str, ...]] = []
    page = browser.new_page()
    try:
        page.goto(report)
        for scheme, width in (("light", 1440), ("dark", 390)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two that it knows
            page.set_viewport_size({"width": width, "height": 900})
            found += [(f"{scheme} {width} px", *each) for each in ours_of(Axe().run(page))]
        page.emulate_media(media="print")
        page.set_viewport_size({"width": PAPER_PX, "height": 1000})
        beyond = """width => [...document.querySelectorAll("main *")]
            .filter(one => one.getBoundingClientRect().right > width + 1).map(one => one.outerHTML.slice(0, 80))"""
        found += [("paper", each) for each in page.evaluate(beyond, PAPER_PX)]
    finally:
        page.close()
    return found


def test_a_shadow_test_runs_survives_a_second_tab_and_prepares_its_promotion(
    sluice: Sluice, open_page: Callable[..., Page], browser: Browser, tmp_path: Path
) -> None:
    live, mirror = split_of(sluice.arm, DIGITS)
    address = f"{sluice.url}/shadow?endpoint={DIGITS}"
    page = open_page(f"{sluice.url}/traffic?endpoint={DIGITS}")
    press(page, menu(page, "Shadow"))
    page.get_by_role("heading", name="Start a shadow test").wait_for()
    settle(page)
    try:
        answers = page.get_by_role("spinbutton", name="Answers that differ, %")
        answers.fill("5")
        answers.press("Tab")
        settle(page)
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
            expect(page.get_by_role("heading", name="Answers", exact=True)).to_be_visible()
            settle(page)

        with page.expect_download() as taken:
            page.get_by_role("button", name="Report as HTML").click()
        report = tmp_path / "report.html"
        taken.value.save_as(report)
        assert findings(open_page, address, is_whole) == []
        assert wrong_with(browser, report.as_uri()) == []
        press(page, page.get_by_role("button", name="Stop"))
        press(page, page.get_by_role("dialog").get_by_role("button", name="Stop"))
        expect(verdict).to_contain_text("Somebody stopped it before its time.")
        wait_for(lambda: split_of(sluice.arm, DIGITS)[1] == {}, "the mirror to be cleared")
        assert split_of(sluice.arm, DIGITS)[0] == live
        press(page, page.get_by_role("button", name="Prepare promotion"))
        expect(page.get_by_role("heading", level=1, name="Traffic")).to_be_visible()
        expect(page.get_by_label("green, %").first).to_have_value("100")
        assert split_of(sluice.arm, DIGITS)[0] == live, "nothing is applied"
    finally:
        restore(sluice.arm, DIGITS, live, mirror)
