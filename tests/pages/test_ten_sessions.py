"""Ten people who look at the same numbers cost Azure as many calls as one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from streamlit.runtime.caching import cache_utils

from services.azure.connection import Connection
from services.errors import SluiceError, Throttled
from services.metrics import INSTANCES, RESOURCES, TRAFFIC
from services.model import Endpoint
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page
from ui import context, failures, readers
from ui.readers import Span

PEOPLE = 10
SPAN = Span(180)
DEADLINE_SECONDS = 60.0
NUMBERS = "metrics:getBatch"


class Calls:
    """What has been asked of Azure, by the last part of the path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self.gate = threading.Event()
        """Answers are held back until it is set."""
        self.gate.set()

    def hear(self, answer: Any, *_: Any, **__: Any) -> None:
        """Note an answer. A hook of requests."""
        with self._lock:
            self._seen[urlsplit(answer.url).path.rpartition("/")[2]] += 1
        assert self.gate.wait(DEADLINE_SECONDS)

    def taken(self) -> Counter[str]:
        """What has been asked since the last time."""
        with self._lock:
            seen, self._seen = self._seen, Counter()
        return seen


@pytest.fixture
def calls(seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Calls]:
    """Counts what this process asks of Azure."""
    seeded.control("DELETE", "faults").raise_for_status()
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path / "data"))
    for name, value in seeded.environment.items():
        monkeypatch.setenv(name, value)
    made = Calls()
    context.connection().transport.session.hooks["response"].append(made.hear)
    yield made
    made.gate.set()


def numbers(endpoint: Endpoint) -> None:
    """What the Metrics page reads, all groups of it."""
    readers.deployments(endpoint)
    readers.metrics(endpoint, SPAN)
    readers.metrics(endpoint, SPAN, is_before=True)
    for group in (TRAFFIC, RESOURCES, INSTANCES):
        readers.metric_group(endpoint, SPAN, group)
    readers.deployment_summaries(endpoint)


def together(task: Callable[[], object]) -> None:
    """Ten people at the same moment."""
    barrier = threading.Barrier(PEOPLE)

    def one(_: int) -> None:
        barrier.wait(DEADLINE_SECONDS)
        task()

    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(one, range(PEOPLE)))


def split_endpoint() -> Endpoint:
    return next(each for each in readers.endpoints() if each.name == SPLIT)


def test_ten_who_look_at_the_same_moment_cost_as_much_as_one(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing gets old meanwhile, however slow the machine is.
    at = time.monotonic()
    monkeypatch.setattr(cache_utils, "TTLCACHE_TIMER", lambda: at)
    endpoint = split_endpoint()
    numbers(endpoint)
    # Answers that are kept for hours or for the connection's life are not asked for again; the same for both counts.
    calls.taken()
    readers.forget()
    numbers(split_endpoint())
    alone = calls.taken()
    assert alone[NUMBERS] >= 5
    readers.forget()
    endpoint = split_endpoint()
    together(lambda: numbers(endpoint))
    assert calls.taken() == alone
    together(lambda: numbers(endpoint))
    assert calls.taken() == Counter()


def test_old_numbers_are_read_again_behind_all_of_them_once(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = split_endpoint()
    readers.metrics(endpoint, SPAN)
    alone = calls.taken()[NUMBERS]
    calls.gate.clear()
    past = time.monotonic
    monkeypatch.setattr(cache_utils, "TTLCACHE_TIMER", lambda: past() + readers.METRIC_SECONDS + 1)
    before = readers.metrics(endpoint, SPAN)
    together(lambda: readers.metrics(endpoint, SPAN))
    assert readers.metrics(endpoint, SPAN).latency.equals(before.latency), "nobody waits"
    calls.gate.set()
    deadline = time.monotonic() + DEADLINE_SECONDS
    seen: Counter[str] = Counter()
    while seen[NUMBERS] < alone:
        seen += calls.taken()
        assert time.monotonic() < deadline
    together(lambda: readers.metrics(endpoint, SPAN))
    assert (seen + calls.taken())[NUMBERS] == alone


def test_ten_who_wait_for_a_reading_that_fails_wait_for_one(calls: Calls, seeded: LocalAzure) -> None:
    endpoint = split_endpoint()
    readers.metrics(endpoint, SPAN)
    alone = calls.taken()[NUMBERS]
    readers.forget()
    seeded.control(
        "POST", "faults", {"path": f"/subscriptions/*/{NUMBERS}", "status": 429, "delay_seconds": 3}
    ).raise_for_status()
    try:
        problems: list[SluiceError] = []

        def look() -> None:
            try:
                readers.metrics(endpoint, SPAN)
            except SluiceError as error:
                problems.append(error)

        together(look)
    finally:
        seeded.control("DELETE", "faults").raise_for_status()
    assert {type(each) for each in problems} == {Throttled}
    assert len(problems) == PEOPLE
    assert calls.taken()[NUMBERS] <= alone
    assert len(readers.metrics(endpoint, SPAN).latency), "whoever comes later asks again"


def test_a_refresh_asks_for_what_may_have_changed_alone(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    past, shift = time.monotonic, [0.0]
    monkeypatch.setattr(cache_utils, "TTLCACHE_TIMER", lambda: past() + shift[0])
    days = Span(2 * 24 * 60, grain_seconds=60)
    endpoint = split_endpoint()

    def look() -> Counter[str]:
        readers.metrics(endpoint, days)
        readers.metrics(endpoint, days, is_before=True)
        return calls.taken()

    cold = look()
    # Older than twice its age: it is read at once, not behind.
    shift[0] += 2 * readers.METRIC_SECONDS + 1
    refreshed = look()
    shift[0] += 2 * readers.BEFORE_SECONDS + 1
    both = look()
    assert cold[NUMBERS] >= 3 * 4
    assert refreshed[NUMBERS] <= 2 * 4, "today, and yesterday while it is new; nothing of the period before"
    assert both[NUMBERS] <= 2 * 4, "the days of the period before are kept"


def test_failures_are_forgotten_when_there_are_many(calls: Calls) -> None:
    conn = context.connection()

    @failures.shared
    def read(_conn: Connection, number: int) -> None:
        made.append(number)
        raise Throttled("Not read.", f"Number {number}.", "Wait.")

    made: list[int] = []
    with failures.waiting():
        for number in [*range(failures.MOST_KEPT + 1), 1, 0]:
            with pytest.raises(Throttled):
                read(conn, number)
    assert made == [*range(failures.MOST_KEPT + 1), 0], "the oldest one is made again, the second one is told"


def test_a_second_session_on_the_page_asks_azure_for_no_numbers(
    calls: Calls, open_page: Callable[..., Page], seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = time.monotonic()
    monkeypatch.setattr(cache_utils, "TTLCACHE_TIMER", lambda: at)
    first = open_page("metrics", seeded, endpoint=SPLIT)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while "Reading both sources" in first.html():
        first.app.run()
        assert time.monotonic() < deadline
    assert calls.taken()[NUMBERS] >= 2
    assert "blue" in open_page("metrics", seeded, endpoint=SPLIT).html()
    assert calls.taken()[NUMBERS] == 0
