"""Finding entries of the journal, and the journal as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.journal import listing
from services.journal.entry import APPLIED, CHANGE, DRIFT, FIRST_SEEN, OPEN, REFUSED, Failure, Who
from services.journal.export import HEADER, to_csv
from services.journal.journal import Journal
from services.journal.listing import Wanted
from services.model import Split
from services.store import Store
from tests.values import endpoint

ANNA = Who("ml-operators", "anna")


class Clock:
    """Time that moves a minute with every look at it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Thirty changes of one endpoint, one refused, and a change of another endpoint made elsewhere."""
    store, clock = Store(tmp_path / "sluice.db"), Clock()
    found = Journal(store, "cloud", now=clock)
    for number in range(30):
        share = number % 2 * 10
        entry, _ = found.begin(f"change-{number}", endpoint({"blue": 100}), Split({"blue": 100 - share}), ANNA)
        found.end(entry, APPLIED, request_ids=[f"request-{number}"])
    entry, _ = found.begin("no", endpoint({"blue": 100}), Split({"green": 100}), ANNA, reason="=1+1 too early")
    found.end(entry, REFUSED, failure=Failure("It was not changed.", "Somebody was faster.", "Look again."))
    other = endpoint({"forest": 100}, name="wines")
    found.observe(other, clock())
    found.observe(replace(other, split=Split({"linear": 100})), clock())
    yield found
    store.close()


def ids(journal: Journal, wanted: Wanted) -> list[str]:
    return [entry.id for entry in listing.everything(journal, wanted, batch=7)]


def test_pages_hold_every_entry_once_and_the_newest_first(journal: Journal) -> None:
    wanted, seen, older = Wanted(), list[str](), None
    while True:
        page = listing.find(journal, wanted, before=older, limit=10)
        seen += [entry.id for entry in page.entries]
        older = page.older
        if older is None:
            break
    assert len(seen) == 33
    assert seen == ids(journal, wanted) == [entry.id for entry in journal.entries()]
    assert seen[2:4] == ["no", "change-29"]


def test_a_page_that_is_just_full_is_the_last_one(journal: Journal) -> None:
    assert listing.find(journal, Wanted(), limit=33).older is None
    assert listing.find(journal, Wanted(), limit=32).older is not None


def test_entries_are_found_by_what_they_are_and_how_they_ended(journal: Journal) -> None:
    assert [entry.kind for entry in listing.everything(journal, Wanted(kinds=frozenset({DRIFT, FIRST_SEEN})))] == [
        DRIFT,
        FIRST_SEEN,
    ]
    assert ids(journal, Wanted(outcomes=frozenset({REFUSED}))) == ["no"]
    assert len(ids(journal, Wanted(outcomes=frozenset({OPEN}), kinds=frozenset({CHANGE})))) == 0


def test_entries_are_found_by_endpoint_whatever_its_case(journal: Journal) -> None:
    wines = endpoint(name="wines").id
    assert len(ids(journal, Wanted(endpoint_id=wines.upper()))) == 2


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("FASTER", 1),
        ("request-7", 1),
        ("early anna", 1),
        ("linear", 1),
        ("nobody", 0),
        ("ML-operators", 31),
        ("  ", 33),
    ],
)
def test_every_word_is_looked_for_in_every_field(journal: Journal, words: str, count: int) -> None:
    assert len(ids(journal, Wanted(words=words))) == count


def test_the_csv_has_a_line_for_every_entry_and_no_formula(journal: Journal) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(listing.everything(journal, Wanted())))))
    assert len(rows) == 33
    assert tuple(rows[0]) == HEADER
    refused = next(row for row in rows if row["entry_id"] == "no")
    assert refused["reason"] == "'=1+1 too early"
    assert (refused["person"], refused["principal"], refused["outcome"]) == ("anna", "ml-operators", REFUSED)
    assert (refused["before"], refused["after"]) == (
        '{"live": {"blue": 100}, "mirror": {}}',
        '{"live": {"green": 100}, "mirror": {}}',
    )
    assert refused["seconds"] == "60.0"
    assert refused["sent_at"] == ""
