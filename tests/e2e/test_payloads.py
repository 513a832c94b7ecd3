"""The library and the history of the Test page, in a browser: from a curl command to two answers compared."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import violations

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
ENDPOINT = "wine-cultivars"
EMPTY = "No payload of this endpoint is saved yet."
ANSWER = re.compile("^Answer of")
CURL = """curl https://elsewhere.example/score -H 'Authorization: Bearer abcdefgh' -d '{"data": [[1, 2]]}'"""


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    settle(page)


def view(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()
    expect(page).to_have_url(re.compile(f"view={name.lower()}"))
    settle(page)


def send(page: Page) -> None:
    expect(page).to_have_url(re.compile("view=send"))
    settle(page)
    before = page.get_by_text(ANSWER).all_inner_texts()
    page.get_by_role("button", name=re.compile(r"^Send\b(?! again)")).first.click()
    # The answer before it stays until the new one is there.
    expect(page.get_by_text(ANSWER).filter(has_not_text=before[0] if before else "no answer before")).to_be_visible()
    settle(page)


def rows(page: Page, count: int) -> list[str]:
    found = page.get_by_role("table", name=f"Requests to {ENDPOINT}, newest first").locator("tbody button")
    expect(found).to_have_count(count)
    return found.all_inner_texts()


def test_a_curl_command_is_kept_sent_twice_and_its_answers_compared(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{sluice.url}/test?endpoint={ENDPOINT}&view=payloads")
    expect(page.get_by_text(EMPTY)).to_be_visible()
    view(page, "History")
    press(page, "Keep bodies")
    view(page, "Payloads")
    press(page, "Import")
    pasted = page.get_by_label("Paste a curl command, JSON or JSON lines")
    pasted.fill(CURL)
    pasted.press("Control+Enter")
    expect(page.get_by_text("The header Authorization was left out.")).to_be_visible()
    assert violations(page) == []
    press(page, "Add 1 payload")
    expect(page).to_have_url(re.compile(r"payload=\w{32}"))
    page.reload()
    settle(page)
    press(page, "Edit")
    # The form has a field of this name, and so have the variables below.
    expect(page.get_by_label("Name", exact=True)).to_have_count(2)
    page.get_by_label("Name", exact=True).first.fill("two numbers")
    press(page, "Save")
    expect(page.get_by_role("heading", name="two numbers")).to_be_visible()
    assert violations(page) == []

    press(page, "Use in Send")
    send(page)
    view(page, "History")
    page.get_by_role("button", name=rows(page, 1)[0]).click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("UTC")
    settle(page)
    assert violations(page) == []
    press(page, "Send again")
    send(page)
    view(page, "History")
    newest, oldest = rows(page, 2)
    page.get_by_role("button", name=newest).click()
    expect(page.get_by_role("heading", level=2)).to_contain_text(newest)
    press(page, "Compare with another")
    expect(page.get_by_text("Open the request to compare with the one of")).to_be_visible()
    page.get_by_role("button", name=oldest).last.click()
    expect(page.get_by_role("heading", name="Two requests compared")).to_be_visible()
    settle(page)
    assert violations(page) == []
    press(page, "Back to the history")
    press(page, "Delete the history")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing was sent to this endpoint from here yet.")).to_be_visible()

    view(page, "Payloads")
    press(page, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text(EMPTY)).to_be_visible()
