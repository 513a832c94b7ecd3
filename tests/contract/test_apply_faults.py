"""Every fault of the local Azure at every step of applying a split: afterwards the journal and Azure agree.

Or the journal says that it is not known; and as soon as Azure answers again, it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.azure import endpoints as azure_endpoints
from services.azure.connection import Connection
from services.azure.endpoints import BUSY_STATES, get_endpoint, list_deployments
from services.journal.entry import APPLIED, CANCELLED, FAILED, REFUSED, UNKNOWN, Entry, Who
from services.journal.journal import Journal
from services.model import Split, WorkspaceRef
from services.store import Store
from services.traffic.application import Application
from services.traffic.applier import Applier
from services.traffic.plan import plan
from services.traffic.work import Limits
from tests.contract.elsewhere import change_split, seed_endpoint, seed_workspace
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

BEFORE, AFTER, THEIRS = Split({"blue": 100}, {"red": 10}), Split({"blue": 70, "green": 30}), Split({"green": 100})
LIMITS = Limits(others=4.0, operation=4.0, lag=1.0, throttled=20.0, trouble=0.5, silence=1.0, gone=0.5)
FASTER = 30.0
"""How much shorter pauses are than on Azure."""
WAIT_SECONDS = 60.0
ANSWERS: dict[str, dict[str, Any]] = {
    "400": {"status": 400, "code": "BadRequest"},
    "401": {"status": 401, "code": "InvalidAuthenticationToken"},
    "403": {"status": 403, "code": "AuthorizationFailed"},
    "404": {"status": 404, "code": "ResourceNotFound"},
    "408": {"status": 408},
    "409": {"status": 409, "code": "Conflict"},
    "429 with Retry-After": {"status": 429, "retry_after": 3},
    "429 without": {"status": 429},
    "500": {"status": 500},
    "503 with Retry-After": {"status": 503, "retry_after": 1},
    "not JSON": {"status": 200, "body": "<html>a proxy</html>"},
    "odd JSON": {"status": 200, "body": []},
    "reset": {"connection": "reset"},
    "lost": {"connection": "lost"},
    "half": {"connection": "half"},
}
WRITE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"
EVERY = os.environ.get("SLUICE_TEST_COUNTS") == "full"
STEPS = ("list_deployments", "get_endpoint", "send_split", "poll_split", "read back")
ONCE, LASTING = 1, None
TELLING: dict[str, tuple[tuple[str, int | None], ...]] = {
    "list_deployments": (("401", ONCE), ("503 with Retry-After", ONCE), ("reset", LASTING)),
    "get_endpoint": (("403", ONCE), ("429 with Retry-After", ONCE), ("half", ONCE)),
    "send_split": (
        ("400", ONCE),
        ("408", ONCE),
        ("409", ONCE),
        ("429 without", ONCE),
        ("500", ONCE),
        ("not JSON", ONCE),
        ("odd JSON", ONCE),
        ("reset", ONCE),
        ("lost", ONCE),
        ("half", ONCE),
    ),
    "poll_split": (("404", ONCE), ("odd JSON", ONCE), ("500", LASTING)),
    "read back": (("lost", ONCE), ("404", LASTING), ("500", LASTING)),
}
"""Step → the faults that tell most at it. Each fault is at one step at least; all of them at every step take longer."""


@dataclass
class Meddled:
    """Sluice's way to Azure; right before the call of one step something happens."""

    step: str
    happen: Callable[..., None]
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            step = "read back" if name == "get_endpoint" and "send_split" in self.calls else name
            if step == self.step and step not in self.calls:
                self.happen(*arguments)
            self.calls.append(step)
            return getattr(azure_endpoints, name)(*arguments)

        return call


