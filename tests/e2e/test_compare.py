"""The same requests to two deployments: a file is compared, the page is reloaded, and the differences are read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, Sluice, settle
from tests.e2e.steps import violations

pytestmark = pytest.mark.e2e
WINES = "wine-cultivars"
SET = 30


def test_a_file_is_compared_and_the_result_survives_a_reload(
    open_page: Callable[..., Page], sluice: Sluice, tmp_path: Path
) -> None:
    lines = (ROOT / "samples/wine/held-out.jsonl").read_text(encoding="utf-8").splitlines()[:SET]
    file = tmp_path / "wines.jsonl"
    file.write_text("\n".join(json.dumps({"data": [json.loads(line)["data"]]}) for line in lines), encoding="utf-8")
    page = open_page(f"{sluice.url}/test?endpoint={WINES}&view=compare")
    page.get_by_test_id("stMain").get_by_role("radio", name="File").or_(
        page.get_by_test_id("stMain").get_by_role("button", name="File", exact=True)
    ).first.click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name=f"Compare {SET} requests").dblclick()
    verdict = page.get_by_role("status").filter(has_text=re.compile(rf"of {SET} requests|in {SET} requests"))
    expect(verdict).to_be_visible(timeout=60_000)
    page.reload()
    expect(verdict).to_be_visible()
    settle(page)
    assert violations(page) == []
    rows = page.get_by_role("table", name=re.compile("^Comparisons of")).get_by_role("row")
    expect(rows).to_have_count(2)
    page.get_by_role("table", name=re.compile("^Requests that are answered otherwise")).get_by_role("row").nth(
        1
    ).click()
    expect(page.get_by_role("heading", name="Answered")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download requests as CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith("request,different_fields")
    assert len(text.splitlines()) == SET + 1
