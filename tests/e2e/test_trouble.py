"""When things go wrong: nothing is lost, nothing is applied twice, and the page says what to do."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from services.local_azure import LocalAzure
from tests.arm import Arm
from tests.e2e.conftest import ROOT, Sluice, clean_environment, settle, start, stop, wait_for
from tests.e2e.steps import choose, entries_of, share_of, shift, split_of, splits_kept, violations, write_elsewhere
from tests.local_azure import three_free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.emulator]
DIGITS, WINES = "whats-in-a-name", "wine-cultivars"


@pytest.fixture(scope="module", autouse=True)
def as_it_was(sluice: Sluice) -> Iterator[None]:
    """Both sample endpoints have their split again afterwards."""
    with splits_kept(sluice.arm, DIGITS, WINES):
        yield


@contextmanager
def unended_operations(arm: Arm) -> Iterator[None]:
    """Let the local Azure say of every operation that it is still under way."""
    body = {"status": "InProgress"}
    fault = arm.control("POST", "faults", json={"path": "/*/mfeOperationsStatus/*", "status": 200, "body": body})
    try:
        yield
    finally:
        arm.control("DELETE", f"faults/{fault['id']}")


def give_all(page: Page, deployment: str) -> None:
    """Prepare all live traffic for one deployment."""
    choose(page, page.get_by_label("Give", exact=True), deployment, exact=True)
    expect(page.get_by_text(f"of live traffic to {deployment}")).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_text("All", exact=True).click()
    expect(share_of(page, deployment)).to_have_value("100")


def test_a_reload_and_a_second_tab_find_the_running_change_and_apply_nothing_twice(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    arm, url = sluice.arm, f"{sluice.url}/traffic?endpoint={WINES}"
    page = open_page(url)
    give_all(page, "bayes")
    settle(page)
    before = arm.get(f"onlineEndpoints/{WINES}")["systemData"]["lastModifiedAt"]
    with unended_operations(arm):
        page.get_by_role("button", name="Shift traffic").click()
        page.get_by_role("dialog").get_by_role("button", name="Shift traffic").dblclick()
        expect(page.get_by_role("status").filter(has_text="Shifting traffic")).to_be_visible()
        page.reload()
        expect(page.get_by_role("status").filter(has_text="Shifting traffic")).to_be_visible()
        second = open_page(url)
        expect(second.get_by_role("status").filter(has_text="Shifting traffic")).to_be_visible()
        expect(second.get_by_role("button", name="Shift traffic")).to_be_disabled()
    for tab in (page, second):
        expect(tab.get_by_role("heading", name="Traffic shifted")).to_be_visible()
    after = arm.get(f"onlineEndpoints/{WINES}")
    assert after["properties"]["traffic"] == {"bayes": 100}
    assert after["systemData"]["lastModifiedAt"] > before
    second.goto(f"{sluice.url}/journal?of={WINES}&kind=made+with+Sluice")
    settle(second)
    entries = entries_of(second).filter(has_text="bayes 100 %")
    expect(entries.filter(has_text="Applied")).to_have_count(1)
    expect(entries.filter(has_not_text="Applied")).to_have_count(0)


def test_a_conflict_shows_theirs_beside_mine_and_asks_before_anything_is_overwritten(
    sluice: Sluice, open_page: Callable[..., Page]
) -> None:
    arm = sluice.arm
    page = open_page(f"{sluice.url}/traffic?endpoint={WINES}")
    give_all(page, "linear")
    settle(page)
    page.get_by_role("button", name="Shift traffic").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    theirs = {"linear": 50, "bayes": 50}
    write_elsewhere(arm, WINES, theirs)
    dialog.get_by_role("button", name="Shift traffic").click()
    alert = page.get_by_role("alert").filter(has_text="The split was changed meanwhile")
    expect(alert).to_be_visible(timeout=60_000)
    sides = page.get_by_role("table", name="What you saw, what Azure holds now, and what you prepared")
    expect(sides.get_by_role("row", name="linear")).to_contain_text("50 %")
    expect(sides.get_by_role("row", name="linear")).to_contain_text("100 %")
    expect(page.get_by_role("button", name="Shift traffic")).to_be_disabled()
    assert split_of(arm, WINES)[0] == theirs
    assert violations(page) == []

    page.get_by_role("button", name="Plan mine on top of theirs").click()
    expect(alert).to_have_count(0)
    settle(page)
    shift(page, "Agreed with them")
    assert split_of(arm, WINES)[0] == {"linear": 100}
    page.goto(f"{sluice.url}/journal?of={WINES}&ended=refused")
    settle(page)
    expect(entries_of(page).first).to_contain_text("Nothing was written")


def test_a_mirror_wiped_by_an_old_sdk_is_noticed_and_restored(sluice: Sluice, open_page: Callable[..., Page]) -> None:
    arm = sluice.arm
    before = split_of(arm, DIGITS)
    assert before[1], "the sample mirrors to green"
    page = open_page(f"{sluice.url}/traffic?endpoint={DIGITS}")
    write_elsewhere(arm, DIGITS, {"blue": 100})
    assert split_of(arm, DIGITS) == ({"blue": 100}, {})
    notice = page.get_by_role("alert").filter(has_text="The split was changed elsewhere")
    # Another test may have left a notice of a change the other way round.
    expect(notice).to_contain_text(re.compile(r"Before\s*blue 100 %; mirror 20 % to green"), timeout=60_000)
    expect(notice).to_contain_text("mirror none")
    expect(notice).to_contain_text("Local owner", timeout=60_000)
    page.get_by_role("button", name="Restore what was before").click()
    expect(page.get_by_role("slider", name="Share of live requests").first).to_have_value("20")
    settle(page)
    shift(page, "An old script dropped the mirror")
    assert split_of(arm, DIGITS) == before
    expect(notice).to_have_count(0)
    history = page.get_by_role("list", name=f"Changes of {DIGITS}, newest first").get_by_role("listitem")
    expect(history.first).to_contain_text("Undoes the change of")
    expect(history.filter(has_text="Made elsewhere, restored").first).to_be_visible()


def test_nothing_configured_explains_the_ways_and_starts_the_local_azure_at_a_click(
    tmp_path_factory: pytest.TempPathFactory, open_page: Callable[..., Page]
) -> None:
    port, state = three_free_ports(), tmp_path_factory.mktemp("connect") / "local-azure"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.headless", "true"]
    running = start(
        command, clean_environment(state, SLUICE_LOCAL_AZURE_DIR=str(state)), f"http://localhost:{port}", state
    )
    try:
        page = open_page(running.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("Connect")
        expect(page.get_by_text("AZURE_SUBSCRIPTION_ID").first).to_be_visible()
        page.get_by_role("button", name="Start the local Azure").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Endpoints", timeout=240_000)
        expect(page.get_by_role("table").first).to_contain_text("whats-in-a-name", timeout=240_000)
    finally:
        stop(running.process)
    assert not LocalAzure(state).is_running, "the local Azure outlived the Sluice that started it"


def test_the_page_says_that_the_local_azure_is_gone_and_recovers_when_it_is_back(
    tmp_path_factory: pytest.TempPathFactory, open_page: Callable[..., Page]
) -> None:
    state = tmp_path_factory.mktemp("gone") / "local-azure"
    serve = [sys.executable, "-m", "emulator", "serve", "--state", str(state), "--port", str(three_free_ports())]
    server = subprocess.Popen(serve, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    local, port = LocalAzure(state), three_free_ports()
    dashboard: Sluice | None = None
    try:
        wait_for(lambda: local.is_running, "the local Azure")
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        command += ["--server.headless", "true"]
        dashboard = start(command, clean_environment(state, **local.environment()), f"http://localhost:{port}", state)
        page = open_page(dashboard.url)
        expect(page.get_by_label("Where you are")).to_contain_text("Local Azure")
        server.send_signal(signal.SIGKILL)
        server.wait(60)
        page.reload()
        expect(page.get_by_role("alert").first).to_contain_text("could not be", timeout=60_000)
        server = subprocess.Popen(serve, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: local.is_running, "the local Azure to be back")
        expect(page.get_by_role("alert")).to_have_count(0, timeout=60_000)
        expect(page.get_by_label("Where you are")).to_contain_text("Local owner")
    finally:
        if dashboard:
            stop(dashboard.process)
        server.terminate()
        server.wait(60)


def test_a_taken_port_is_said_in_one_sentence(sluice: Sluice) -> None:
    port = sluice.url.rsplit(":", 1)[1]
    ended = subprocess.run(
        [sys.executable, "-m", "services.launch", "--headless", "--port", port],
        cwd=ROOT,
        env=clean_environment(sluice.state, SLUICE_LOCAL_AZURE_DIR=str(sluice.state)),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 2
    assert f"Port {port} is taken" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
