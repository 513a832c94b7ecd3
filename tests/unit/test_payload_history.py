"""The history of what was sent: searchable, paged, bounded, and without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.errors import SluiceError, Timeout
from services.payloads import history as history_module
from services.payloads.exchange import Exchange
from services.payloads.history import History
from services.scoring.answer import Answer, Timing
from services.scoring.request import ScoringRequest
from services.store import Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGITS = "/subscriptions/s/resourceGroups/g/providers/X/onlineEndpoints/digits"
REQUEST = ScoringRequest(b'{"data": ["Ostrich 100%"]}', headers=(("X-Trace", "abc"), ("X-Api-Key", "open-sesame")))
ANSWER = Answer(
    status=200,
    body=b'["Bird"]',
    headers={"content-type": "application/json", "set-cookie": "open-sesame", "x-ms-request-id": "r-1"},
    trailers={"ms-azureml-bandwidth-request-delay-ms": "12"},
    timing=Timing(1.0, 2.0, 3.0, 40.0, 5.0, 51.0),
    deployment="blue",
    request_id="r-1",
    client_request_id="c-1",
    model_ms=30.0,
    is_cut=True,
    attempts=2,
)
LATE = Timeout("The request to digits got no answer.", "5 seconds passed.", "Give it more time.", request_id="r-9")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "sluice.db")
    yield made
    made.close()


@pytest.fixture
def history(store: Store) -> History:
    return History(store, "azure")


def add(
    history: History,
    outcome: Answer | SluiceError = ANSWER,
    request: ScoringRequest = REQUEST,
    *,
    minute: int = 0,
    keep: bool = True,
    payload: str = "",
) -> Exchange:
    at = NOON + timedelta(minutes=minute)
    return history.record(DIGITS, "ada", request, outcome, at=at, payload=payload, keep_bodies=keep)


def found(history: History, text: str = "", **more: object) -> list[str]:
    return [each.id for each in history.search(DIGITS, text, **more).exchanges]  # type: ignore[arg-type]  # passed on


def test_an_answer_is_kept_with_everything_but_secrets(history: History, store: Store) -> None:
    kept = add(history, payload="birds")

    assert history.get(kept.id) == kept
    assert kept.request == replace(REQUEST, headers=(("X-Trace", "abc"), ("X-Api-Key", "")))
    answer = kept.outcome()
    assert answer == replace(ANSWER, headers={**ANSWER.headers, "set-cookie": ""})
    assert (kept.person, kept.payload, kept.failure, kept.request_size) == ("ada", "birds", "", len(REQUEST.body))
    assert not any(b"sesame" in file.read_bytes() for file in store.path.parent.glob("sluice.db*"))


def test_without_leave_no_body_is_kept_only_its_size(history: History, store: Store) -> None:
    kept = add(history, keep=False)

    assert history.get(kept.id) == kept
    assert (kept.has_request_body, kept.has_answer_body, kept.request.body, kept.answer_body) == (
        False,
        False,
        b"",
        None,
    )
    assert (kept.request_size, kept.answer_size) == (len(REQUEST.body), len(ANSWER.body))
    assert not any(b"Ostrich" in file.read_bytes() for file in store.path.parent.glob("sluice.db*"))


def test_a_request_without_an_answer_says_why(history: History) -> None:
    kept = history.get(add(history, LATE, replace(REQUEST, deployment="green")).id)

    assert kept is not None
    assert (kept.status, kept.timing, kept.deployment, kept.request_id) == (None, None, "green", "r-9")
    assert kept.failure == "The request to digits got no answer. 5 seconds passed."
    outcome = kept.outcome()
    assert isinstance(outcome, Timeout)
    assert (outcome.what, outcome.why, outcome.next_step) == (LATE.what, LATE.why, LATE.next_step)


def test_a_search_brings_rows_without_bodies(history: History) -> None:
    kept = add(history)

    row = history.search(DIGITS.upper()).exchanges[0]
    assert row == replace(kept, request=replace(kept.request, body=b""), answer_body=None)
    assert row.has_request_body
    assert row.has_answer_body
    assert history.search(DIGITS + "2").exchanges == History(history._store, "elsewhere").search(DIGITS).exchanges == ()
    assert History(history._store, "elsewhere").get(kept.id) is None


@pytest.mark.parametrize(
    "text",
    ["ostrich", "BIRD", "100%", "Birds of", "r-1", "c-1", "ADA", "blue", "x-trace: ABC", "'; DROP", "answer_headers"],
)
def test_text_is_looked_for_in_bodies_names_headers_and_ids(history: History, text: str) -> None:
    kept = add(history, payload="Birds of prey")

    assert found(history, text) == ([] if text in ("'; DROP", "answer_headers") else [kept.id])


def test_signs_of_patterns_are_plain_text(history: History) -> None:
    add(history, request=replace(REQUEST, body=b"100 percent"))
    assert found(history, "100%") == found(history, "1_0") == []


def test_deployment_and_status_narrow_the_search(history: History) -> None:
    good = add(history)
    failed = add(history, replace(ANSWER, status=424, deployment="green"), minute=1)
    late = add(history, LATE, minute=2)

    assert found(history) == [late.id, failed.id, good.id]
    assert found(history, deployment="green") == [failed.id]
    assert found(history, statuses=[200, None]) == [late.id, good.id]
    assert found(history, statuses=[424]) == [failed.id]
    assert found(history, statuses=[]) == []
    assert found(history, "5 seconds", deployment=None) == [late.id]
    held = history.holdings(DIGITS)
    assert (held.count, held.deployments, held.statuses) == (3, ("blue", "green"), (200, 424, None))
    assert held.body_bytes == 3 * len(REQUEST.body) + 2 * len(ANSWER.body)


def test_pages_follow_each_other_while_new_exchanges_come_and_old_ones_go(history: History) -> None:
    # Several at the same moment: pages must not lose or repeat them.
    ids = {add(history, minute=minute // 3).id for minute in range(7)}

    first = history.search(DIGITS, limit=3)
    add(history, minute=9)
    history.delete([first.exchanges[-1].id])
    second = history.search(DIGITS, limit=3, before=first.next)
    third = history.search(DIGITS, limit=3, before=second.next)

    assert (first.total, len(first.exchanges), len(second.exchanges), len(third.exchanges)) == (7, 3, 3, 1)
    assert {each.id for page in (first, second, third) for each in page.exchanges} == ids
    assert third.next is None


def test_the_oldest_leave_when_there_are_too_many(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "MOST_EXCHANGES", 3)
    ids = [add(history, minute=minute).id for minute in range(5)]
    assert found(history) == ids[:1:-1]


def test_the_oldest_bodies_are_forgotten_when_they_are_too_much(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "MOST_BODY_BYTES", 80)
    for minute in range(4):
        add(history, minute=minute)

    rows = history.search(DIGITS).exchanges
    assert [row.has_request_body for row in rows] == [True, True, False, False]
    assert history.holdings(DIGITS).body_bytes == 2 * (len(REQUEST.body) + len(ANSWER.body))


def test_a_very_large_body_is_not_kept(history: History) -> None:
    kept = add(history, request=replace(REQUEST, body=bytes(8 * 2**20 + 1)))
    assert (kept.has_request_body, kept.has_answer_body, kept.request_size) == (False, True, 8 * 2**20 + 1)


def test_what_is_deleted_or_forgotten_is_gone_from_the_files_too(history: History, store: Store) -> None:
    def is_on_disk(text: bytes) -> bool:
        return any(text in file.read_bytes() for file in store.path.parent.glob("sluice.db*"))

    one = add(history)
    add(history, minute=1, payload="stays")
    assert is_on_disk(b"Ostrich")

    history.forget_bodies(DIGITS)
    assert not is_on_disk(b"Ostrich")
    assert history.search(DIGITS).total == 2

    history.delete([one.id, "unknown"])
    assert [each.payload for each in history.search(DIGITS).exchanges] == ["stays"]
    history.clear(DIGITS)
    assert not is_on_disk(b"stays")
    assert history.search(DIGITS).total == 0
