"""Sluice as a person starts it, and a browser to look at it with."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from services.local_azure import LocalAzure
from tests import browser as chromium
from tests.arm import Arm

ROOT = Path(__file__).resolve().parents[2]
LOCAL_TARGET = "Target: the local Azure on this machine"
expect.set_options(timeout=20_000)


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

    Changes made elsewhere are looked for every two seconds.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AZURE", "ARM_", "IDENTITY_", "SLUICE_", "EMULATOR_"))
    }
    ours = {"SLUICE_DATA_DIR": str(state.parent / "data"), "SLUICE_WATCH_SECONDS": "2"}
    return {**kept, "AZURE_CONFIG_DIR": os.devnull, **ours, **extra}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
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
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200

    wait_for(ready, f"{' '.join(command)} to be ready", 120)
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
    port = free_port()
    command = [sys.executable, "-m", "services.launch", "--headless", "--port", str(port)]
    environment = clean_environment(state, SLUICE_LOCAL_AZURE_DIR=str(state))
    running = start(command, environment, f"http://localhost:{port}", state)
    try:
        if not any(line.startswith(LOCAL_TARGET) for line in running.output):
            pytest.exit("Sluice did not start on the local Azure:\n" + "".join(running.output))
        wait_for(lambda: samples_are_up(running), "the samples to be deployed", 240)
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


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a path of a dashboard and wait until it has been drawn. Fails on script errors and on outside requests."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on("request", lambda request: _note_outside(request.url, problems))

    def go(url: str, *, width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(url)
        settle(page)
        return page

    yield go
    for context in contexts:
        context.close()
    assert not problems


def _note_outside(url: str, problems: list[str]) -> None:
    if not re.match(r"(https?|wss?)://(localhost|127\.0\.0\.1)[:/]|data:|blob:", url):
        problems.append(f"a request left the machine: {url}")


def settle(page: Page) -> None:
    """Wait until Streamlit has run the script and drawn the page, and nothing on it is stale."""
    page.get_by_role("heading", level=1).first.wait_for()
    page.locator('[data-test-script-state="notRunning"]').first.wait_for(state="attached")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
