"""How long does a page take: on the server, and in a browser from the click to the settled page?

The dashboard is started by the program behind ``make run``, on a local Azure of its own with both samples, three hours
of history and requests flowing. The peer is the barest Streamlit page, served beside it with the same settings.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.crowd import TABS, TICK_SECONDS, crowd
from benchmarks.report import Cell, Report, middle, percentile
from benchmarks.scene import ROOT
from benchmarks.visitor import Run, Visitor
from tests import browser as chromium

PAGES = ("Endpoints", "Traffic", "Test", "Metrics", "Journal")
BARE = ""
"""The address of the bare page."""
SLIDER = "traffic"
"""The page whose slider is moved."""
QUERY = "endpoint=whats-in-a-name"
RERUNS = 40
CLICKS = 8
COLD_TABS = 3
THINK_SECONDS = 0.15
"""Between two reruns, as a person who moves a slider quickly."""
PATIENCE_SECONDS = 300.0


@contextlib.contextmanager
def running(command: list[str], changes: dict[str, str], log: Path) -> Iterator[None]:
    """Run a server until the block ends."""
    kept = {
        n: v for n, v in os.environ.items() if not n.startswith(("AZURE", "ARM_", "IDENTITY_", "SLUICE_", "EMULATOR_"))
    }
    with log.open("w") as output:
        environment = {**kept, "AZURE_CONFIG_DIR": os.devnull, **changes}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(is_true: Callable[[], bool], what: str) -> float:
    """Wait for something and return the seconds it took. Raises TimeoutError."""
    started = time.perf_counter()
    while not is_true():
        if time.perf_counter() - started > PATIENCE_SECONDS:
            raise TimeoutError(f"{what} did not come within {PATIENCE_SECONDS:.0f} seconds")
        time.sleep(0.05)
    return time.perf_counter() - started


def answers(url: str) -> Callable[[], bool]:
    """A check whether a server answers 200."""

    def check() -> bool:
        try:
            with urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    return check


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def reruns(port: int, page: str) -> dict[str, Cell]:
    """Time the server: the first run of a page for a new visitor, and many reruns."""
    with Visitor(port) as visitor:
        first = visitor.run(page, QUERY)
        runs = paced(partial(again, visitor, page))
    return {
        "first ms": round(first.milliseconds, 1),
        **times("rerun", runs),
        "KiB": round(middle([run.kibibytes for run in runs]), 1),
    }


def again(visitor: Visitor, page: str, _number: int) -> Run:
    """Run a page once more."""
    return visitor.run(page, QUERY)


def paced(run: Callable[[int], Run]) -> list[Run]:
    """Do something as often and as quickly as a person. Raises RuntimeError when a page shows an exception."""
    runs = []
    for number in range(1, RERUNS + 1):
        time.sleep(THINK_SECONDS)
        runs.append(run(number))
    if any(one.failed for one in runs):
        raise RuntimeError("A page shows an exception.")
    return runs


def times(name: str, runs: list[Run]) -> dict[str, Cell]:
    """Median and 95th percentile of some runs."""
    taken = [run.milliseconds for run in runs]
    return {f"{name} p50 ms": round(middle(taken), 1), f"{name} p95 ms": round(percentile(taken, 95), 1)}


def in_a_crowd(port: int, pages: Sequence[str], slider: str) -> dict[str, dict[str, Cell]]:
    """Time reruns of each page, and moves of the slider on one of them, while many pages are open."""
    found = {}
    with crowd(port, pages, QUERY):
        for page in pages:
            with Visitor(port) as visitor:
                visitor.run(page, QUERY)
                found[page] = times(f"{TABS} open", paced(partial(again, visitor, page)))
        with Visitor(port) as visitor:
            visitor.run(slider, QUERY)
            found["move"] = times(f"{TABS} open", paced(partial(visitor.move, slider, QUERY)))
    return found


def settle(page: Page, heading: str) -> None:
    """Wait until the page of that heading is drawn and its script has ended."""
    page.get_by_role("heading", level=1).filter(has_text=re.compile(f"^{heading}$")).wait_for()
    page.locator('[data-test-script-state="notRunning"]').first.wait_for(state="attached")


def cold_tab(browser: Browser, url: str, heading: str) -> float:
    """Seconds from opening the address in an empty browser to the settled page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    started = time.perf_counter()
    page.goto(url)
    settle(page, heading)
    taken = time.perf_counter() - started
    context.close()
    return taken


