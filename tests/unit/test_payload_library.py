"""The library of payloads: saved, named once, bounded, without secrets; and who allows that bodies are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.errors import Conflict, RuleBroken
from services.expectations.expectation import Expectation
from services.payloads import library as library_module
from services.payloads.consent import Consent
from services.payloads.library import MOST_VARIABLES, Library
from services.payloads.payload import Payload
from services.store import Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGITS = "/subscriptions/s/resourceGroups/g/providers/X/onlineEndpoints/digits"
FULL = Payload(
    id="",
    name="One seven",
    body=b'{"data": [\xff]}',
    content_type="text/csv",
    headers=(("X-Trace", "a"), ("X-Trace", "b")),
    timeout_seconds=4.5,
    tags=("smoke", "seven"),
    expected_answer="[7]",
    expectations=(Expectation("status", 200), Expectation("path", 7, "$[0]", "within", 0.5)),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


@pytest.fixture
def library(store: Store) -> Library:
    return Library(store, "azure", now=lambda: NOON)


def test_a_payload_comes_back_as_it_was_saved(library: Library, store: Store) -> None:
    kept = library.save(DIGITS, FULL)

    assert kept == replace(FULL, id=kept.id, changed_at=NOON)
    assert kept.id
    assert library.get(kept.id) == kept
    assert library.all(DIGITS.upper()) == (kept,)
    assert Library(store, "elsewhere").all(DIGITS) == library.all(DIGITS + "2") == ()
    assert Library(store, "elsewhere").get(kept.id) is None


def test_what_was_changed_since_it_was_read_is_not_written_over(store: Store) -> None:
    library = Library(store, "azure")
    first = library.save(DIGITS, FULL)
    second = library.save(DIGITS, replace(first, body=b"2"))

    with pytest.raises(Conflict, match="was changed in another window"):
        library.save(DIGITS, replace(first, body=b"1"))
    assert library.get(first.id) == second
    library.delete(first.id)
    with pytest.raises(Conflict, match="was deleted in another window"):
        library.save(DIGITS, second)
    assert library.save(DIGITS, replace(second, changed_at=None)).id == first.id


def test_it_can_be_changed_and_deleted(library: Library) -> None:
    kept = library.save(DIGITS, FULL)

    changed = library.save(DIGITS, replace(kept, name=" one SEVEN ", body=b"{}"))
    assert (changed.id, changed.name, library.all(DIGITS)) == (kept.id, "one SEVEN", (changed,))

    library.delete(kept.id)
    library.delete(kept.id)
    assert library.get(kept.id) is None


def test_a_name_is_there_once_per_endpoint(library: Library) -> None:
    library.save(DIGITS, FULL)

    with pytest.raises(RuleBroken, match="There is already a payload named ONE seven"):
        library.save(DIGITS, replace(FULL, name="ONE seven"))
    library.save(DIGITS + "2", FULL)


def test_many_are_added_at_once_with_free_names(library: Library) -> None:
    library.save(DIGITS, FULL)

    added = library.add_all(DIGITS, [FULL, replace(FULL, name=""), replace(FULL, name="one seven")])

    assert [each.name for each in added] == ["One seven (2)", "Imported", "one seven (3)"]
    assert [each.name for each in library.all(DIGITS)] == ["Imported", "One seven", "One seven (2)", "one seven (3)"]


def test_when_one_of_many_cannot_be_kept_none_is(library: Library) -> None:
    with pytest.raises(RuleBroken, match="tags"):
        library.add_all(DIGITS, [FULL, replace(FULL, tags=("x" * 41,))])
    assert library.all(DIGITS) == ()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (replace(FULL, name="  "), "A name has 1 to 120"),
        (replace(FULL, name="x" * 121), "A name has 1 to 120"),
        (replace(FULL, name="two\nlines"), "on one line"),
        (replace(FULL, name="half \ud800"), "on one line"),
        (replace(FULL, body=bytes(20 * 2**20 + 1)), "larger than 20 MB"),
        (replace(FULL, expected_answer="x" * (20 * 2**20 + 1)), "larger than 20 MB"),
        (replace(FULL, tags=tuple(map(str, range(21)))), "at most 20 tags"),
        (replace(FULL, expectations=(Expectation("time", float("nan")),)), "not JSON"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(library: Library, broken: Payload, why: str) -> None:
    with pytest.raises(RuleBroken, match=why):
        library.save(DIGITS, broken)
    assert library.all(DIGITS) == ()


def test_a_library_is_bounded(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "MOST_PAYLOADS", 2)
    library.add_all(DIGITS, [FULL, FULL])
    with pytest.raises(RuleBroken, match="at most 2 payloads"):
        library.save(DIGITS, replace(FULL, name="three"))
    monkeypatch.setattr(library_module, "MOST_BYTES", 30)
    with pytest.raises(RuleBroken, match="of bodies"):
        library.save(DIGITS, replace(library.all(DIGITS)[0], body=bytes(31)))
    assert len(library.all(DIGITS)) == 2


def test_the_values_of_secret_headers_never_reach_the_disk(library: Library, store: Store) -> None:
    headers = (
        ("X-Api-Key", "open-sesame"),
        ("Ocp-Apim-Subscription-Key", "open-sesame"),
        ("Cookie", "a=open-sesame"),
        ("X-Whatever", "Bearer open-sesame"),
        ("X-Random", "opensesame4opensesame4opensesame4"),
        ("X-Auth", "{{my_login}}"),
        ("X-Request-Id", "0f8fad5bd9cb469fa16570867728950e"),
        ("Accept", "text/csv"),
    )

    kept = library.save(DIGITS, replace(FULL, headers=headers))

    assert [name for name, _ in kept.headers] == [name for name, _ in headers]
    assert [value for _, value in kept.headers] == [*[""] * 5, "{{my_login}}", headers[6][1], "text/csv"]
    files = store.path.parent.glob("sluice.db*")
    assert not any(word in file.read_bytes() for file in files for word in (b"sesame",))


def test_variables_belong_to_an_endpoint(library: Library) -> None:
    library.set_variable(DIGITS, "city", "Köln")
    library.set_variable(DIGITS, "city", "Bonn")
    library.set_variable(DIGITS, "max_tokens", "5")
    library.set_variable(DIGITS + "2", "city", "Jena")

    assert library.variables(DIGITS.upper()) == {"city": "Bonn", "max_tokens": "5"}
    library.drop_variable(DIGITS, "city")
    library.drop_variable(DIGITS, "city")
    assert library.variables(DIGITS) == {"max_tokens": "5"}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("two words", "x", "no name of a variable"),
        ("$uuid", "x", "no name of a variable"),
        ("api_key", "x", "looks like a secret"),
        ("city", "Bearer abc", "looks like a secret"),
        ("city", "x" * (64 * 1024 + 1), "longer than 64 KB"),
    ],
)
def test_variables_that_cannot_be_kept(library: Library, name: str, value: str, why: str) -> None:
    with pytest.raises(RuleBroken, match=why):
        library.set_variable(DIGITS, name, value)
    assert library.variables(DIGITS) == {}


def test_variables_are_bounded(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "MOST_VARIABLES", 1)
    assert MOST_VARIABLES == 200
    library.set_variable(DIGITS, "a", "1")
    library.set_variable(DIGITS, "a", "2")
    with pytest.raises(RuleBroken, match="at most 1 variables"):
        library.set_variable(DIGITS, "b", "1")


def test_bodies_are_kept_only_for_those_who_allow_it(store: Store) -> None:
    consent = Consent(store)
    assert (consent.keeps_bodies("ada"), consent.chosen("ada")) == (False, None)

    consent.set("ada", True)
    assert (consent.keeps_bodies("ada"), consent.keeps_bodies("bob")) == (True, False)

    consent.set("ada", False)
    assert (consent.keeps_bodies("ada"), consent.chosen("ada")) == (False, False)
