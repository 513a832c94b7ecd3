"""The Quota page on a running local Azure: the arithmetic, what deployments cost by the kept prices, and their use."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from services.quota.reading import Overview
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from ui.behind import Look
from ui.quota import page as quota_page


@pytest.fixture
def page(open_page: Callable[..., Page], seeded: LocalAzure) -> Page:
    """The page, read to the end."""
    return open_page("quota", seeded).settled()


def test_a_family_adds_up_from_its_deployments(page: Page) -> None:
    rows = {row[0]: row for row in page.rows("quota_families")}
    _, used, limit, free, share, words = rows["standardDSv2Family"]
    assert int(used) + int(free) == int(limit)
    assert share == f"{round(100 * int(used) / int(limit))} %"
    # Other tests seed deployments that no core is counted for; then Azure's count is told beside theirs.
    assert f"{used} of {limit} used, {free} free" in words
    [total] = [row for name, row in rows.items() if name == "All families"]
    assert total[2:4] == ["none", "no limit"]
    assert int(total[1]) >= int(used)


def test_what_is_free_and_what_is_idle_is_said_before_anything_else(page: Page) -> None:
    said = page.html()
    assert (
        said.index("<dt>Free, ") < said.index("<dt>Idle</dt>") < said.index("Azure counts cores for each subscription")
    )


def test_every_deployment_has_its_cores_and_its_use_with_the_evidence(page: Page) -> None:
    rows = {row[0]: row for row in page.rows("quota_deployments")}
    for name in ("blue", "green"):
        _, state, cores, use, size, instances, hourly, monthly, evidence, _ = rows[f"{SPLIT}/{name}"]
        assert state == "Succeeded"
        assert (size, instances, cores, hourly, monthly) == ("Standard_DS3_v2", "1", "8", "no price", "no price")
        assert use == "used"
        assert evidence.startswith("Its last request came in the hour from ")


def test_what_failed_holds_its_cores_and_is_one_click_from_its_end(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    entry = {"name": "pages-quota-failed", "deployments": [{"name": "broken", "capacity": 1}]}
    seeded.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    operation = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write"
    outcome = {"code": "InternalServerError", "message": "It broke."}
    fault = {"operation": operation, "target": "pages-quota-failed/broken", "outcome": outcome, "times": 1}
    seeded.control("POST", "faults", fault).raise_for_status()
    path = "onlineEndpoints/pages-quota-failed/deployments/broken"
    seeded.finish(seeded.arm("PUT", path, seeded.arm("GET", path).json()))
    try:
        page = open_page("quota", seeded).settled()
        row = next(row for row in page.rows("quota_deployments") if row[0] == "pages-quota-failed/broken")
        assert row[1] == "Failed"
        assert "pages-quota-failed/broken 8 cores" in page.html()
        links = [each.proto for each in page.app.get("page_link")]
        link = next(each for each in links if each.label == "Delete pages-quota-failed/broken")
        assert "view=Operate" in link.query_string
        assert "endpoint=pages-quota-failed" in link.query_string
    finally:
        answer = seeded.arm("DELETE", "onlineEndpoints/pages-quota-failed")
        if answer.status_code == 202:
            seeded.finish(answer)


def test_deployments_that_cannot_be_read_are_missing_and_not_nothing(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    path = f"/*/onlineEndpoints/{SPLIT}/deployments"
    fault = {"method": "GET", "path": path, "status": 403, "code": "AuthorizationFailed", "message": "no"}
    seeded.control("DELETE", "faults").raise_for_status()
    seeded.control("POST", "faults", fault).raise_for_status()
    try:
        html = open_page("quota", seeded).settled().html()
    finally:
        seeded.control("DELETE", "faults").raise_for_status()
    assert f"The deployments of {SPLIT} could not be read." in html
    assert re.search("not known</dd>|not all deployments could be read", html)
    assert re.search("No deployment could be read.|Deployments that could not be read are not among these.", html)
    assert "There is nothing to pay for." not in html


def test_a_reading_that_ends_while_the_page_is_drawn_leaves_no_empty_page(
    open_page: Callable[..., Page], seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, ended = quota_page._look, [Look[Overview](None, False, None)]
    open_page("quota", seeded).settled()
    # The first look of the next page still finds nothing.
    monkeypatch.setattr(quota_page, "_look", lambda days: ended.pop() if ended else look(days))
    page = open_page("quota", seeded)
    assert "Reading the quota." in page.html()
    assert page.settled().rows("quota_families")


def test_a_price_that_is_set_is_counted_and_one_that_is_none_is_refused(page: Page) -> None:
    assert "No price is known" in page.html()
    assert page.control("text_input", "price_type").value == "Standard_DS3_v2"
    page.control("text_input", "price_value").set_value("0,3")
    page.control("text_input", "price_currency").set_value("eur")
    page.app.run()
    page.control("button", "price_set").click().run()
    assert "is no number" in page.html()
    page.control("text_input", "price_value").set_value("0.25")
    page.control("button", "price_set").click().run()
    assert ["Standard_DS3_v2", "every other", "0.25", "EUR"] in page.rows("quota_prices")
    row = next(row for row in page.rows("quota_deployments") if row[0] == f"{SPLIT}/blue")
    assert row[6:8] == ["0.25 EUR", "182.50 EUR"]
    page.control("button", "price_drop").click().run()
    assert "0.25 EUR for an hour of Standard_DS3_v2" in " ".join(each.value for each in page.app.text)
    page.control("button", "ask_cancel").click().run()
    assert page.rows("quota_prices")
    page.control("button", "price_drop").click().run()
    page.control("button", "ask_confirm").click().run()
    assert "No price is known" in page.html()


def test_good_lines_of_a_table_count_and_each_bad_one_is_told(page: Page) -> None:
    table = "instance_type,region,price_per_hour,currency\nStandard_DS3_v2,,0.25,EUR\nStandard_F4s_v2,,0,EUR\n"
    table += "".join(f"Standard_{number},,free,EUR\n" for number in range(7))
    page.control("file_uploader", "prices_file").upload("prices.csv", table.encode(), "text/csv").run()
    page.control("button", "prices_use").click().run()
    assert all(f"Line {number}: " in page.html() for number in range(3, 11))
    page.control("button", "ask_confirm").click().run()
    assert page.rows("quota_prices") == [["Standard_DS3_v2", "every other", "0.25", "EUR"]]
    page.control("button", "prices_wrong").click().run()
    assert "Line 3: " not in page.html()


def test_whether_another_deployment_fits_is_said_with_the_arithmetic(page: Page) -> None:
    page.control("number_input", "quota_instances").set_value(50).run()
    used, limit, free = next(row[1:4] for row in page.rows("quota_families") if row[0] == "standardDSv2Family")
    said = "50 × Standard_DS3_v2: 4 cores × ceil(50 × 1.2) = 4 × 60 = 240 cores."
    assert f"{said} The family standardDSv2Family has {limit} − {used} = {free} free." in page.html()


def test_a_reader_sees_the_page_too(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("quota", seeded, role="reader").settled()
    assert page.rows("quota_deployments")
