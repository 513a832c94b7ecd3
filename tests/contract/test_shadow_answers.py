"""Answers compared inside a shadow test: planted label flips fail it, and a twin passes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint
from services.comparison.criteria import Criteria
from services.comparison.judge import Verdict
from services.errors import Conflict, RuleBroken
from services.model import Endpoint
from services.replay.keeping import KIND
from services.replay.record import Item, from_document
from services.results import Results
from services.scoring.request import ScoringRequest
from services.shadow.answering import Comparing, Places
from services.shadow.judging import Judging, from_view
from services.shadow.model import Pair, Run, RunState
from services.shadow.runs import Runs
from services.store import Store

pytestmark = pytest.mark.emulator
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FLIPS = Criteria(error_points=None, latency=None, quantiles=(), answer_percent=8.0)


@pytest.fixture
def endpoint(conn: Connection, planted: str) -> Endpoint:
    return get_endpoint(conn, planted)


@pytest.fixture
def places(conn: Connection, tmp_path: Path) -> Iterator[Places]:
    store = Store(tmp_path / "sluice.db")
    yield Places(Runs(store, conn.arm_host), Results(store, conn.arm_host), keeps_bodies=True)
    store.close()


def begun(places: Places, endpoint: Endpoint, criteria: Criteria = FLIPS) -> Run:
    pair, ends_at = Pair("blue", "green"), NOW + timedelta(hours=1)
    return places.runs.begin(Run("a run", endpoint.id, pair, 10, criteria, NOW, ends_at, "somebody"))


def items(numbers: Sequence[float]) -> list[Item]:
    return [Item(f"{number}", ScoringRequest(json.dumps({"data": number}).encode())) for number in numbers]


def compare(
    conn: Connection, endpoint: Endpoint, run: Run, places: Places, numbers: Sequence[float], parallel: int = 4
) -> Comparing:
    made = Comparing(conn, endpoint, run, items(numbers), places, source="Library", seed=1, parallel=parallel)
    made.work()
    assert made.problem is None
    assert made.is_over
    return made


def numbers(count: int, flipped: int) -> list[float]:
    rng = Random(count)
    return [rng.uniform(0.01, 0.04) for _ in range(flipped)] + [rng.uniform(0.1, 0.9) for _ in range(count - flipped)]


def test_planted_label_flips_fail_a_run_and_say_in_which_field(
    conn: Connection, endpoint: Endpoint, places: Places
) -> None:
    run = begun(places, endpoint)
    compare(conn, endpoint, run, places, numbers(60, 30))
    view = Judging(places.runs).standing(run)
    assert view.verdict is Verdict.FAIL
    standing = view.standings[0]
    assert (standing.n, standing.estimate) == (60, 50.0)
    kept = places.runs.answers(run.id)[0]
    assert [each["field"] for each in kept.content["fields"] if each["is_named"]] == ["$.label"]
    whole = places.results.get(kept.content["result"])
    assert whole is not None
    assert len(from_document(whole.content).triples) == 60
    assert places.results.all(endpoint.id, KIND)
    told = places.runs.get(run.id)
    assert told is not None
    assert "requests that name blue or green" in told.remarks[0].sentence


def test_a_twin_passes_however_noisy_both_are_and_no_payload_counts_twice(
    conn: Connection, endpoint: Endpoint, places: Places
) -> None:
    run, judging = begun(places, endpoint), None
    compare(conn, endpoint, run, places, numbers(40, 0))
    judging = Judging(places.runs)
    assert judging.standing(run).verdict is Verdict.NEED_MORE
    again = compare(conn, endpoint, run, places, [*numbers(40, 0), *numbers(210, 0)])
    assert again.count == 210
    view = judging.standing(run)
    assert (view.verdict, view.standings[0].n) == (Verdict.PASS, 250)
    with pytest.raises(RuleBroken, match="All 210 payloads have been counted"):
        compare(conn, endpoint, run, places, numbers(210, 0))


def test_answers_are_not_asked_for_where_they_would_not_count(
    conn: Connection, endpoint: Endpoint, places: Places
) -> None:
    run = begun(places, endpoint, Criteria())
    with pytest.raises(RuleBroken, match="not among the criteria"):
        compare(conn, endpoint, run, places, [0.5])
    ended = places.runs.end(run.id, RunState.STOPPED, "Somebody stopped it.", NOW)
    with pytest.raises(RuleBroken, match="has ended"):
        compare(conn, endpoint, ended, places, [0.5])


def test_what_the_first_comparison_leaves_out_holds_for_one_that_was_under_way(
    conn: Connection, endpoint: Endpoint, places: Places
) -> None:
    run = begun(places, endpoint)
    asked = items(numbers(4, 2))
    late = Comparing(conn, endpoint, run, asked, places, source="Library", seed=1, left_out=["$.label"], may_drift=True)
    compare(conn, endpoint, run, places, [0.5, 0.6])
    late.work()
    assert late.problem is None
    assert (late.left_out, late.may_drift) == ((), False)
    assert [each.content["left_out"] for each in places.runs.answers(run.id)] == [[], []]


def test_a_comparison_that_outlives_its_run_says_so_and_changes_nothing(
    conn: Connection, endpoint: Endpoint, places: Places
) -> None:
    run = begun(places, endpoint)
    made = Comparing(conn, endpoint, run, items([0.5, 0.6]), places, source="Library", seed=1)
    places.runs.end(run.id, RunState.ENDED, "Its time was over.", NOW)
    places.runs.freeze(run.id, from_view(Judging(places.runs).standing(run)))
    over = threading.Thread(target=made.work)
    over.start()
    over.join(120)
    assert made.is_over
    assert isinstance(made.problem, Conflict)
    assert places.runs.answers(run.id) == ()
