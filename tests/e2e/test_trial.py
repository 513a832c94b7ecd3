"""A trial in a browser: the starter kit is tried on a local Azure, answers, and another one is stopped."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import press, violations

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]


def test_the_starter_kit_is_tried_and_a_second_trial_is_stopped(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/deploy?new=endpoint", dark=True)
    page.get_by_role("textbox", name="Name of the endpoint").fill("tried-in-a-browser")
    press(page, page.get_by_role("button", name="Use it here"))
    press(page, page.get_by_role("button", name="Apply …"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 × Standard_DS3_v2")
    assert violations(page) == [], "a dialog lies beside the app, and has its colours all the same"
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    press(page, page.get_by_role("button", name="Try on the local Azure"))
    expect(page.get_by_role("button", name="Stop the trial")).to_be_visible()
    # It goes on in the server: another look at the same address finds it.
    assert re.search("draft=[0-9a-f]{32}", page.url)
    page.reload()
    expect(page.get_by_text("blue works here.")).to_be_visible(timeout=300_000)
    settle(page)
    expect(page.get_by_text("Answer: 200")).to_be_visible()
    expect(page.get_by_text("POST /score 200").first).to_be_visible()
    assert sluice.arm.call("GET", "onlineEndpoints/tried-in-a-browser").status_code == 404, "nothing is applied"

    press(page, page.get_by_role("button", name="Try on the local Azure"))
    press(page, page.get_by_role("button", name="Stop the trial"))
    expect(page.get_by_text("The trial of blue was stopped.")).to_be_visible(timeout=120_000)
    press(page, page.get_by_role("button", name="Put away"))
    expect(page.get_by_text("The trial of blue was stopped.")).to_have_count(0)
