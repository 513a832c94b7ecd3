"""The job itself: a person shifts real traffic, mirrors it, asks a question and watches what happened."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.sync_api import Page, expect
from scipy import stats

from tests.e2e.conftest import ROOT, Sluice, settle, wait_for
from tests.e2e.steps import applied, choose, entries_of, menu, press, share_of, shift, split_of, splits_kept, tab_to

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]

REQUESTS = 3000 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 400
UNLIKELY = 1e-6
"""A right split fails a check at this level once in a million runs."""
DIGITS, WINES = "whats-in-a-name", "wine-cultivars"


@pytest.fixture(scope="module", autouse=True)
def as_it_was(sluice: Sluice) -> Iterator[None]:
    """Both sample endpoints have their split again afterwards."""
    with splits_kept(sluice.arm, DIGITS, WINES):
        yield


def send(sluice: Sluice, endpoint: str, sample: str, count: int) -> list[httpx.Response]:
    """``count`` real requests through the split, a few at a time."""
    arm = sluice.arm
    uri = arm.get(f"onlineEndpoints/{endpoint}")["properties"]["scoringUri"]
    key = arm.call("POST", f"onlineEndpoints/{endpoint}/listKeys").json()["primaryKey"]
    body = (ROOT / "samples" / sample).read_text(encoding="utf-8")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda _: arm.http.post(uri, content=body, headers=headers), range(count)))


def test_the_whole_way_by_keyboard_alone_and_the_requests_follow(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    before = split_of(sluice.arm, DIGITS)
    page = open_page(sluice.url)
    press(
        page,
        page.get_by_role("table")
        .get_by_text(DIGITS, exact=True)
        .locator("xpath=ancestor-or-self::*[self::a or self::button]"),
    )
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    settle(page)
    press(page, menu(page, "Traffic"))
    handle = page.get_by_role("slider", name="Boundary between blue and green")
    tab_to(page, handle)
    for _ in range(3):
        page.keyboard.press("PageDown")
    expect(handle).to_have_attribute("aria-valuetext", "blue 70 %, green 30 %")
    expect(share_of(page, "blue")).to_have_value("70")
    expect(share_of(page, "green")).to_have_value("30")
    expect(page.get_by_text("mirrored traffic (20 %) ends in the same write")).to_be_visible()
    press(page, page.get_by_role("button", name="Shift traffic"))
    dialog = page.get_by_role("dialog")
    tab_to(page, dialog.get_by_label("Why"))
    page.keyboard.type("A third for <b>green</b>")
    press(page, dialog.get_by_role("button", name="Shift traffic"))
    applied(page)
    assert split_of(sluice.arm, DIGITS) == ({"blue": 70, "green": 30}, {})

    answers = send(sluice, DIGITS, "sample-request.json", REQUESTS)
    assert Counter(answer.status_code for answer in answers) == {200: REQUESTS}
    counts = Counter(answer.headers["azureml-model-deployment"] for answer in answers)
    expected = [0.7 * REQUESTS, 0.3 * REQUESTS]
    assert stats.chisquare([counts["blue"], counts["green"]], expected).pvalue > UNLIKELY, counts

    press(page, page.get_by_role("button", name="Undo this change"))
    expect(share_of(page, "blue")).to_have_value("100")
    press(page, page.get_by_role("button", name="Shift traffic"))
    press(page, dialog.get_by_role("button", name="Shift traffic"))
    applied(page)
    assert split_of(sluice.arm, DIGITS) == before, "undo is exact, mirror included"

    press(page, menu(page, "Journal"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Journal")
    newest, earlier = (entries_of(page).filter(has_text=DIGITS).nth(place) for place in (0, 1))
    expect(newest).to_contain_text("Undoes the change of")
    expect(earlier).to_contain_text("A third for <b>green</b>")
    expect(earlier).to_contain_text("as Local owner in Azure")


def test_the_numbers_beside_the_slider_move_it_too(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/traffic?endpoint={WINES}")
    field = share_of(page, "forest")
    field.fill("50")
    field.press("Enter")
    expect(share_of(page, "linear")).to_have_value("40")
    expect(share_of(page, "bayes")).to_have_value("10")
    expect(page.get_by_role("slider", name="Boundary between bayes and forest")).to_have_attribute(
        "aria-valuetext", "bayes 10 %, forest 50 %"
    )
    page.get_by_role("button", name="Reset").click()
    expect(share_of(page, "forest")).to_have_value("0")


def test_a_mirror_of_20_percent_receives_about_20_percent(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/traffic?endpoint={WINES}")
    choose(page, page.get_by_label("Copy requests to"), "forest")
    slider = page.get_by_role("slider", name="Share of live requests").first
    expect(slider).to_have_value("10")
    for percent in range(11, 21):
        slider.press("ArrowRight")
        expect(slider).to_have_value(str(percent))
    expect(page.get_by_role("spinbutton", name="Copied, %").first).to_have_value("20")
    settle(page)
    shift(page)
    assert split_of(sluice.arm, WINES)[1] == {"forest": 20}

    began = time.time()
    ours = {answer.headers["x-ms-request-id"] for answer in send(sluice, WINES, "wine/sample-request.json", REQUESTS)}

    def rows() -> list[dict[str, object]]:
        found = sluice.arm.control("GET", "requests", params={"endpoint": WINES, "since": began - 1, "limit": 100_000})
        return [row for row in found["value"] if row["request_id"] in ours and row["kind"] == "live"]

    wait_for(lambda: len(rows()) == REQUESTS, "every request to leave its row")
    copied = sum(row["mirrored"] == 1 for row in rows())
    assert sum(row["mirrored"] == -1 for row in rows()) == 0
    assert stats.binomtest(copied, REQUESTS, 0.2).pvalue > UNLIKELY, copied

    def mirrored() -> int:
        found = sluice.arm.control("GET", "requests", params={"endpoint": WINES, "since": began - 1, "limit": 100_000})
        return sum(row["kind"] == "mirror" and row["deployment"] == "forest" for row in found["value"])

    wait_for(lambda: mirrored() >= copied, "every copy to leave its row")


def test_the_sample_request_is_answered_with_the_right_digit(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/test?endpoint={DIGITS}")
    page.locator(".st-key-send_targets").get_by_text("green", exact=True).click()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Answered by")).to_be_visible()
    expect(page.get_by_test_id("stCode").first).to_contain_text('"digit": 7')
    expect(page.locator(".answer")).to_contain_text("200")


def test_json_that_does_not_parse_is_named_by_line_and_column(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/test?endpoint={DIGITS}")
    editor = page.get_by_label("Payload, JSON")
    editor.fill('{"data":\n  [1, 2,]}')
    editor.press("Control+Enter")
    expect(page.get_by_text("line 2, column 9")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()


def test_a_rejected_payload_shows_the_scripts_own_words(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/test?endpoint={DIGITS}")
    editor = page.get_by_label("Payload, JSON")
    editor.fill(json.dumps({"data": [[1, 2, 3]]}))
    editor.press("Control+Enter")
    expect(page.locator(".answer")).to_contain_text("424")
    expect(page.get_by_text("must be a list of 64 numbers, found 3 values").first).to_be_visible()


def test_both_deployments_are_in_the_latency_chart(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/metrics?endpoint={DIGITS}")
    traces = "() => document.querySelector('.js-plotly-plot')?._fullData?.map(each => [each.name, each.y.length])"
    drawn = wait_for(lambda: page.evaluate(traces), "a chart that is drawn")
    assert {"blue", "green"} <= {name for name, _ in drawn}
    assert min(points for _, points in drawn) > 0
