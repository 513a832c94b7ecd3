"""Twenty deployments on the Traffic page: by pointer, by keyboard, on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle, wait_for
from tests.e2e.steps import delete, share_of

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
NAMES = [f"part-{number:02}" for number in range(20)]
LIVE = {"part-00": 50, "part-07": 30, "part-19": 20}


def handles(page: Page) -> list[dict[str, float]]:
    """Where the handles of the slider stand, in pixels from the left of the bar, and how wide the bar is."""
    return list(
        page.get_by_role("group", name="Live traffic of").evaluate(
            """group => [...group.querySelectorAll('[role=slider]')].map(handle => ({
                x: parseFloat(handle.style.left), width: group.clientWidth }))"""
        )
    )


def test_a_bar_of_many_deployments_can_be_moved_on_a_phone(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    endpoint = "twenty-parts"
    seed = {"endpoints": [{"name": endpoint, "deployments": NAMES, "traffic": LIVE}]}
    sluice.arm.control("POST", "seed", json=seed)
    try:
        page = open_page(f"{sluice.url}/traffic?endpoint={endpoint}", width=390, height=844)
        sliders = page.get_by_role("group", name="Live traffic of").get_by_role("slider")
        expect(sliders).to_have_count(2)
        first = page.get_by_role("slider", name="Boundary between part-00 and part-07")
        first.focus()
        page.keyboard.press("End")
        expect(first).to_have_attribute("aria-valuetext", "part-00 100 %, part-07 0 %")
        expect(share_of(page, "part-00")).to_have_value("100")
        expect(sliders).to_have_count(2)
        places = handles(page)
        assert places[1]["x"] - places[0]["x"] >= 10, "handles on one boundary stand side by side"
        expect(first).to_be_focused()
        page.get_by_role("button", name="Even").click()
        expect(sliders).to_have_count(19)
        settle(page)
        box = page.get_by_role("group", name="Live traffic of").bounding_box()
        grip = page.get_by_role("slider", name="Boundary between part-09 and part-10").bounding_box()
        assert box
        assert grip
        page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] + 40, grip["y"] + 10, steps=4)
        page.mouse.up()
        settle(page)
        # A bar that is being drawn anew has no width for a moment.
        places = wait_for(lambda: [place for place in handles(page) if place["width"]], "a bar that is laid out")
        assert len(places) == 19
        assert all(0 <= place["x"] <= place["width"] + 1 for place in places), "no handle leaves the bar"
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    finally:
        delete(sluice.arm, endpoint)
