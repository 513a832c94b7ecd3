"""Sluice and a client that knows no mirror change one endpoint in any order: nothing is overwritten without a word."""

from __future__ import annotations

import itertools
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.azure import endpoints as azure_endpoints
from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.journal.entry import APPLIED, CHANGE, DRIFT, Entry, Who
from services.journal.journal import Journal
from services.model import Split, WorkspaceRef
from services.store import Store
from services.traffic.applier import Applier
from services.traffic.plan import plan
from services.traffic.watcher import Watcher
from tests.contract.elsewhere import change_split, seed_endpoint, seed_workspace
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

RUNS = 200 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 5
CHANGES = 3
"""Changes that Sluice makes in one run. The other client may come in before every call to Azure of each of them."""
DEPLOYMENTS = ("blue", "green", "red")
FIRST = Split({"blue": 100}, {"green": 20})
CORRELATION = re.compile(r"correlation id ([0-9a-f-]{36})")


@pytest.fixture(scope="module")
def place(local_azure: LocalAzure) -> Iterator[WorkspaceRef]:
    """A workspace of this module alone, in which operations take no time."""
    local_azure.control("POST", "settings", {"operation_seconds": 0.0}).raise_for_status()
    yield seed_workspace(local_azure, "interleaved")
    local_azure.control("POST", "settings", {"operation_seconds": 0.3}).raise_for_status()


@dataclass
class Run:
    """One endpoint, everybody who changes it, and what really happened to it."""

    azure: LocalAzure
    conn: Connection
    journal: Journal
    watcher: Watcher
    chance: random.Random
    endpoint_id: str
    name: str
    elsewhere: list[tuple[Split, str]] = field(default_factory=list)
    changed_nothing: set[str] = field(default_factory=set)
    is_unseen: bool = False

    def anybody(self) -> None:
        """What may happen between any two calls: a change by the other client, or a poll; never two unseen changes."""
        if self.chance.random() < 0.3:
            self.poll()
        if self.chance.random() < 0.3:
            self.change_elsewhere()

    def change_elsewhere(self) -> None:
        """The other client reads the whole endpoint, and writes it back with another split and without a mirror."""
        if self.is_unseen:
            self.poll()
        if self.is_unseen:
            return
        before = self.held()
        after = Split(legal_live(self.chance))
        answer = change_split(self.azure, self.endpoint_id, after.live)
        correlation_id = answer.headers["x-ms-correlation-request-id"]
        if after == before:
            self.changed_nothing.add(correlation_id)
        else:
            self.elsewhere.append((after, correlation_id))
            self.is_unseen = True

    def poll(self) -> None:
        """One poll finds what is there to be found; while our own write is on its way, it waits for its end."""
        self.watcher.poll(self.conn.workspace)
        known = self.journal.known(self.endpoint_id)
        assert known is not None
        self.is_unseen = self.is_unseen and known.split != self.held()

    def held(self) -> Split:
        return get_endpoint(self.conn, self.name).split


