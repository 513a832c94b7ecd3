"""A person at the Send view: what is typed is what is sent, once, and it is still there afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Sluice, settle, wait_for
from tests.e2e.steps import choose, menu, violations

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"
BAD = '{"data": [[1, 2, 3]]}'


def editor(page: Page) -> Locator:
    """The field that the body is typed in."""
    return page.get_by_role("textbox", name="Payload, JSON")


def target(page: Page, name: str) -> None:
    """Choose where the request goes."""
    page.locator(".st-key-send_targets").get_by_text(name, exact=True).click()
    settle(page)


def sent_since(sluice: Sluice, began: float, body_bytes: int) -> list[dict[str, Any]]:
    """The requests of this size that have come from Sluice since ``began``, epoch seconds."""
    found = sluice.arm.control("GET", "requests", params={"endpoint": DIGITS, "since": began, "limit": 100_000})
    rows = [row for row in found["value"] if row["kind"] == "live" and row["user_agent"] == "sluice"]
    return [row for row in rows if row["request_bytes"] == body_bytes]


@contextmanager
def slow_answers(sluice: Sluice, seconds: float) -> Iterator[None]:
    """Hold every answer of the endpoint back for ``seconds``."""
    fault = sluice.arm.control("POST", "faults", json={"path": f"/endpoints/{DIGITS}/score", "delay_seconds": seconds})
    try:
        yield
    finally:
        sluice.arm.control("DELETE", f"faults/{fault['id']}")


def test_what_is_typed_is_sent_at_once_and_survives_a_reload(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/test?endpoint={DIGITS}")
    began = time.time() - 1
    editor(page).fill(BAD)
    editor(page).press("Control+Enter")
    expect(page.locator(".answer")).to_contain_text("424")
    wait_for(lambda: len(sent_since(sluice, began, len(BAD))) == 1, "exactly one request to leave its row")
    target(page, "blue")
    editor(page).press("End")
    editor(page).press_sequentially("   ")
    expect(page.get_by_text(f"JSON, {len(BAD) + 3} bytes")).to_be_visible()
    page.reload()
    settle(page)
    expect(editor(page)).to_have_value(f"{BAD}   ")
    expect(page.get_by_role("radio", name="blue", exact=True)).to_be_checked()
    expect(page.get_by_text(f"JSON, {len(BAD) + 3} bytes")).to_be_visible()


def test_a_double_click_sends_once_and_two_deployments_answer_side_by_side(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{sluice.url}/test?endpoint={DIGITS}")
    body = f'{{"data": [{[0] * 64}]}}'
    editor(page).fill(body)
    target(page, "blue")
    choose(page, page.get_by_role("combobox", name="And also to"), "green", exact=True)
    began = time.time() - 1
    page.get_by_role("button", name="Send").dblclick()
    expect(page.get_by_role("heading", name="green")).to_be_visible()
    expect(page.locator(".answer")).to_have_count(2)
    expect(page.get_by_text("took")).to_be_visible()
    settle(page)
    # A row is written a moment after its answer.
    wait_for(lambda: len(sent_since(sluice, began, len(body))) >= 2, "both requests to leave their rows")
    rows = sent_since(sluice, began, len(body))
    assert sorted(row["deployment"] for row in rows) == ["blue", "green"]
    assert violations(page) == []


def test_a_request_is_found_again_after_another_page_and_can_be_stopped(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{sluice.url}/test?endpoint={DIGITS}")
    waiting = page.get_by_role("status").filter(has_text="Waiting for the answer.")
    with slow_answers(sluice, 60):
        page.get_by_role("button", name="Send").click()
        expect(waiting).to_be_visible()
        menu(page, "Journal").click()
        expect(page.get_by_role("heading", name="Journal", level=1)).to_be_visible()
        menu(page, "Test").click()
        expect(waiting).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("status").filter(has_text="You stopped it.")).to_be_visible()
    editor(page).fill('{"data":\n  [1, 2,]}')
    expect(page.get_by_text("line 2, column 9")).to_be_visible()
    expect(editor(page)).to_have_attribute("aria-invalid", "true")
    assert violations(page) == []
