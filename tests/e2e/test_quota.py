"""The Quota page in a browser: cores, a price, what uses a deployment, the CSV; and axe of it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import delete, findings, press

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"


def is_drawn(page: Page) -> None:
    expect(page.get_by_role("heading", name="Deployments")).to_be_visible()
    settle(page)


def test_cores_prices_and_use_are_read_and_kept(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/quota")
    is_drawn(page)
    families = page.locator(".st-key-quota_families")
    expect(families.get_by_role("row").filter(has_text="standardDSv2Family")).to_contain_text("of deployments")
    expect(families.get_by_role("row").filter(has_text="All families")).to_contain_text("no limit")
    page.get_by_role("textbox", name="Price of an hour").fill("0.25")
    page.get_by_role("textbox", name="Currency").fill("EUR")
    page.get_by_role("textbox", name="Currency").press("Enter")
    settle(page)
    press(page, page.get_by_role("button", name="Set", exact=True))
    blue = page.locator(".st-key-quota_deployments").get_by_role("row").filter(has_text=f"{DIGITS}/blue")
    expect(blue).to_contain_text("182.50 EUR")
    expect(blue).to_contain_text("Its last request came in the hour from")
    with page.expect_download() as download:
        page.locator(".st-key-quota_deployments").get_by_role("button", name="Download CSV").click()
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = {row["Deployment"]: row for row in csv.DictReader(file)}
    assert rows[f"{DIGITS}/blue"]["cores_of_quota"] == "8"
    press(page, page.get_by_role("button", name="Remove…"))
    press(page, page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True))
    expect(page.get_by_text("No price is known")).to_be_visible()


def test_what_is_read_again_is_shown_as_soon_as_it_is_there(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/quota")
    is_drawn(page)
    control = sluice.arm.control
    made = control("POST", "seed", json={"endpoints": [{"name": "long-idle", "deployments": ["old"]}]})
    assert made["endpoints"] == 1
    document = sluice.arm.get("onlineEndpoints/long-idle/deployments/old")
    created = f"{datetime.now(UTC) - timedelta(days=300):%Y-%m-%dT%H:%M:%SZ}"
    control("POST", "seed", json={"created": [{"id": document["id"], "createdAt": created}]})
    try:
        press(page, page.get_by_role("button", name="Read again"))
        row = page.locator(".st-key-quota_deployments").get_by_role("row").filter(has_text="long-idle/old")
        expect(row).to_contain_text("idle")
        expect(row).to_contain_text("it has neither live nor mirrored traffic")
        expect(page.get_by_text("Reading again")).to_have_count(0)
    finally:
        delete(sluice.arm, "long-idle")


def test_nothing_on_the_page_is_hard_to_reach(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    assert findings(open_page, f"{sluice.url}/quota", is_drawn) == []
