"""The log of test requests: the newest of each deployment and cloud."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.store import Store
from services.test_log import TestLog, TestResult

BLUE = "/subscriptions/s/resourceGroups/g/providers/X/onlineEndpoints/digits/deployments/blue"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


def test_the_newest_answer_is_kept_with_its_times(store: Store) -> None:
    log = TestLog(store, "azure")
    log.record(BLUE, NOON, 424, 20.0, None)
    log.record(BLUE, NOON + timedelta(minutes=1), 200, 35.5, 30.25)

    assert TestLog(store, "azure").last(BLUE) == TestResult(NOON + timedelta(minutes=1), 200, 35.5, 30.25)


def test_an_answer_that_is_recorded_late_does_not_replace_a_newer_one(store: Store) -> None:
    log = TestLog(store, "azure")
    log.record(BLUE, NOON, 200, 20.0, 10.0)
    log.record(BLUE, NOON - timedelta(seconds=1), 424, 20.0, None)

    last = log.last(BLUE)
    assert last is not None
    assert last.is_good


def test_a_deployment_is_the_same_whatever_the_case_of_its_id(store: Store) -> None:
    log = TestLog(store, "azure")
    log.record(BLUE.upper(), NOON, 200, 20.0, 10.0)

    assert log.last(BLUE) is not None


def test_other_deployments_and_other_clouds_know_nothing_of_it(store: Store) -> None:
    TestLog(store, "azure").record(BLUE, NOON, 200, 20.0, 10.0)

    assert TestLog(store, "local").last(BLUE) is None
    assert TestLog(store, "azure").last(f"{BLUE}-2") is None
