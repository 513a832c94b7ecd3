"""The table and the timeline by themselves in a browser: what is pressed while they are drawn again is not lost."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.e2e
SETUP = """async ([source]) => {
    const draw = (await import(source)).default;
    const place = document.body.appendChild(document.createElement("div"));
    window.wanted = [];
    window.rows = (count) => draw({
        parentElement: place,
        data: {
            label: "Endpoints", columns: [{ label: "Endpoint" }], search: true, sortable: true, tells: true,
            filters: [{ id: "idle", label: "Idle", is_known: true }],
            rows: [...Array(count).keys()].map((id) => ({ id, cells: [{ text: `e${id}` }], marks: ["idle"] })),
        },
        setTriggerValue: () => {},
        setStateValue: (name, view) => window.wanted.push(view.filters.join()),
    });
    window.rows(1);
}"""


def by_key(page: Page, between: Callable[[], object]) -> None:
    page.get_by_role("button", name="Idle").focus()
    page.keyboard.down("Space")
    between()
    page.keyboard.up("Space")


def by_pointer(page: Page, between: Callable[[], object]) -> None:
    page.get_by_role("button", name="Idle").hover()
    page.mouse.down()
    between()
    page.mouse.up()


@pytest.mark.parametrize("press", [by_key, by_pointer])
def test_a_press_is_taken_while_rows_come_in_and_the_rows_are_shown_after_it(
    browser: Browser, press: Callable[[Page, Callable[[], object]], None]
) -> None:
    source = base64.b64encode((ROOT / "ui" / "components" / "table.js").read_bytes()).decode()
    page = browser.new_page()
    try:
        page.evaluate(SETUP, [f"data:text/javascript;base64,{source}"])
        press(page, lambda: page.evaluate("window.rows(3)"))
        page.wait_for_function("document.querySelectorAll('tbody tr').length === 3")
        assert page.evaluate("window.wanted") == ["idle"]
        assert page.get_by_role("button", name="Idle").get_attribute("aria-pressed") == "true"
        page.evaluate("window.rows(5)")
        page.wait_for_function("document.querySelectorAll('tbody tr').length === 5")
    finally:
        page.close()


LINE = """async ([source]) => {
    const draw = (await import(source)).default;
    const place = document.body.appendChild(document.createElement("div"));
    window.acts = [];
    const item = {
        id: "one", tone: "", outcome: "applied", when: "12:00", words: "blue 100 %", was: "", quote: "", note: "",
        link: null, parts: [], lines: [], details: [], acts: [{ id: "undo", label: "Undo", why_off: "" }],
    };
    window.again = (name) => draw({
        parentElement: place, data: { label: "Changes", items: [item] },
        setTriggerValue: (_, act) => window.acts.push(`${name} ${act.act}`),
    });
    window.again("first");
}"""


def test_a_press_in_a_timeline_that_is_drawn_again_meanwhile_goes_to_its_newest_drawing(browser: Browser) -> None:
    source = base64.b64encode((ROOT / "ui" / "components" / "timeline.js").read_bytes()).decode()
    page = browser.new_page()
    try:
        page.evaluate(LINE, [f"data:text/javascript;base64,{source}"])
        page.get_by_role("button", name="Undo").hover()
        page.mouse.down()
        page.evaluate("window.again('second')")
        page.mouse.up()
        assert page.evaluate("window.acts") == ["second undo"]
    finally:
        page.close()
