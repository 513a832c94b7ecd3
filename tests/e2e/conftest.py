"""Sluice as a person starts it, and a browser to look at it with."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, BrowserType, Page, expect

from services.local_azure import LocalAzure
from tests import browser as chromium
from tests.arm import Arm
from tests.local_azure import three_free_ports

ROOT = Path(__file__).resolve().parents[2]
LOCAL_TARGET = "Target: the local Azure on this machine"
QUIET_MS = 150
LONGEST_SECONDS = 1500
# Nobody waits so long on a quiet machine; on a busy one nothing is called wrong that is slow.
expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a browser test longer than other tests: the first one of a process waits for the samples too."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(LONGEST_SECONDS))


@dataclass
class Sluice:
    """A running dashboard, and the local Azure behind it."""

    url: str
    state: Path
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    @cached_property
    def arm(self) -> Arm:
        return Arm(dict(LocalAzure(self.state).environment()))


def clean_environment(state: Path, **extra: str) -> dict[str, str]:
    """This process's environment without anything that would configure a workspace. The journal goes beside ``state``.

    Changes made elsewhere are looked for every two seconds. Checks wait long for each answer: what is late on a busy
    machine says nothing about the code.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AZURE", "ARM_", "IDENTITY_", "SLUICE_", "EMULATOR_"))
    }
    ours = {"SLUICE_DATA_DIR": str(state.parent / "data"), "SLUICE_WATCH_SECONDS": "2", "SLUICE_CHECK_SECONDS": "120"}
    return {**kept, "AZURE_CONFIG_DIR": os.devnull, **ours, **extra}


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """Return the first true answer of ``condition``; fail the test when there is none in time."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = condition()
        except (httpx.HTTPError, OSError, KeyError):
            answer = None
        if answer:
            return answer
        pause.wait(0.2)
    pytest.fail(f"waited {seconds:.0f} s for {what}")


def start(command: list[str], environment: dict[str, str], url: str, state: Path) -> Sluice:
    """Start a dashboard and wait until its warm-up has finished."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    sluice = Sluice(url, state, process)

    def read() -> None:
        assert process.stdout is not None
        sluice.output.extend(iter(process.stdout.readline, ""))

    threading.Thread(target=read, daemon=True).start()

    def ready() -> bool:
        if process.poll() is not None:
            pytest.fail("Sluice ended:\n" + "".join(sluice.output))
        return httpx.get(f"{url}/readyz", timeout=20).status_code == 200

    wait_for(ready, f"{' '.join(command)} to be ready", 240)
    return sluice


def stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(40)
    if process.stdout is not None:
        process.stdout.close()


@pytest.fixture(scope="session")
def sluice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sluice]:
    """``make run``'s own entry on a fresh state folder, with the samples deployed and traffic flowing."""
    for name in (".env", "config.json", ".azureml"):
        if (ROOT / name).exists():
            pytest.exit(f"{name} here configures a workspace; the browser tests write and run on the local Azure only.")
    state = tmp_path_factory.mktemp("sluice") / "local-azure"
    port = three_free_ports()
    command = [sys.executable, "-m", "services.launch", "--headless", "--port", str(port)]
    environment = clean_environment(state, SLUICE_LOCAL_AZURE_DIR=str(state))
    # One at a time: two that start at the same moment would find the same ports free for their local Azure.
    with (tmp_path_factory.getbasetemp().parent / "starting").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        running = start(command, environment, f"http://localhost:{port}", state)
    try:
        if not any(line.startswith(LOCAL_TARGET) for line in running.output):
            pytest.exit("Sluice did not start on the local Azure:\n" + "".join(running.output))
        wait_for(lambda: samples_are_up(running), "the samples to be deployed", 900)
        yield running
    finally:
        if "arm" in vars(running):
            running.arm.http.close()
        stop(running.process)


def samples_are_up(sluice: Sluice) -> bool:
    """Whether both sample endpoints have their split, and their history is in."""
    arm = sluice.arm
    endpoints = arm.get("onlineEndpoints")["value"]
    splits = [endpoint["properties"]["traffic"] for endpoint in endpoints]
    return len(splits) == 2 and all(splits) and "sending" in LocalAzure(sluice.state).progress().lower()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = chromium.chromium()
    return {**browser_type_launch_args, "args": chromium.ARGUMENTS, **({"executable_path": path} if path else {})}


@pytest.fixture(scope="session")
def window(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """One browser window for all tests. It keeps the scripts of a page compiled, as a person's does: more than a second
    of work for each page."""
    opened = browser_type.launch_persistent_context(
        tmp_path_factory.mktemp("browser"), timezone_id="UTC", reduced_motion="reduce", **browser_type_launch_args
    )
    opened.set_default_timeout(60_000)
    yield opened
    opened.close()


@pytest.fixture
def open_page(window: BrowserContext) -> Iterator[Callable[..., Page]]:
    """Open a path of a dashboard in a new tab and wait until it has been drawn. Fails on script errors and on outside
    requests. Tabs are closed after the test, and what pages have stored is forgotten."""
    # The window's first tab stays empty: a browser ends with its last one.
    empty, problems, origins = window.pages[0], list[str](), set[str]()

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on("request", lambda request: _note_outside(request.url, problems))

    def go(url: str, *, width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        origins.add("/".join(url.split("/")[:3]))
        page = window.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        watch(page)
        page.goto(url)
        settle(page)
        return page

    yield go
    for page in window.pages[1:]:
        page.close()
    session, stored = window.new_cdp_session(empty), "cookies,local_storage,indexeddb"
    for origin in origins:
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": stored})
    session.detach()
    assert not problems


def _note_outside(url: str, problems: list[str]) -> None:
    if not re.match(r"(https?|wss?)://(localhost|127\.0\.0\.1)[:/]|data:|blob:", url):
        problems.append(f"a request left the machine: {url}")


def quiet(page: Page) -> None:
    """Wait until Streamlit runs nothing, and has not for a moment: a script begins a little after what was pressed."""
    page.wait_for_function(
        """([mark, least]) => {
             const isBusy = !document.querySelector('[data-test-script-state="notRunning"]')
               || document.querySelector('[data-testid="stSkeleton"]');
             const now = performance.now();
             if (isBusy || window.quiet?.mark !== mark) window.quiet = { mark, since: now };
             return now - window.quiet.since >= least;
           }""",
        arg=[uuid.uuid4().hex, QUIET_MS],
        polling=50,
    )


def settle(page: Page) -> None:
    """Wait until Streamlit has run the script and drawn the page, and nothing on it is stale."""
    page.get_by_role("heading", level=1).first.wait_for()
    quiet(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
