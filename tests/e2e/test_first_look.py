"""What a person meets first: the menu, deep links, every page in every look."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from services.local_azure import LocalAzure
from tests.e2e.conftest import ROOT, Sluice, clean_environment, settle, start, stop
from tests.e2e.steps import share_of, shift, violations
from tests.local_azure import three_free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]

PAGES = [
    "Endpoints",
    "Overview",
    "Traffic",
    "Test",
    "Metrics",
    "Shadow",
    "Deploy",
    "Autoscale",
    "Logs",
    "Journal",
    "Quota",
]
CHOSEN = "endpoint=whats-in-a-name"
SHOTS = ROOT / "tests" / "e2e" / "screenshots"


@pytest.fixture
def fresh(sluice: Sluice) -> Iterator[Sluice]:
    """A second dashboard on the same local Azure, started by hand and visited by nobody yet."""
    port = three_free_ports()
    environment = clean_environment(sluice.state, **LocalAzure(sluice.state).environment())
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.headless", "true"]
    running = start(command, environment, f"http://localhost:{port}", sluice.state)
    try:
        yield running
    finally:
        stop(running.process)


def menu(page: Page) -> list[str]:
    links = page.get_by_test_id("stSidebarNavLink")
    expect(links.first).to_be_visible()
    return [text.strip() for text in links.all_inner_texts()]


def follow(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNavLink").filter(has_text=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    settle(page)


def test_the_list_shows_both_endpoints_with_their_splits(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(sluice.url)
    table = page.get_by_role("table").first
    expect(table).to_contain_text("whats-in-a-name")
    expect(table).to_contain_text("wine-cultivars")
    expect(table).to_contain_text("blue 100 %")
    expect(table).to_contain_text("20 % to green")
    expect(table).to_contain_text("linear 80 %")


def test_a_deep_link_as_the_very_first_visit_shows_shell_and_full_menu(
    fresh: Sluice, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{fresh.url}/traffic?{CHOSEN}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Traffic")
    assert [name.split("\n")[-1] for name in menu(page)] == PAGES
    expect(page.get_by_label("Where you are")).to_contain_text("Local Azure")
    expect(page.get_by_role("slider", name="Boundary between blue and green")).to_be_visible()

    for name in [*PAGES[3:], *PAGES[:3]]:
        follow(page, name)
        expect(page).to_have_url(re.compile(rf"/{name.lower()}\b"))
    expect(page).to_have_url(re.compile(CHOSEN))
    page.reload()
    settle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Traffic")
    expect(page.get_by_role("slider", name="Boundary between blue and green")).to_be_visible()


def test_an_unknown_endpoint_in_the_address_is_explained(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{sluice.url}/metrics?endpoint=no-such-thing")
    expect(page.get_by_role("alert")).to_contain_text("There is no endpoint named no-such-thing")


VIEWS = ["Payloads", "History", "Compare", "Load"]
LOOKS = [("light", 1440, False), ("dark", 1440, True), ("light", 390, False), ("dark", 390, True)]


@pytest.mark.parametrize(("look", "width", "dark"), LOOKS, ids=[f"{look}-{width}" for look, width, _ in LOOKS])
def test_every_page_in_every_look(
    sluice: Sluice, open_page: Callable[..., Page], look: str, width: int, dark: bool
) -> None:
    page = open_page(sluice.url, width=width, height=900, dark=dark)
    found: list[tuple[str, str, str]] = []
    # The views of the Test page keep its frame: two opposite looks show what can go wrong.
    views = [f"Test {view}" for view in VIEWS] if (look, width) in (("light", 1440), ("dark", 390)) else []
    for name in [*PAGES, *views]:
        title, _, view = name.partition(" ")
        page.goto(f"{sluice.url}/{title.lower()}?{CHOSEN}&view={view.lower()}")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        settle(page)
        expect(page.get_by_text("Page not found")).to_have_count(0)
        assert page.get_by_role("alert").all_inner_texts() == [], name
        if name == "Metrics":
            expect(page.locator(".js-plotly-plot").first).to_be_visible()
        file = shot(f"{name.lower().replace(' ', '-')}-{look}-{width}")
        page.screenshot(path=file, full_page=True, animations="disabled")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} px wider than a {width} px screen"
        found += [(name, *finding) for finding in violations(page)]
    assert found == []


def shot(name: str) -> Path:
    SHOTS.mkdir(exist_ok=True)
    return SHOTS / f"{name}.png"


@pytest.mark.skipif("SLUICE_PICTURES" not in os.environ, reason="only `make pictures` refreshes the docs' pictures")
def test_pictures_for_the_docs(sluice: Sluice, open_page: Callable[..., Page], tmp_path: Path) -> None:
    folder = ROOT / os.environ["SLUICE_PICTURES"]
    folder.mkdir(parents=True, exist_ok=True)
    page = open_page(f"{sluice.url}/traffic?{CHOSEN}", width=1280, height=800)
    share_of(page, "green").fill("10")
    share_of(page, "green").press("Enter")
    shift(page, "First tenth for the new model")
    page.get_by_role("button", name="Undo this change").click()
    shift(page)
    for name in PAGES:
        page = open_page(f"{sluice.url}/{name.lower()}?{CHOSEN}", width=1280, height=1000 if name == "Test" else 800)
        if name == "Traffic":
            handle = page.get_by_role("slider", name="Boundary between blue and green")
            for _ in range(3):
                handle.press("PageDown")
            expect(share_of(page, "blue")).to_have_value("70")
            settle(page)
        if name == "Test":
            page.get_by_role("button", name="Send", exact=False).first.click()
            expect(page.get_by_test_id("stCode").first).to_contain_text("digit")
            settle(page)
        if name == "Metrics":
            expect(page.locator(".js-plotly-plot").first).to_be_visible()
        if name == "Autoscale":
            page.get_by_role("button", name="Set up autoscale").click()
            expect(page.get_by_role("button", name="Remove rule 1")).to_be_visible()
            expect(page.get_by_text("Reading the quota…")).to_have_count(0)
            settle(page)
        if name == "Quota":
            expect(page.get_by_role("heading", name="Deployments")).to_be_visible()
            settle(page)
        if name == "Logs":
            expect(page.get_by_text("POST /score").first).to_be_visible()
        page.screenshot(path=folder / f"{name.lower()}.png", animations="disabled")
    page = open_page(f"{sluice.url}/test?endpoint=wine-cultivars&view=compare", width=1280, height=1200)
    page.get_by_test_id("stMain").get_by_role("radio", name="File").click()
    lines = (ROOT / "samples/wine/held-out.jsonl").read_text(encoding="utf-8").splitlines()
    wines = tmp_path / "wines.jsonl"
    wines.write_text("\n".join(json.dumps({"data": [json.loads(line)["data"]]}) for line in lines), encoding="utf-8")
    page.locator("input[type=file]").set_input_files(wines)
    page.get_by_role("button", name=f"Compare {len(lines)} requests").click()
    expect(page.get_by_role("button", name="Download requests as CSV")).to_be_visible(timeout=60_000)
    settle(page)
    page.screenshot(path=folder / "compare.png", animations="disabled")
    page = open_page(f"{sluice.url}/test?endpoint=wine-cultivars&view=load", width=1280, height=1200)
    page.get_by_role("button", name="Start load test").click()
    expect(page.get_by_role("heading", name="Result", exact=True)).to_be_visible(timeout=60_000)
    settle(page)
    page.screenshot(path=folder / "load.png", animations="disabled")
