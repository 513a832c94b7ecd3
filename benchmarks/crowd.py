"""Many open pages at once: each reads its data again from time to time, as a browser does that somebody left open."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

from benchmarks.visitor import Visitor

TABS = 50
TICK_SECONDS = 15.0
"""How often an open page reads again; the same as ui/readers.py's RESOURCE_SECONDS."""
PATIENCE_SECONDS = 300.0


@contextlib.contextmanager
def crowd(port: int, pages: Sequence[str], query: str) -> Iterator[None]:
    """Keep ``TABS`` pages open while the block runs, spread over ``pages`` and over time.

    Raises RuntimeError when a page failed, or when not all of them came.
    """
    opened, over, failures = threading.Semaphore(0), threading.Event(), list[str]()

    def stay(number: int) -> None:
        page = pages[number % len(pages)]
        try:
            with Visitor(port) as visitor:
                visitor.run(page, query)
                opened.release()
                wait = TICK_SECONDS * (number + 1) / TABS
                while not over.wait(wait):
                    if visitor.run(page, query).failed:
                        failures.append(page)
                    wait = TICK_SECONDS
        except (OSError, TimeoutError) as error:
            failures.append(f"{page}: {error}")

    threads = [threading.Thread(target=stay, args=(number,), daemon=True) for number in range(TABS)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            if not opened.acquire(timeout=PATIENCE_SECONDS):
                raise RuntimeError(f"Not all {TABS} pages came: {failures}")
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise RuntimeError(f"Open pages failed: {failures}")