@dataclass
class Bench:
    """A workspace of endpoints of which each is changed once, under its own fault."""

    azure: LocalAzure
    conn: Connection
    folder: Path
    place: WorkspaceRef

    def seed(self, name: str) -> None:
        seed_endpoint(self.azure, self.place, name, BEFORE.live, BEFORE.mirror)

    def path(self, name: str, step: str, operation: str = "") -> str:
        if step == "poll_split":
            return urlsplit(operation).path
        path = f"{self.place.id}/onlineEndpoints/{name}"
        return f"{path}/deployments" if step == "list_deployments" else path

    def fault(self, **values: Any) -> str:
        answer = self.azure.control("POST", "faults", values)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def truth(self, name: str) -> Split:
        """What Azure holds once nothing runs any more."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := get_endpoint(self.conn, name)).state in BUSY_STATES:
            assert time.monotonic() < deadline, found
        return found.split

    def apply(self, name: str, meddled: Meddled, journal: Journal, limits: Limits = LIMITS) -> Application:
        seen = get_endpoint(self.conn, name)
        wanted = plan(seen, list_deployments(self.conn, name), AFTER.live, None, 0)
        applier = Applier(journal, endpoints=meddled, sleep=lambda seconds: time.sleep(seconds / FASTER), limits=limits)
        try:
            applier.start(self.conn, wanted, change_id=f"change {name}", who=Who("app", "ann"))
            ended = applier.wait(seen.id, WAIT_SECONDS)
        finally:
            applier.stop()
        assert ended is not None
        return ended

    def recover(self, journal: Journal) -> None:
        """What the next start of Sluice finds out."""
        applier = Applier(journal, sleep=lambda seconds: time.sleep(seconds / FASTER), limits=LIMITS)
        applier.recover_now(self.conn)
        applier.stop()


@pytest.fixture
def bench(local_azure: LocalAzure, conn: Connection, tmp_path: Path) -> Iterator[Bench]:
    place = seed_workspace(local_azure, "meddled")
    yield Bench(local_azure, conn.at(place), tmp_path, place)
    local_azure.control("DELETE", "faults").raise_for_status()


@pytest.fixture
def settings(local_azure: LocalAzure) -> Iterator[Callable[..., None]]:
    before = local_azure.control("GET", "settings").json()

    def change(**values: float) -> None:
        local_azure.control("POST", "settings", values).raise_for_status()

    yield change
    local_azure.control("POST", "settings", before).raise_for_status()


def under_fault(bench: Bench, step: str, kind: str, times: int | None) -> None:
    """Apply a split while one step fails, and compare what is journaled with what Azure holds."""
    short = step.replace("_", "").replace(" ", "")[:4]
    name = f"{short}-{list(ANSWERS).index(kind)}-{times or 'on'}"
    bench.seed(name)
    store = Store(bench.folder / f"{name}.db")
    journal = Journal(store, "local")
    added: list[str] = []

    def happen(*arguments: Any) -> None:
        operation = arguments[2] if step == "poll_split" else ""
        method = "PUT" if step == "send_split" else "GET"
        limit = {"times": times} if times else {}
        added.append(bench.fault(method=method, path=bench.path(name, step, operation), **limit, **ANSWERS[kind]))

    meddled = Meddled(step, happen)
    try:
        ended = bench.apply(name, meddled, journal)
        for each in added:
            bench.azure.control("DELETE", f"faults/{each}")
        assert added, f"{name} ({kind}): the step was reached"
        entry = journal.newest(ended.endpoint_id)
        assert entry is not None
        assert entry.outcome == ended.outcome
        assert_never_blind(name, meddled, kind)
        if entry.outcome == UNKNOWN:
            assert entry.failure is not None, name
            assert "not known" in entry.failure.what or "could not be confirmed" in entry.failure.what, name
            bench.truth(name)
            bench.recover(journal)
        assert_agree(name, journal.newest(ended.endpoint_id), bench.truth(name))
        if times == 1 and step != "send_split" and kind not in ("400", "401", "403", "404", "409"):
            assert ended.outcome == APPLIED, f"{name}: a passing trouble with a read ends nothing"
    finally:
        store.close()


def assert_agree(name: str, entry: Entry | None, truth: Split) -> None:
    assert entry is not None
    expected: Mapping[str, Split] = {APPLIED: AFTER, REFUSED: BEFORE, CANCELLED: BEFORE, FAILED: BEFORE}
    assert entry.outcome in expected, (name, entry)
    assert truth == expected[entry.outcome], (name, entry)
    assert entry.outcome == APPLIED or entry.failure, (name, entry)


def assert_never_blind(name: str, meddled: Meddled, kind: str) -> None:
    """A write is sent again only after Azure has certainly refused it."""
    if kind not in ("409", "429 with Retry-After", "429 without"):
        assert meddled.calls.count("send_split") <= 1, name


def cases() -> list[tuple[str, str, int | None]]:
    if EVERY:
        return [(step, kind, times) for step in STEPS for kind in ANSWERS for times in (ONCE, LASTING)]
    return [(step, kind, times) for step in STEPS for kind, times in TELLING[step]]


def test_every_fault_is_put_in_front_of_a_step_and_every_step_has_faults() -> None:
    assert {kind for _, kind, _ in cases()} == set(ANSWERS)
    assert {step for step, _, _ in cases()} == set(STEPS)


def test_every_fault_at_every_step_leaves_the_journal_and_azure_in_agreement(
    bench: Bench, settings: Callable[..., None]
) -> None:
    settings(operation_seconds=0.1)
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(under_fault, bench, *case) for case in cases()]
        for each in running:
            each.result()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    store = Store(tmp_path / "sluice.db")
    yield Journal(store, "local", now=lambda: datetime.now(UTC))
    store.close()


@pytest.mark.parametrize("code", ["InternalServerError", "BadArgument", "OperationCanceled"])
def test_an_operation_that_ends_badly_is_a_failed_change(bench: Bench, journal: Journal, code: str) -> None:
    name = f"ends-with-{code.lower()}"
    bench.seed(name)
    outcome = {"code": code, "message": "No."}
    meddled = Meddled(
        "send_split", lambda *_: void(bench.fault(operation=WRITE, target=name, outcome=outcome, times=1))
    )
    ended = bench.apply(name, meddled, journal)

    assert (ended.outcome, ended.held) == (FAILED, BEFORE)
    assert ended.error is not None
    assert "No." in ended.error.why
    assert_agree(name, journal.newest(ended.endpoint_id), bench.truth(name))


def test_an_operation_that_never_ends_is_unknown_until_it_has(
    bench: Bench, journal: Journal, settings: Callable[..., None]
) -> None:
    bench.seed("never-ending")
    settings(operation_seconds=3600)
    ended = bench.apply("never-ending", Meddled("", lambda *_: None), journal, replace(LIMITS, operation=0.5))
    assert ended.outcome == UNKNOWN
    assert ended.error is not None
    assert "still InProgress" in ended.error.why
    settings(operation_seconds=0)

    bench.truth("never-ending")
    bench.recover(journal)
    assert_agree("never-ending", journal.newest(ended.endpoint_id), AFTER)


def test_an_endpoint_that_is_deleted_before_the_write_is_not_made_again(bench: Bench, journal: Journal) -> None:
    bench.seed("deleted-meanwhile")
    path = f"{bench.place.id}/onlineEndpoints/deleted-meanwhile"
    ended = bench.apply(
        "deleted-meanwhile",
        Meddled("send_split", lambda *_: void(bench.azure.finish(bench.azure.arm("DELETE", path)))),
        journal,
    )

    assert ended.outcome == REFUSED
    assert bench.azure.arm("GET", path).status_code == 404


def test_an_operation_of_somebody_else_is_waited_for(
    bench: Bench, journal: Journal, settings: Callable[..., None]
) -> None:
    """Their operation does not touch the split: ours follows when it has ended."""
    bench.seed("held-up")
    settings(operation_seconds=1)
    path = f"{bench.place.id}/onlineEndpoints/held-up"
    meddled = Meddled("list_deployments", lambda *_: void(bench.azure.arm("PATCH", path, {"tags": {"team": "a"}})))
    ended = bench.apply("held-up", meddled, journal)

    assert ended.outcome == APPLIED
    assert meddled.calls.count("list_deployments") > 1
    assert get_endpoint(bench.conn, "held-up").tags == {"team": "a"}


def test_an_operation_that_comes_between_reading_and_writing_is_waited_for_and_compared(
    bench: Bench, journal: Journal, settings: Callable[..., None]
) -> None:
    """Azure refuses ours with 409; afterwards the split is another one, and ours is not written over it."""
    bench.seed("written-between")
    settings(operation_seconds=1.5)
    path = f"{bench.place.id}/onlineEndpoints/written-between"

    def interfere(*_: Any) -> None:
        document = bench.azure.arm("GET", path).json()
        document["properties"] |= {"traffic": dict(THEIRS.live), "mirrorTraffic": {}}
        bench.azure.arm("PUT", path, document)

    ended = bench.apply("written-between", Meddled("send_split", interfere), journal)

    assert (ended.outcome, ended.held, bench.truth("written-between")) == (REFUSED, THEIRS, THEIRS)


@pytest.mark.parametrize("step", ["get_endpoint", "send_split", "read back"])
def test_reads_that_lag_behind_do_not_mislead(
    bench: Bench, journal: Journal, settings: Callable[..., None], step: str
) -> None:
    name = f"stale-{step.replace('_', '-').replace(' ', '-')}"
    bench.seed(name)
    change_split(bench.azure, f"{bench.place.id}/onlineEndpoints/{name}", {"green": 100}, {})
    change_split(bench.azure, f"{bench.place.id}/onlineEndpoints/{name}", BEFORE.live, BEFORE.mirror)
    ended = bench.apply(name, Meddled(step, lambda *_: settings(stale_read_seconds=0.6)), journal)
    settings(stale_read_seconds=0)

    assert ended.outcome == APPLIED
    assert bench.truth(name) == AFTER


def test_a_lost_write_is_found_behind_reads_that_lag(
    bench: Bench, journal: Journal, settings: Callable[..., None]
) -> None:
    bench.seed("lost-and-late")
    settings(stale_read_seconds=0.6)
    path = f"{bench.place.id}/onlineEndpoints/lost-and-late"
    meddled = Meddled("send_split", lambda *_: void(bench.fault(method="PUT", path=path, connection="lost", times=1)))
    ended = bench.apply("lost-and-late", meddled, journal)

    assert (ended.outcome, meddled.calls.count("send_split")) == (APPLIED, 1)
    settings(stale_read_seconds=0)
    assert bench.truth("lost-and-late") == AFTER


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_azure_whose_clock_was_set_back_is_understood(
    bench: Bench, journal: Journal, settings: Callable[..., None], is_lost: bool
) -> None:
    """The write before ours seems to be later than ours."""
    name = f"clock-{'lost' if is_lost else 'answered'}"
    path = f"{bench.place.id}/onlineEndpoints/{name}"
    bench.seed(name)
    settings(clock_shift_seconds=600)
    change_split(bench.azure, path, THEIRS.live, {})
    change_split(bench.azure, path, BEFORE.live, BEFORE.mirror)
    settings(clock_shift_seconds=0)
    lose = {"method": "PUT", "path": path, "connection": "lost", "times": 1}
    ended = bench.apply(name, Meddled("send_split", lambda *_: void(is_lost and bench.fault(**lose))), journal)

    assert ended.outcome == APPLIED
    assert bench.truth(name) == AFTER


def void(_: object) -> None:
    """A step that is of no interest for what it returns."""
