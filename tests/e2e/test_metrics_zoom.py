"""Dragging over a chart reads that time again, and a button goes back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as NotThere

from tests.e2e.conftest import Sluice, wait_for
from tests.e2e.steps import plot_area

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]

DIGITS = "whats-in-a-name"


def test_dragging_over_a_chart_narrows_the_time_and_a_button_goes_back(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{sluice.url}/metrics?endpoint={DIGITS}")
    back = page.get_by_role("button", name="Back to the last 3 h")

    def is_narrowed() -> bool:
        box = plot_area(page, "latency")
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.3 * box["width"], middle)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=8)
        page.mouse.up()
        try:
            back.wait_for(timeout=10_000)
        except NotThere:
            # New numbers have come in between, and the chart was drawn anew.
            return False
        return True

    wait_for(is_narrowed, "a time to be marked")
    expect(page).to_have_url(re.compile("from=.+to="))
    back.click()
    expect(back).to_have_count(0)
    expect(page).not_to_have_url(re.compile("from="))
