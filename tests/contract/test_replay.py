"""Two real deployments compared: what was planted is found, and what differs by itself is not named."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from random import Random

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint
from services.errors import NotFound
from services.model import Endpoint
from services.replay.record import Item
from services.replay.replaying import Replay, asker
from services.replay.report import Report, report
from services.scoring.request import ScoringRequest

pytestmark = pytest.mark.emulator
PLANTED = 0.05
REQUESTS = 100


@pytest.fixture
def endpoint(conn: Connection, planted: str) -> Endpoint:
    return get_endpoint(conn, planted)


def compare(conn: Connection, endpoint: Endpoint, numbers: list[float], seed: int, parallel: int = 1) -> Report:
    items = [Item(f"{number}", ScoringRequest(json.dumps({"data": number}).encode())) for number in numbers]
    replay = Replay(items, "blue", "green", asker(conn, endpoint, threading.Event()), seed=seed, parallel=parallel)
    replay.run()
    assert replay.progress.error is None
    return report(replay.record)


def drawn(seed: int) -> list[float]:
    rng = Random(seed)
    return [rng.random() for _ in range(REQUESTS)]


def test_a_planted_disagreement_of_real_deployments_is_found(conn: Connection, endpoint: Endpoint) -> None:
    found = compare(conn, endpoint, drawn(1), seed=1)
    assert [field.field for field in found.named] == ["$.label"]
    assert found.different == sum(number < PLANTED for number in drawn(1))
    assert found.share.holds(PLANTED)
    assert {field.field for field in found.fields if field.differs_by_itself} >= {"$.noise", "$.id", "$.server"}
    assert found.latency[0].pairs == REQUESTS
    assert "spam" in found.examples[0].candidate


def test_a_busy_deployment_is_asked_again_until_it_has_time(conn: Connection, endpoint: Endpoint) -> None:
    found = compare(conn, endpoint, [0.5] * 12, seed=2, parallel=6)
    assert (found.named, found.live_errors, found.candidate_errors) == ((), 0, 0)


def test_what_only_one_deployment_fails_on_is_a_difference(conn: Connection, endpoint: Endpoint) -> None:
    found = compare(conn, endpoint, [2.0] * 5 + [0.5] * 10, seed=2)
    assert [field.field for field in found.named] == ["status"]
    assert (found.different, found.candidate_errors, found.live_errors) == (5, 5, 0)


def test_a_deployment_that_is_gone_fails_on_everything(conn: Connection, endpoint: Endpoint) -> None:
    items = [Item("one", ScoringRequest(b'{"data": 0.5}'))] * 3
    replay = Replay(items, "blue", "nobody", asker(conn, endpoint, threading.Event()), seed=1)
    replay.run()
    found = report(replay.record)
    assert found.candidate_errors == 3 or isinstance(replay.progress.error, NotFound)


@pytest.mark.long
@pytest.mark.skipif(os.environ.get("SLUICE_TEST_COUNTS") != "full", reason="some minutes; full counts only")
def test_in_a_hundred_comparisons_the_planted_share_lies_in_its_interval(conn: Connection, endpoint: Endpoint) -> None:
    found = [compare(conn, endpoint, drawn(seed), seed) for seed in range(100)]
    assert set(Counter(field.field for each in found for field in each.named)) == {"$.label"}
    assert sum(each.share.holds(PLANTED) for each in found) >= 95
