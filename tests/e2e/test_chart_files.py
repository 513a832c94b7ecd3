"""A chart is taken along: its rows, and what is drawn as a picture."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Sluice, settle
from tests.e2e.steps import press

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]

DIGITS = "whats-in-a-name"


def test_a_chart_is_saved_as_csv_svg_and_png_by_keyboard(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/metrics?endpoint={DIGITS}")
    expect(page.locator(".st-key-latency .js-plotly-plot .scatterlayer .trace").first).to_be_visible()
    settle(page)
    saved = {}
    buttons = {
        "csv": page.locator(".st-key-csv_latency button"),
        # The first chart's.
        "png": page.get_by_role("button", name="PNG").first,
        "svg": page.get_by_role("button", name="SVG").first,
    }
    buttons["csv"].focus()
    for kind, button in buttons.items():
        with page.expect_download() as download:
            press(page, button)
        name = download.value.suggested_filename
        assert re.fullmatch(rf"{DIGITS}-latency-\d{{8}}T\d{{4}}Z-\d{{8}}T\d{{4}}Z\.{kind}", name)
        saved[kind] = download.value.path().read_bytes()
    assert saved["csv"].startswith(b"at,deployment,percentile,ms\n")
    assert saved["png"].startswith(b"\x89PNG")
    assert len(saved["png"]) > 5_000
    picture = saved["svg"].decode()
    assert f"{DIGITS}, " in picture
    assert "Latency, P95, ms" in picture
    assert "url(http" not in picture
    other = page.context.new_page()
    other.set_content(f"<body>{picture}</body>")
    assert other.locator("svg .scatterlayer .trace").count() > 0
    other.close()
