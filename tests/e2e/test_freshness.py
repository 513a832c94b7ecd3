"""The part that counts how old the data are, by itself in a browser: it asks for the page once, not in a storm."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.e2e
EVERY_SECONDS = 15
DRAW = """async ([source, every, drawings]) => {
    const draw = (await import(source)).default;
    window.asked = 0;
    const place = document.body.appendChild(document.createElement("div"));
    const setTriggerValue = () => { window.asked += 1; };
    for (let i = 0; i < drawings; i += 1) {
        draw({ parentElement: place, data: { age_seconds: i, every_seconds: every }, setTriggerValue });
    }
}"""


def test_drawings_that_were_not_cleaned_up_ask_for_the_page_once(browser: Browser) -> None:
    source = (ROOT / "ui" / "components" / "freshness.js").read_bytes()
    address = f"data:text/javascript;base64,{base64.b64encode(source).decode()}"
    page = browser.new_page()
    try:
        page.clock.install()
        page.evaluate(DRAW, [address, EVERY_SECONDS, 4])
        page.clock.run_for((EVERY_SECONDS - 2) * 1000)
        assert page.evaluate("window.asked") == 0
        page.clock.run_for(60_000)
        assert page.evaluate("window.asked") == 1, "it asks again only after the page has been drawn"
        page.evaluate("document.body.replaceChildren()")
        page.clock.run_for(60_000)
        assert page.evaluate("window.asked") == 1
    finally:
        page.close()


def test_nothing_is_asked_for_while_nobody_looks_or_a_dialog_is_read(browser: Browser) -> None:
    source = (ROOT / "ui" / "components" / "freshness.js").read_bytes()
    address = f"data:text/javascript;base64,{base64.b64encode(source).decode()}"
    page = browser.new_page()
    try:
        page.clock.install()
        page.evaluate(
            "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.isAway), configurable: true })"
        )
        page.evaluate(DRAW, [address, EVERY_SECONDS, 1])
        page.evaluate("window.isAway = true")
        page.clock.run_for(3_600_000)
        assert page.evaluate("window.asked") == 0, "an hour in a tab behind others"
        page.evaluate("window.isAway = false")
        page.clock.run_for(2_000)
        assert page.evaluate("window.asked") == 1, "whoever comes back gets new numbers at once"

        page.evaluate(DRAW, [address, EVERY_SECONDS, 1])
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div role=dialog>read me</div>')")
        page.clock.run_for(600_000)
        assert page.evaluate("window.asked") == 0
        page.evaluate("document.querySelector('[role=dialog]').remove()")
        page.clock.run_for(2_000)
        assert page.evaluate("window.asked") == 1
    finally:
        page.close()
