"""Answers that data collectors have stored, read from the local Azure's blobs and counted in a shadow test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from services.azure.collected import REQUEST, RESPONSE, Shelf, Span
from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.comparison.criteria import Criteria
from services.comparison.judge import Verdict
from services.errors import AccessDenied, RuleBroken
from services.model import Endpoint
from services.replay.record import from_document
from services.results import Results
from services.shadow.answering import Places
from services.shadow.judging import Judging
from services.shadow.model import Pair, Run
from services.shadow.runs import Runs
from services.shadow.stored_reading import StoredReading
from services.shadow.stored_words import told_of
from services.store import Store
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
FLIPS = Criteria(error_points=None, latency=None, quantiles=(), answer_percent=8.0)
RANDOM = ("$.noise", "$.id", "$.mood", "$.server")
ON = {"collections": {name: {"dataCollectionMode": "Enabled"} for name in (REQUEST, RESPONSE)}}


@pytest.fixture
def endpoint(conn: Connection, planted: str) -> Endpoint:
    return get_endpoint(conn, planted)


@pytest.fixture
def places(conn: Connection, tmp_path: Path) -> Iterator[Places]:
    store = Store(tmp_path / "sluice.db")
    yield Places(Runs(store, conn.arm_host), Results(store, conn.arm_host), keeps_bodies=True)
    store.close()


@pytest.fixture
def mirrored(local_azure: LocalAzure, planted: str) -> Iterator[None]:
    """Blue is live, green gets a copy of every second request, and both collect."""
    path = f"onlineEndpoints/{planted}"

    def write(mirror: dict[str, int], collector: dict[str, Any] | None) -> None:
        for name in ("blue", "green"):
            put(local_azure, f"{path}/deployments/{name}", dataCollector=collector)
        put(local_azure, path, traffic={"blue": 100}, mirrorTraffic=mirror)

    write({"green": 50}, ON)
    yield
    write({}, None)


@pytest.fixture
def switch(local_azure: LocalAzure) -> Iterator[Callable[[bool], None]]:
    """Says whether a copy bears the id of its live request."""

    def say(keeps: bool) -> None:
        local_azure.control("POST", "settings", {"mirror_keeps_request_id": keeps}).raise_for_status()

    yield say
    say(True)


def put(azure: LocalAzure, path: str, **properties: Any) -> None:
    document = azure.arm("GET", path).json()
    answer = azure.arm("PUT", path, {**document, "properties": document["properties"] | properties})
    assert azure.finish(answer)["status"] == "Succeeded"


def begun(places: Places, endpoint: Endpoint, conn: Connection) -> Run:
    now = conn.now().replace(microsecond=0)
    run = Run("a run", endpoint.id, Pair("blue", "green"), 50, FLIPS, now, now + timedelta(hours=1), "somebody")
    return places.runs.begin(replace(run, set_at=now))


def send(azure: LocalAzure, name: str, numbers: list[float]) -> None:
    key = azure.arm("POST", f"onlineEndpoints/{name}/listKeys").json()["primaryKey"]
    address = azure.arm("GET", f"onlineEndpoints/{name}").json()["properties"]["scoringUri"]
    with requests.Session() as session:
        session.verify, session.headers["Authorization"] = azure.bundle, f"Bearer {key}"
        for one in numbers:
            session.post(address, json={"data": one}, timeout=60).raise_for_status()


def settled(conn: Connection, endpoint: Endpoint, run: Run, wanted: int) -> None:
    """Wait until the live deployment's collector has written so many answers, and the copies' have come to rest."""
    assert run.set_at is not None
    span = Span(run.set_at, run.ends_at)
    shelf, before = Shelf(conn), [-1]

    def is_there() -> bool:
        live = [shelf.read(endpoint, "blue", each, span).events for each in (REQUEST, RESPONSE)]
        copies = [len(shelf.read(endpoint, "green", each, span).events) for each in (REQUEST, RESPONSE)]
        rests, before[0] = copies[0] == copies[1] == before[0], copies[1]
        return rests and all(len(each) >= wanted for each in live)

    deadline, pause = time.monotonic() + 60, threading.Event()
    while not is_there():
        assert time.monotonic() < deadline
        pause.wait(0.7)


def read(
    conn: Connection, endpoint: Endpoint, run: Run, places: Places, left_out: tuple[str, ...] = ()
) -> StoredReading:
    made = StoredReading(conn, endpoint, list_deployments(conn, endpoint.name), run, places, left_out=left_out)
    made.work()
    assert made.is_over
    assert made.problem is None, made.problem
    return made


def drawn(flipped: int, same: int) -> list[float]:
    return [0.01 + index / 10_000 for index in range(flipped)] + [0.1 + index / 1000 for index in range(same)]


@pytest.mark.usefixtures("mirrored")
def test_planted_flips_among_stored_answers_fail_a_run_and_nothing_counts_twice(
    conn: Connection, endpoint: Endpoint, places: Places, local_azure: LocalAzure
) -> None:
    run = begun(places, endpoint, conn)
    send(local_azure, endpoint.name, drawn(40, 40) * 2)
    settled(conn, endpoint, run, 160)
    read(conn, endpoint, run, places)
    (kept,) = places.runs.answers(run.id)
    stored = kept.content["stored"]
    assert stored["by"] == "request id"
    assert stored["live"] == 160
    assert stored["payloads"] == stored["repeated"] == kept.compared <= stored["pairs"] == stored["candidate"]
    assert [each["field"] for each in kept.content["fields"] if each["is_named"]] == ["$.label"]
    assert stored["left_out"] == {"live requests without a copy": 160 - stored["pairs"]}
    assert Judging(places.runs).standing(run).verdict is Verdict.FAIL
    whole = places.results.get(kept.content["result"])
    assert whole is not None
    assert from_document(whole.content).examples
    assert "more than once" in told_of(kept.content)[1]
    assert read(conn, endpoint, run, places).told.startswith("All stored payloads have been counted")
    assert len(places.runs.answers(run.id)) == 1


@pytest.mark.usefixtures("mirrored")
def test_copies_with_ids_of_their_own_are_paired_by_payload_and_what_came_once_never_fails(
    conn: Connection, endpoint: Endpoint, places: Places, local_azure: LocalAzure, switch: Callable[[bool], None]
) -> None:
    switch(False)
    run = begun(replace(places, keeps_bodies=False), endpoint, conn)
    # Half of them are copied: of so many that are alike some copy comes, but for one run in a thousand million.
    alike = [0.5] * 30
    send(local_azure, endpoint.name, [*drawn(20, 20), *alike])
    settled(conn, endpoint, run, 40 + len(alike))
    read(conn, endpoint, run, replace(places, keeps_bodies=False), RANDOM)
    (kept,) = places.runs.answers(run.id)
    stored = kept.content["stored"]
    assert (stored["by"], stored["repeated"], kept.different) == ("payload", 0, 0)
    assert kept.compared == stored["payloads"] == stored["pairs"] > 5
    assert set(stored["once_differ"]) == {"$.label"}
    assert "blue answered each of them once" in told_of(kept.content)[1]
    assert kept.content["undecided"] == stored["once_differ"]["$.label"]
    assert stored["left_out"]["with more than one possible partner"] == stored["candidate"] - stored["pairs"]
    assert Judging(places.runs).standing(run).verdict is Verdict.NEED_MORE


def test_a_collector_that_is_off_is_named_with_what_to_switch_on(
    conn: Connection, endpoint: Endpoint, places: Places
) -> None:
    run = begun(places, endpoint, conn)
    with pytest.raises(RuleBroken, match="green does not store its requests and responses: switch the collections"):
        StoredReading(conn, endpoint, list_deployments(conn, endpoint.name), run, places)
    other = replace(run, criteria=Criteria())
    with pytest.raises(RuleBroken, match="not among the criteria"):
        StoredReading(conn, endpoint, list_deployments(conn, endpoint.name), other, places)


@pytest.mark.usefixtures("mirrored")
def test_who_may_not_read_the_blobs_is_told_the_role(
    connect_to: Callable[..., Connection], local_azure: LocalAzure, endpoint: Endpoint, places: Places
) -> None:
    reader = connect_to(local_azure, "reader")
    run = begun(places, endpoint, reader)
    made = StoredReading(reader, endpoint, list_deployments(reader, endpoint.name), run, places)
    made.work()
    assert isinstance(made.problem, AccessDenied)
    assert "Storage Blob Data Reader" in made.problem.next_step
    assert "not authorized" in made.problem.why


@pytest.mark.usefixtures("mirrored")
def test_an_empty_shelf_says_so(conn: Connection, endpoint: Endpoint, places: Places) -> None:
    run = begun(places, endpoint, conn)
    later = datetime(2090, 1, 1, tzinfo=UTC)
    made = StoredReading(
        conn, endpoint, list_deployments(conn, endpoint.name), replace(run, set_at=later, ended_at=later), places
    )
    made.work()
    assert made.problem is None
    assert made.told.startswith("Nothing is stored yet of what blue and green answered")
    assert places.runs.answers(run.id) == ()
