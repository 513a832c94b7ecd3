"""A comparison that runs in the background: every request is put to both deployments and paired."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from services.azure.connection import Connection
from services.errors import RuleBroken, ServiceFailed, SluiceError, Stopped, Timeout, Unreachable
from services.model import Deployment, Endpoint
from services.replay.asking import Ask, Task, ask_three, tasks
from services.replay.noise import judge_fields, to_ask_again
from services.replay.outcome import Outcome, outcome_of
from services.replay.record import Example, Item, Record, Triple
from services.scoring.request import ScoringRequest
from services.scoring.sending import send

_log = logging.getLogger("sluice.replay")
MOST_ITEMS = 2000
"""Requests of one comparison."""
MOST_PARALLEL = 16
DEFAULT_TOLERANCE = 1e-9
"""Relative. Sums of floats in another order differ by less; models that differ do so by more."""
BUSY_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Before a request that was answered by 429 is sent again."""
HOPELESS = 10
"""Requests without any answer from either side, in a row, after which the rest is not tried."""
MOST_EXAMPLES, MOST_EXAMPLE_CHARACTERS = 200, 6_000_000


@dataclass(frozen=True)
class Progress:
    """How far it is. ``planned`` grows when requests are asked again. ``error`` says why it ended early."""

    done: int
    planned: int
    is_asking_again: bool
    is_over: bool
    error: SluiceError | None


