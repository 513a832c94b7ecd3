"""The list of endpoints of many workspaces, as a person uses it: found, filtered, ordered, downloaded, opened, left."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import anywhere, violations

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]

SUBSCRIPTION = "51c0ffee-0000-4000-8000-000000000002"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-fleet"
COUNT = 60


@pytest.fixture(scope="module")
def fleet(sluice: Sluice) -> Iterator[Sluice]:
    """Sixty endpoints in a second workspace, and a third one that refuses to be read."""
    control = sluice.arm.control
    place = {"subscription": SUBSCRIPTION, "resource_group": "rg-fleet", "region": "northeurope"}
    control("POST", "seed", json={"workspaces": [{**place, "name": name} for name in ("big", "shut")]})
    endpoints = [
        {
            "name": f"seeded-{number:02}",
            "workspace": f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/big",
            "deployments": ["blue", "green"],
            "traffic": {} if number < 3 else {"blue": 90, "green": 10},
            "description": "<img src=x onerror=alert(1)> *x*",
        }
        for number in range(COUNT)
    ]
    control("POST", "seed", json={"endpoints": endpoints})
    refusal = {"path": "/subscriptions/*/workspaces/shut/*", "status": 403, "code": "AuthorizationFailed"}
    fault = control("POST", "faults", json=refusal)
    yield sluice
    control("DELETE", f"faults/{fault['id']}")


@pytest.fixture
def total(fleet: Sluice) -> int:
    """How many endpoints there are in all workspaces that can be read."""
    return COUNT + len(fleet.arm.get("onlineEndpoints")["value"])


def test_the_list_of_all_workspaces_is_used_by_keyboard_and_found_again(
    fleet: Sluice, total: int, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{fleet.url}/endpoints")
    expect(page.get_by_text("Page not found")).to_have_count(0)
    page.get_by_test_id("stMain").get_by_text("All workspaces", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Workspace shut: ")
    expect(page.get_by_role("table")).to_contain_text("whats-in-a-name")
    expect(page).to_have_url(re.compile("workspaces=all"))

    page.get_by_role("searchbox").focus()
    page.keyboard.type("Seeded northeurope")
    expect(page.get_by_role("status").filter(has_text=f"{COUNT} of {total} shown")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=Seeded\+northeurope"))
    expect(page.get_by_role("searchbox")).to_be_focused()

    chip = page.get_by_role("button", name=re.compile("^No traffic assigned"))
    chip.press("Space")
    expect(page.get_by_role("status").filter(has_text=f"3 of {total} shown")).to_be_visible()
    expect(page).to_have_url(re.compile("show=no"))
    page.get_by_role("button", name="Endpoint", exact=True).press("Enter")
    page.get_by_role("button", name="Endpoint").press("Enter")
    expect(page).to_have_url(re.compile("sort=-name"))
    expect(page.get_by_role("rowheader")).to_have_text(["seeded-02", "seeded-01", "seeded-00"])

    page.get_by_role("link", name="seeded-02").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="seeded-01")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page).to_have_url(re.compile(r"/overview\?.*endpoint=seeded-01"))
    expect(page.get_by_label("Where you are")).to_contain_text("Workspace big")

    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Endpoints")
    expect(page.get_by_role("rowheader")).to_have_text(["seeded-02", "seeded-01", "seeded-00"])
    settle(page)
    page.reload()
    settle(page)
    expect(page.get_by_role("rowheader")).to_have_text(["seeded-02", "seeded-01", "seeded-00"])
    assert violations(page, anywhere) == []


def test_what_is_shown_can_be_downloaded(fleet: Sluice, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(f"{fleet.url}/endpoints?workspaces=all&q=seeded&show=no+traffic&sort=name")
    expect(page.get_by_role("rowheader")).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "endpoints.csv")
    with (tmp_path / "endpoints.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["endpoint"] for row in rows] == ["seeded-00", "seeded-01", "seeded-02"]
    assert rows[0]["workspace"] == f"{SUBSCRIPTION}/rg-fleet/big"
    assert rows[0]["requests_per_minute"] == "", "no data is not 0"
    assert int(rows[0]["instances"]) == 2


def test_another_workspace_is_chosen_and_left_again(fleet: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{fleet.url}/endpoints")
    page.get_by_role("button", name="Other workspace").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="shut")).to_be_visible()
    assert violations(page, anywhere) == []
    dialog.get_by_role("button", name="big").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("table")).to_contain_text("seeded-00")
    expect(page.get_by_label("Where you are")).to_contain_text("Workspace big in rg-fleet, northeurope")
    expect(page).to_have_url(re.compile("workspace=51c0ffee"))

    page.goto(f"{fleet.url}/traffic?workspace={SUBSCRIPTION}/rg-fleet/none")
    home = page.get_by_role("button", name="Go to the workspace local")
    home.click()
    expect(page.get_by_label("Where you are")).to_contain_text("Workspace local")
    expect(page.get_by_role("slider", name="Boundary between blue and green")).to_be_visible()
    expect(home).to_have_count(0)


def test_many_endpoints_are_compared_in_small_charts(fleet: Sluice, total: int, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{fleet.url}/endpoints?workspaces=all&sort=-requests")
    page.get_by_text("Charts", exact=True).click()
    expect(page).to_have_url(re.compile("view=charts"))
    cards = page.get_by_role("list", name="Endpoints, the last hour of each").get_by_role("listitem")
    expect(cards).to_have_count(60)
    expect(page.get_by_text(f"The first 60 of {total} endpoints in this order")).to_be_visible()
    drawn = page.get_by_role("img", name=re.compile("^Requests in the last 60 minutes"))
    expect(drawn.first).to_be_visible()
    page.get_by_role("checkbox", name="Same scale in all cards").check()
    settle(page)
    assert violations(page, anywhere) == []

    search = page.get_by_role("textbox", name="Search the endpoints")
    search.fill("whats-in")
    search.press("Enter")
    expect(cards).to_have_count(1)
    expect(page.get_by_role("checkbox", name="Same scale in all cards")).to_be_checked()
    page.get_by_role("link", name="whats-in-a-name").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Metrics")
    expect(page).to_have_url(re.compile("endpoint=whats-in-a-name"))
    page.go_back()
    expect(cards).to_have_count(1)