def clicks(browser: Browser, url: str) -> dict[str, float]:
    """Median milliseconds from a click in the menu to the settled page."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{url}/{PAGES[0].lower()}?{QUERY}")
    settle(page, PAGES[0])
    taken: dict[str, list[float]] = {name: [] for name in PAGES}
    for number in range(CLICKS + 1):
        for name in (*PAGES[1:], PAGES[0]):
            link = page.get_by_test_id("stSidebarNavLink").filter(has_text=name)
            started = time.perf_counter()
            link.click()
            settle(page, name)
            if number:  # the first round loads what each page needs once
                taken[name].append((time.perf_counter() - started) * 1000)
    page.close()
    return {name: middle(values) for name, values in taken.items()}


def measure() -> Report:
    """Start both servers, wait for the samples, and time every page."""
    began = time.perf_counter()
    with TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stack:
        state, port, bare_port = Path(folder) / "state", free_port(), free_port()
        launch = [sys.executable, "-m", "services.launch", "--headless", "--port", str(port)]
        log = Path(folder) / "log"
        stack.enter_context(
            running(launch, {"SLUICE_LOCAL_AZURE_DIR": str(state), "SLUICE_DATA_DIR": str(Path(folder) / "data")}, log)
        )
        url = f"http://localhost:{port}"
        ready = until(answers(f"{url}/readyz"), "the dashboard")
        progress = state / "demo-progress.txt"
        filled = ready + until(lambda: progress.is_file() and "sending" in progress.read_text(), "the samples")
        bare = [sys.executable, "-m", "streamlit", "run", "benchmarks/bare_app.py", "--server.headless", "true"]
        stack.enter_context(running([*bare, "--server.port", str(bare_port)], {}, Path(folder) / "bare-log"))
        until(answers(f"http://localhost:{bare_port}/_stcore/health"), "the bare page")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.chromium(), args=chromium.ARGUMENTS)
            cold = middle([cold_tab(browser, f"{url}/{PAGES[0].lower()}?{QUERY}", PAGES[0]) for _ in range(COLD_TABS)])
            bare_cold = middle([cold_tab(browser, f"http://localhost:{bare_port}", "Bare") for _ in range(COLD_TABS)])
            clicked = clicks(browser, url)
            browser.close()
        addresses = [name.lower() for name in PAGES]
        alone = {BARE: reruns(bare_port, BARE), **{page: reruns(port, page) for page in addresses}}
        bare_crowd, crowded = in_a_crowd(bare_port, [BARE], BARE), in_a_crowd(port, addresses, SLIDER)
    rows: list[dict[str, Cell]] = [{"page": "bare Streamlit page", **alone[BARE], **bare_crowd[BARE], "click ms": "-"}]
    rows += [
        {"page": name, **alone[page], **crowded[page], "click ms": round(clicked[name])}
        for name, page in zip(PAGES, addresses, strict=True)
    ]
    for row in rows:
        row["rerun to bare"] = round(float(row["rerun p50 ms"]) / float(rows[0]["rerun p50 ms"]), 1)
    facts = {
        f"{name} {figure}": value
        for name, moves in (("bare slider move", bare_crowd["move"]), ("slider move", crowded["move"]))
        for figure, value in moves.items()
    }
    p50 = f"{TABS} open p50 ms"
    moved = (
        f"With {TABS} pages open, a move of the slider takes {facts[f'slider move {p50}']} ms, "
        f"of the bare page's {facts[f'bare slider move {p50}']} ms"
    )
    return Report(
        name="pages",
        question="Time of every page: on the server (first visit, rerun), and in a browser from click to settled.",
        rows=rows,
        verdict=f"{moved}. Ready after {ready:.1f} s, samples and history in place after {filled:.0f} s on a new "
        f"folder; first page in an empty tab {cold:.2f} s, the bare page {bare_cold:.2f} s.",
        notes=(
            f"{TABS} open: so many other pages are open and read their data again every {TICK_SECONDS:.0f} s.",
            f"Medians: {RERUNS} reruns {THINK_SECONDS} s apart, {CLICKS} clicks, {COLD_TABS} tabs.",
            "Streamlit collects garbage after every run, which is most of the bare page's time; Sluice sets what it",
            "loaded at the start aside (gc.freeze), and its collection has little left to look at.",
        ),
        seconds=time.perf_counter() - began,
        facts={
            **facts,
            "ready seconds": round(ready, 2),
            "filled seconds": round(filled, 1),
            "first page seconds": round(cold, 2),
            "first bare page seconds": round(bare_cold, 2),
        },
    )


def main() -> Report:
    """Measure, print the table and write the JSON file."""
    report = measure()
    print(report.table())
    report.write()
    return report


if __name__ == "__main__":
    main()
