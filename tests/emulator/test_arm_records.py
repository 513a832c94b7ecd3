"""Reads that are behind the writes, as the setting wants them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.arm.records import Collection
from emulator.documents import Documents


class Clock:
    now = 100.0
    lag = 5.0


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Documents]:
    kept = Documents(tmp_path / "control.db")
    yield kept
    kept.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def collection(documents: Documents, clock: Clock) -> Collection:
    return Collection(documents, "endpoint", lambda: clock.lag, lambda: clock.now)


def test_readers_see_each_version_as_long_after_it_was_written_as_they_are_behind(
    collection: Collection, clock: Clock
) -> None:
    collection.put("Shop", {"n": 1})
    clock.now += 2
    collection.put("shop", {"n": 2})
    assert collection.seen("shop") is None
    assert collection.get("shop") == {"n": 2}
    clock.now += 3
    assert collection.seen("SHOP") == {"n": 1}
    clock.now += 2
    assert collection.seen("shop") == {"n": 2}


def test_lists_show_the_past_as_well(collection: Collection, clock: Clock) -> None:
    collection.put("a/one", {"n": 1})
    collection.put("a/two", {"n": 2})
    clock.now += 10
    collection.delete("a/one")
    collection.put("a/three", {"n": 3})
    collection.put("b/one", {"n": 4})
    assert collection.all_seen("A/") == [("a/one", {"n": 1}), ("a/two", {"n": 2})]
    assert [key for key, _ in collection.all("a/")] == ["a/three", "a/two"]
    clock.now += 5
    assert collection.all_seen("a/") == collection.all("a/")


def test_without_the_setting_reads_are_fresh_at_once(collection: Collection, clock: Clock) -> None:
    collection.put("shop", {"n": 1})
    clock.lag = 0.0
    assert collection.seen("shop") == {"n": 1}
    collection.put("shop", {"n": 2})
    clock.lag = 60.0
    assert collection.seen("shop") == {"n": 2}


def test_what_a_transaction_takes_back_was_never_seen(
    collection: Collection, documents: Documents, clock: Clock
) -> None:
    def break_off() -> None:
        with documents.transaction():
            collection.put("shop", {"n": 1})
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        break_off()
    assert collection.seen("shop") is None
    clock.now += 10
    assert collection.seen("shop") is None


def test_after_a_restart_reads_are_fresh(documents: Documents, collection: Collection, clock: Clock) -> None:
    collection.put("shop", {"n": 1})
    assert collection.seen("shop") is None
    again = Collection(documents, "endpoint", lambda: clock.lag, lambda: clock.now)
    assert again.seen("shop") == {"n": 1}