class Replay:
    """Compares ``candidate`` with ``live`` on ``items``. Thread-safe.

    ``ask`` sends a request to the deployment it names; see :func:`asker`, which shares ``stopped`` with this. The order
    is drawn from ``seed``. Raises RuleBroken for a set that cannot be compared.
    """

    def __init__(
        self,
        items: Sequence[Item],
        live: str,
        candidate: str,
        ask: Ask,
        *,
        seed: int,
        parallel: int = 1,
        tolerance: float = DEFAULT_TOLERANCE,
        stopped: threading.Event | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        _check(items, live, candidate)
        self._items = tuple(items)
        self._parallel = max(1, min(parallel, MOST_PARALLEL))
        self._rng = Random(seed)  # noqa: S311 - orders, not secrets
        self._ask_live, self._ask_candidate = _pinned(ask, live), _pinned(ask, candidate)
        self._lock = threading.Lock()
        self._stop = stopped or threading.Event()
        self._over = threading.Event()
        self._silent = 0
        self._planned = len(self._items)
        self._is_asking_again = False
        self._error: SluiceError | None = None
        self._triples: list[Triple] = []
        self._again: list[Triple] = []
        self._examples: list[Example] = []
        self._example_characters = 0
        self._empty = Record(live, candidate, now(), seed, tolerance, tuple(item.name for item in self._items))

    def start(self) -> None:
        """Begin in the background."""
        threading.Thread(target=self.run, name="replay", daemon=True).start()

    def run(self) -> None:
        """Compare until it is done or stopped; what failed is in ``progress``."""
        try:
            self._all(tasks(list(enumerate(self._items)), self._rng), self._triples)
            if not self._stop.is_set():
                self._ask_again()
        finally:
            self._over.set()

    def stop(self) -> None:
        """Send nothing more. What has been compared stays; a comparison that is over was not stopped."""
        if not self._over.is_set():
            self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody stopped it, or an error did."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is over; whether it is."""
        return self._over.wait(seconds)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        with self._lock:
            done = len(self._triples) + len(self._again)
            return Progress(done, self._planned, self._is_asking_again, self._over.is_set(), self._error)

    @property
    def record(self) -> Record:
        """What has been seen so far."""
        with self._lock:
            return replace(
                self._empty,
                triples=tuple(self._triples),
                again=tuple(self._again),
                examples=tuple(self._examples),
                is_stopped=self._stop.is_set(),
            )

    def _ask_again(self) -> None:
        fields = judge_fields(
            (triple.alone for triple in self._triples),
            (),
            (each for triple in self._triples for each in triple.unsettled),
        )
        named = frozenset(field.field for field in fields if field.is_named)
        chosen = to_ask_again({triple.item: triple.alone for triple in self._triples}, named)
        if not chosen:
            return
        with self._lock:
            self._planned += sum(chosen.values())
            self._is_asking_again = True
        again = [(number, self._items[number]) for number, times in chosen.items() for _ in range(times)]
        self._all(tasks(again, self._rng), self._again)

    def _all(self, waiting: list[Task], into: list[Triple]) -> None:
        """Ask ``waiting`` with a few threads; each takes the next one when it is done with one."""
        queue = iter(waiting)

        def work() -> None:
            while not self._stop.is_set():
                with self._lock:
                    task = next(queue, None)
                if task is None:
                    return
                self._one(task, into)

        threads = [threading.Thread(target=work, name="replay-asking", daemon=True) for _ in range(self._parallel - 1)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()

    def _one(self, task: Task, into: list[Triple]) -> None:
        try:
            found = ask_three(task, self._ask_live, self._ask_candidate, self._empty.tolerance, self._stop.is_set)
        except SluiceError as error:
            self._fail(error)
            return
        except Exception:
            # Runs in a thread of its own: nobody else would hear of it.
            _log.exception("A request of a comparison could not be compared")
            self._fail(_unexpected())
            return
        if found is None:
            return
        triple, example = found
        with self._lock:
            into.append(triple)
            if example is not None and into is self._triples:
                self._keep(example)
            self._silent = 0 if any(each is not None for each in triple.total_ms) else self._silent + 1
            is_hopeless = self._silent >= HOPELESS
        if is_hopeless:
            self._fail(_hopeless(triple))

    def _keep(self, example: Example) -> None:
        size = len(example.request) + len(example.live) + len(example.candidate)
        if len(self._examples) < MOST_EXAMPLES and self._example_characters + size <= MOST_EXAMPLE_CHARACTERS:
            self._examples.append(example)
            self._example_characters += size

    def _fail(self, error: SluiceError) -> None:
        with self._lock:
            if self._error is None and not (isinstance(error, Stopped) and self._stop.is_set()):
                self._error = error
        self._stop.set()


def asker(conn: Connection, endpoint: Endpoint, stop: threading.Event) -> Ask:
    """Sends to ``endpoint`` for real, until ``stop`` is set.

    A deployment that has no time (429) is asked again a few times: that says nothing about its answers. No answer in
    time, and no connection, are outcomes; whatever else goes wrong, such as a missing right to the key, is raised: it
    would go wrong each time.
    """

    def ask(request: ScoringRequest) -> Outcome:
        for pause in BUSY_PAUSES_SECONDS:
            found = once(request)
            if found.label != "429" or stop.wait(pause):
                return found
        return once(request)

    def once(request: ScoringRequest) -> Outcome:
        try:
            return outcome_of(send(conn, endpoint, request, is_stopped=stop.is_set))
        except (Timeout, Unreachable, ServiceFailed) as error:
            return outcome_of(error)

    return ask


def fitting_parallel(deployments: Iterable[Deployment]) -> int:
    """How many requests at a time all of ``deployments`` work on without letting any wait: no time is spoilt by it."""
    room = (each.max_concurrent_requests * max(1, each.instance_count) for each in deployments)
    return max(1, min(MOST_PARALLEL, *room))


def _pinned(ask: Ask, deployment: str) -> Ask:
    return lambda request: ask(replace(request, deployment=deployment))


def _check(items: Sequence[Item], live: str, candidate: str) -> None:
    what = "The comparison was not started."
    if live == candidate:
        raise RuleBroken(what, f"{live} would be compared with itself.", "Choose two deployments.")
    if not items:
        raise RuleBroken(what, "There is no request to send.", "Choose payloads, a file, or requests of the history.")
    if len(items) > MOST_ITEMS:
        raise RuleBroken(what, f"{len(items)} requests are more than {MOST_ITEMS}.", "Choose fewer.")
    for item in items:
        item.request.check()


def _unexpected() -> SluiceError:
    return ServiceFailed(
        "The comparison was ended.",
        "An answer could not be compared; Sluice's own log says more.",
        "Take the last request out of the set and compare again.",
    )


def _hopeless(triple: Triple) -> SluiceError:
    kind, _ = Counter(triple.labels).most_common(1)[0]
    return Unreachable(
        "The comparison was ended.",
        f"{HOPELESS} requests in a row got no answer from either deployment ({kind}).",
        "Send one request by hand under Send to see what is wrong.",
    )
