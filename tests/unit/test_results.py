"""Finished runs on disk: the newest of each kind and endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from services import results
from services.errors import RuleBroken
from services.results import Results
from services.store import Store

DIGITS = "/subscriptions/s/resourceGroups/g/providers/X/onlineEndpoints/digits"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


def test_a_run_is_found_again_with_its_content(store: Store) -> None:
    content = {"rate": 50, "series": [1, 2.5, None], "note": "ä \ud800"}
    made = Results(store, "azure").save(DIGITS, "load", content, at=NOON)

    found = Results(store, "azure").get(made)
    assert found == results.Result(made, NOON, "load", content)
    assert Results(store, "azure").all(DIGITS.upper(), "load") == (found,)


def test_runs_are_listed_newest_first_whatever_their_time_zone(store: Store) -> None:
    kept = Results(store, "azure")
    east = timezone(timedelta(hours=5))
    for number, at in enumerate((NOON, NOON + timedelta(hours=2), (NOON + timedelta(hours=1)).astimezone(east))):
        kept.save(DIGITS, "load", {"number": number}, at=at)

    assert [each.content["number"] for each in kept.all(DIGITS, "load")] == [1, 2, 0]
    assert [each.content["number"] for each in kept.all(DIGITS, "load", 1)] == [1]


def test_other_kinds_endpoints_and_clouds_know_nothing_of_it(store: Store) -> None:
    made = Results(store, "azure").save(DIGITS, "load", {}, at=NOON)

    assert not Results(store, "azure").all(DIGITS, "compare")
    assert not Results(store, "azure").all(f"{DIGITS}-2", "load")
    assert not Results(store, "local").all(DIGITS, "load")
    assert Results(store, "local").get(made) is None


def test_the_oldest_make_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_KEPT", 3)
    kept = Results(store, "azure")
    kept.save(DIGITS, "compare", {}, at=NOON)
    for number in range(5):
        kept.save(DIGITS, "load", {"number": number}, at=NOON + timedelta(minutes=number))

    assert [each.content["number"] for each in kept.all(DIGITS, "load")] == [4, 3, 2]
    assert len(kept.all(DIGITS, "compare")) == 1


def test_a_run_that_is_too_large_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "LARGEST_BYTES", 1000)

    with pytest.raises(RuleBroken, match="larger than"):
        Results(store, "azure").save(DIGITS, "load", {"text": "x" * 2000}, at=NOON)


def test_a_run_can_be_deleted_twice(store: Store) -> None:
    kept = Results(store, "azure")
    made = kept.save(DIGITS, "load", {}, at=NOON)
    kept.delete(made)
    kept.delete(made)

    assert kept.get(made) is None
