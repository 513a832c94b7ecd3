"""The view Operate in a browser: its list of what to change opens by mouse and touch; fast typing; axe of the forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import choose, delete, findings, in_reach

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
NAME, ENDPOINT = "operated-in-a-browser", "The endpoint"
FORMS = ("Keys", "Sign-in", "Tags", "Export", "Delete")


@pytest.fixture(scope="module")
def address(sluice: Sluice) -> Iterator[str]:
    """The view of an endpoint with one deployment that nothing runs for."""
    entry = {"name": NAME, "deployments": ["blue"], "tags": {"password": "hunter2"}, "description": "Before."}
    sluice.arm.control("POST", "seed", json={"endpoints": [entry]})
    yield f"{sluice.url}/overview?endpoint={NAME}&view=Operate"
    delete(sluice.arm, NAME)


def form(page: Page, which: str, action: str) -> None:
    choose(page, page.get_by_role("combobox", name="Change"), which)
    wanted = page.locator(".st-key-operate_choice").get_by_text(action, exact=True)
    expect(wanted).to_have_count(1)
    in_reach(wanted).click()
    settle(page)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("is_touch", [False, True])
def test_the_list_of_what_to_change_opens_by_mouse_and_touch(
    browser: Browser, address: str, width: int, is_touch: bool
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=is_touch, reduced_motion="reduce")
    try:
        page = context.new_page()
        page.goto(address)
        settle(page)
        choice = in_reach(page.get_by_role("combobox", name="Change"))
        option = page.get_by_role("option", name=ENDPOINT)
        if is_touch:
            choice.tap()
            option.tap()
        else:
            choice.click()
            option.click()
        expect(page.locator(".st-key-operate_choice")).to_contain_text("Export")
    finally:
        context.close()


def test_what_is_typed_fast_into_the_form_of_a_clone_is_taken(open_page: Callable[..., Page], address: str) -> None:
    page = open_page(address)
    form(page, "blue", "Clone")
    page.get_by_label("Name", exact=True).click()
    page.keyboard.type("green")
    page.keyboard.press("Tab")
    in_reach(page.get_by_role("combobox", name="Model")).click()
    page.keyboard.type("nope:9")
    page.keyboard.press("Enter")
    page.locator(".st-key-review_clone button").click()
    expect(page.locator(".problem")).to_contain_text("There is no model nope, version 9.")


def test_an_endpoint_is_deleted_only_once_its_name_is_there(open_page: Callable[..., Page], address: str) -> None:
    page = open_page(address)
    form(page, ENDPOINT, "Delete")
    button = page.locator(".st-key-review_delete_endpoint button")
    expect(button).to_be_disabled()
    page.get_by_label("Type its name").press_sequentially(NAME[:-1])
    expect(button).to_be_disabled()
    page.keyboard.type(NAME[-1])
    expect(button).to_be_enabled()


def test_no_form_of_the_endpoint_is_hard_to_reach(open_page: Callable[..., Page], address: str) -> None:
    looks = [lambda page, action=action: form(page, ENDPOINT, action) for action in FORMS]
    assert findings(open_page, address, *looks) == []
