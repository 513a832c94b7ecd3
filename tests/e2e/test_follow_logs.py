"""Following container logs in a browser."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Sluice, settle, wait_for
from tests.e2e.steps import violations

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS = "whats-in-a-name"
PLACE = "line => line.getBoundingClientRect().top - line.closest('[role=log]').getBoundingClientRect().top"
"""Where a line stands in its log, whatever comes or goes above the log."""


def is_at_the_end(log: Locator) -> bool:
    """Whether the newest lines are in view. A busy endpoint may write more of them than fit while one is looked for."""
    return bool(log.evaluate("node => node.scrollHeight - node.scrollTop - node.clientHeight < 8"))


def test_lines_come_in_while_what_is_read_stays_where_it_is(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/logs?endpoint={DIGITS}", height=700)
    log = page.get_by_role("log")
    expect(log.locator(".line").first).to_be_visible()
    expect(log.locator(".line", has_text="azmlinfsrv").last).to_be_visible()
    # Whoever is at the end stays there. The mirrored copy is written down too, so a mark may be there twice.
    first_mark = uuid.uuid4().hex
    sluice.arm.score(DIGITS, "{}", **{"User-Agent": first_mark})
    expect(log.locator(".line", has_text=first_mark).last).to_be_attached()
    wait_for(lambda: is_at_the_end(log), "the newest lines to be in view")

    # Whoever reads further up is not moved, and is told.
    log.evaluate("node => { node.scrollTop = node.scrollHeight / 2; }")
    seen = log.evaluate_handle(
        "node => [...node.querySelectorAll('.line')]"
        ".find(line => line.getBoundingClientRect().top > node.getBoundingClientRect().top)"
    ).as_element()
    assert seen is not None
    before = seen.evaluate(PLACE)
    second_mark = uuid.uuid4().hex
    sluice.arm.score(DIGITS, "{}", **{"User-Agent": second_mark})
    newest = page.get_by_role("button", name="new ↓")
    expect(newest).to_be_visible()
    expect(log.locator(".line", has_text=second_mark).last).to_be_attached()
    assert abs(before - seen.evaluate(PLACE)) <= 1
    newest.click()
    expect(newest).to_be_hidden()
    wait_for(lambda: is_at_the_end(log), "the newest lines to be in view again")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused · read")).to_be_visible()
    assert violations(page) == []


def test_a_search_is_in_the_address_and_marks_what_it_finds(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    mark = str(uuid.uuid4())
    sluice.arm.score(DIGITS, "{}", **{"User-Agent": mark})
    page = open_page(f"{sluice.url}/logs?endpoint={DIGITS}")
    log = page.get_by_role("log")
    # An id in a line is a search away.
    log.get_by_role("button", name=mark).first.click()
    expect(page.get_by_label("Search")).to_have_value(mark)
    expect(log.locator("mark").first).to_have_text(mark)
    page.wait_for_url(f"**q={mark}*")
    page.reload()
    settle(page)
    expect(log.locator("mark").first).to_have_text(mark)
    lines = log.locator(".line").all_inner_texts()
    assert lines
    assert all(mark in line for line in lines)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert mark in download.value.path().read_text(encoding="utf-8")
    page.get_by_test_id("stMain").get_by_role("radio", name="Errors").click()
    expect(log.get_by_text("No line matches.", exact=False)).to_be_visible()