class Crowded:
    """Sluice's way to Azure, with the other client in front of every call."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._run.anybody()
            return getattr(azure_endpoints, name)(*arguments)

        return call


def legal_live(chance: random.Random) -> dict[str, int]:
    first = chance.choice((0, 1, 5, 10, 50, 90, 100))
    one, other = chance.sample(DEPLOYMENTS, 2)
    return {one: first, other: 100 - first}


def change_with_sluice(run: Run, applier: Applier, number: int) -> Entry:
    """A person opens the page, wishes for a split, and applies it. Returns how it ended."""
    seen = get_endpoint(run.conn, run.name)
    live = legal_live(run.chance)
    idle = [name for name in DEPLOYMENTS if not live.get(name)]
    mirror = run.chance.choice((0, 5, 50))
    wanted = plan(seen, list_deployments(run.conn, run.name), live, run.chance.choice(idle), mirror)
    run.anybody()
    change_id = f"{run.name}-{number}"
    if wanted.changes:
        applier.start(run.conn, wanted, change_id=change_id, who=Who("app", "ann"))
        ended = applier.wait(run.endpoint_id, 60)
        assert ended is not None
        assert not ended.is_running
        # What Sluice read while it applied is what a poll would have read.
        run.poll()
    found = run.journal.entry(change_id)
    return found or run.journal.entries(limit=1)[0]


@pytest.fixture
def run(
    request: pytest.FixtureRequest, local_azure: LocalAzure, conn: Connection, place: WorkspaceRef, tmp_path: Path
) -> Iterator[Run]:
    chance = random.Random(request.param)
    name = f"interleaved-{request.param}-{os.getpid() % 100000}"
    endpoint_id = seed_endpoint(local_azure, place, name, FIRST.live, FIRST.mirror)
    here, store = conn.at(place), Store(tmp_path / "sluice.db")
    journal = Journal(store, "local")
    watcher = Watcher(here, journal, every_seconds=30)
    watcher.poll(place)
    yield Run(local_azure, here, journal, watcher, chance, endpoint_id, name)
    store.close()
    local_azure.finish(local_azure.arm("DELETE", endpoint_id))


@pytest.mark.parametrize("run", range(RUNS), indirect=True)
def test_nothing_is_overwritten_without_a_word_and_everything_is_journaled(run: Run) -> None:
    applier = Applier(run.journal, endpoints=Crowded(run), sleep=lambda _: None)
    try:
        ours = [change_with_sluice(run, applier, number) for number in range(CHANGES)]
        run.change_elsewhere()
        drift = next(iter(run.watcher.poll(run.conn.workspace)), None)
        restored = restore(run, applier)
    finally:
        applier.stop()

    assert drift is None or drift.after == run.elsewhere[-1][0], "found by the first poll after it"
    assert restored.outcome == APPLIED
    assert all(entry.outcome for entry in ours)
    known = run.journal.known(run.endpoint_id)
    assert known is not None
    assert known.split == run.held() == FIRST
    entries = run.journal.entries(limit=1000)
    told = {found for entry in entries for sentence in entry.overwrote for found in CORRELATION.findall(sentence)}
    found = [entry.after for entry in entries if entry.kind == DRIFT]
    missed = [split for split, correlation_id in run.elsewhere if correlation_id not in told]
    assert sorted(map(str, found)) == sorted(map(str, missed)), "found as drift or told as overwritten; nothing made up"
    assert told <= {correlation_id for _, correlation_id in run.elsewhere} | run.changed_nothing
    assert_one_follows_the_other(entries)


def restore(run: Run, applier: Applier) -> Entry:
    """Back to the first split, mirror included, by the way that every change takes. Nobody else is there any more."""
    applier.stop()
    quiet = Applier(run.journal, sleep=lambda _: None)
    before = get_endpoint(run.conn, run.name)
    if before.split == FIRST:
        return next(entry for entry in run.journal.entries() if entry.kind == CHANGE and entry.outcome == APPLIED)
    wanted = plan(before, list_deployments(run.conn, run.name), FIRST.live, FIRST.mirror_target, FIRST.mirror_percent)
    change_id = f"{run.name}-restore"
    quiet.start(run.conn, wanted, change_id=change_id, who=Who("app", "ann"), restores=run.journal.entries()[-1].id)
    quiet.wait(run.endpoint_id, 60)
    quiet.stop()
    after = get_endpoint(run.conn, run.name)
    assert without_split(after.raw) == without_split(before.raw), "nothing but the split has changed"
    found = run.journal.entry(change_id)
    assert found is not None
    return found


def without_split(document: Any) -> dict[str, Any]:
    properties = {
        key: value
        for key, value in document["properties"].items()
        if key not in ("traffic", "mirrorTraffic", "properties")
    }
    return {key: value for key, value in document.items() if key not in ("systemData", "properties")} | properties


def assert_one_follows_the_other(entries: list[Entry]) -> None:
    """Each change begins where the one before it has ended: there is no gap in which something was not seen."""
    effective = [entry for entry in entries if entry.kind != CHANGE or entry.outcome == APPLIED]
    effective.sort(key=lambda entry: entry.sent_at or entry.began_at)
    for one, other in itertools.pairwise(effective):
        assert other.before == one.after, (one, other)
