"""Stored answers of two deployments: who belongs to whom, what counts, and what is left out with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from services.azure.collected import Collector, Event, _event, _span_of, collector_of
from services.replay.record import Item, Record
from services.scoring.request import ScoringRequest
from services.shadow import answers, stored_counting
from services.shadow.stored_counting import Seen
from services.shadow.stored_pairs import (
    AMBIGUOUS,
    BY_ID,
    BY_PAYLOAD,
    NO_ANSWER,
    NO_ID,
    OUTSIDE,
    UNPAIRED_COPY,
    UNPAIRED_LIVE,
    UNREADABLE,
    Kept,
    Stored,
    joined,
    paired,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMPTY = Record("blue", "green", AT, 0, 1e-9, ())


def event(known_as: str, text: str | None = "1", second: float = 0.0) -> Event:
    return Event(f"{known_as}-event", known_as, AT + timedelta(seconds=second), text)


def stored(known_as: str, payload: object, answer: object, second: float = 0.0) -> Stored:
    text = None if answer is None else json.dumps(answer)
    return Stored(known_as, AT + timedelta(seconds=second), json.dumps(payload), text)


def seen(live: Sequence[Stored], candidate: Sequence[Stored]) -> Seen:
    return stored_counting.compare(paired(Kept(tuple(live)), Kept(tuple(candidate))).units, "a run", EMPTY)


def test_a_request_and_its_answer_are_joined_by_their_id_and_what_lacks_one_is_named() -> None:
    requests = [event("a"), event("b"), event("c", None), event("d"), event("d"), event("", "1")]
    kept = joined(requests, [event("a", '"yes"'), event("c"), event("d"), event("")])
    assert [(each.correlation, each.answer) for each in kept.stored] == [("a", '"yes"')]
    assert kept.left_out == {NO_ANSWER: 1, OUTSIDE: 1, NO_ID: 3}


def test_copies_that_bear_the_id_of_their_request_are_paired_by_it() -> None:
    live = Kept((stored("a", 1, "x"), stored("b", 2, "x", 1), stored("c", 3, "x", 2)))
    candidate = Kept((stored("a", 1, "x"), stored("b", 9, "x", 1), stored("z", 3, "x", 2)))
    found = paired(live, candidate)
    assert (found.by, found.pairs, len(found.units)) == (BY_ID, 1, 1)
    assert found.left_out == {AMBIGUOUS: 1, UNPAIRED_COPY: 1, UNPAIRED_LIVE: 2}


def test_copies_with_other_ids_are_paired_by_payload_in_order_of_time() -> None:
    live = Kept(tuple(stored(f"l{index}", 1, index, 60.0 * index) for index in range(3)))
    candidate = Kept((stored("c2", 1, "late", 121.0), stored("c0", 1, "soon", 1.0), stored("cx", 2, "alone", 5.0)))
    found = paired(live, Kept(tuple(sorted(candidate.stored, key=lambda each: each.at))))
    assert (found.by, found.pairs) == (BY_PAYLOAD, 2)
    (unit,) = found.units
    assert (unit.first.correlation, unit.candidate.correlation) == ("l0", "c0")
    assert unit.second is not None
    assert unit.second.correlation == "l1"
    assert found.left_out == {UNPAIRED_COPY: 1, UNPAIRED_LIVE: 1}


@pytest.mark.parametrize("twice", ["live", "candidate"])
def test_what_may_belong_to_two_belongs_to_none(twice: str) -> None:
    live, candidate = [stored("l0", 1, "x")], [stored("c0", 1, "x", 1)]
    (live if twice == "live" else candidate).append(stored("again", 1, "x", 3))
    found = paired(Kept(tuple(live)), Kept(tuple(candidate)))
    assert found.units == ()
    assert found.left_out[AMBIGUOUS] == len(candidate)


def test_no_answer_plays_a_part_in_who_belongs_to_whom() -> None:
    rng = Random(1)
    requests = [(f"l{index}", rng.randrange(8), 7.0 * index) for index in range(60)]
    copies = [(f"c{index}", payload, at + 1) for index, (_, payload, at) in enumerate(requests) if rng.random() < 0.4]

    def mates(answer: str) -> list[tuple[str, str]]:
        live = Kept(tuple(stored(known_as, payload, rng.random(), at) for known_as, payload, at in requests))
        other = Kept(tuple(stored(known_as, payload, answer, at) for known_as, payload, at in copies))
        return [(unit.first.correlation, unit.candidate.correlation) for unit in paired(live, other).units]

    assert mates("one") == mates("another")
    assert mates("one")


def test_where_the_live_deployment_answered_twice_flips_are_named_and_noise_is_not() -> None:
    rng, live, candidate = Random(2), [], []
    for index in range(60):
        label = "ham"
        for again in range(2):
            live.append(stored(f"{index}-{again}", index, {"label": label, "noise": rng.random()}, index + 600 * again))
        candidate.append(
            stored(f"{index}-0", index, {"label": "spam" if index < 20 else label, "noise": rng.random()}, index)
        )
    found, fields = stored_counting.counted(seen(live, candidate), ())
    assert (found.compared, found.different, found.undecided) == (60, 20, 0)
    assert not fields


def test_what_was_answered_once_speaks_against_pass_and_never_for_fail() -> None:
    live = [stored(f"{index}", index, {"label": "ham"}, index) for index in range(50)]
    candidate = [stored(f"{index}", index, {"label": "spam" if index < 30 else "ham"}, index) for index in range(50)]
    found, fields = stored_counting.counted(seen(live, candidate), ())
    assert (found.compared, found.different, found.undecided) == (50, 0, 30)
    assert fields == {"$.label": 30}
    muted, _ = stored_counting.counted(seen(live, candidate), ("$.label",))
    assert muted.undecided == 0


def test_a_field_in_which_the_live_deployment_differs_from_itself_says_nothing_of_a_single_pair() -> None:
    rng = Random(3)
    live = [stored(f"{index}", index, {"noise": rng.random()}, index) for index in range(20)]
    live += [stored(f"again {index}", index, {"noise": rng.random()}, 900 + index) for index in range(5)]
    candidate = [stored(f"{index}", index, {"noise": rng.random()}, index) for index in range(20)]
    found, fields = stored_counting.counted(seen(live, candidate), ())
    assert (found.compared, found.different, found.undecided, dict(fields)) == (20, 0, 0, {})


def test_a_noisy_twin_never_fails_whatever_comes_twice() -> None:
    for seed in range(40):
        rng = Random(seed)

        def draw(rng: Random = rng) -> dict[str, str]:
            return {"label": "spam" if rng.random() < 0.1 else "ham"}

        live = [stored(f"{index}", index % 60, draw(), 20.0 * index) for index in range(90)]
        candidate = [stored(f"{index}", index, draw(), 20.0 * index) for index in range(60)]
        found, _ = stored_counting.counted(seen(live, candidate), ())
        assert (found.compared, found.different) == (60, 0)


def test_an_answer_that_cannot_be_read_on_one_side_speaks_against_pass_and_on_both_says_nothing() -> None:
    live = [stored("a", 1, "x"), stored("b", 2, None, 1)]
    candidate = [stored("a", 1, None), stored("b", 2, None, 1)]
    found, _ = stored_counting.counted(seen(live, candidate), ())
    assert (found.compared, found.undecided) == (1, 1)
    assert paired(Kept(tuple(live)), Kept(tuple(candidate))).left_out == {UNREADABLE: 1}


def test_numbers_that_move_are_told_over_all_pairs_and_decimals_may_drift() -> None:
    live = [stored(f"{index}", index, {"score": 0.5}, index) for index in range(10)]
    live.append(stored("again", 0, {"score": 0.5}, 900))
    candidate = [stored(f"{index}", index, {"score": 0.6}, index) for index in range(10)]
    both = seen(live, candidate)
    (number,) = stored_counting.numbers(both, ())
    assert (number["field"], number["count"], number["by_itself"]) == ("$.score", 10, 0.0)
    assert number["median"]["value"] == pytest.approx(0.1)
    assert stored_counting.drifting(both) == {"$.score"}
    (alone,) = stored_counting.numbers(seen(live[1:10], candidate[1:]), ())
    assert alone["by_itself"] is None


def test_a_stored_payload_is_known_by_the_same_mark_as_one_of_the_library() -> None:
    item = Item("mine", ScoringRequest(b'{"b": 1,  "a": [2]}'))
    same = Item("stored", ScoringRequest(b'{"a":[2],"b":1}'))
    assert answers.mark("a run", item) == answers.mark("a run", same) != answers.mark("another", same)
    assert answers.fresh("a run", [item], frozenset({answers.mark("a run", same)})) == []


def test_a_payload_that_an_earlier_version_counted_is_not_counted_again() -> None:
    item = Item("mine", ScoringRequest(b'{"b": 1}'))
    as_bytes = answers._marked("a run", item, item.request.body)
    assert as_bytes != answers.mark("a run", item)
    assert answers.fresh("a run", [item], frozenset({as_bytes})) == []


def test_settings_of_a_collector_are_read_from_the_document() -> None:
    def of(**collections: Mapping[str, object]) -> Collector:
        return collector_of({"properties": {"dataCollector": {"collections": collections}}})

    on = {"dataCollectionMode": "enabled"}
    assert of(request=on, response={**on, "samplingRate": 0.2}) == Collector(1.0, 0.2, False)
    assert not of(request=on, response={"dataCollectionMode": "Disabled"}).is_on
    assert not collector_of({}).is_on
    assert of(request={**on, "dataId": "azureml:mine:1"}, response=on).is_elsewhere


@pytest.mark.parametrize(
    ("path", "hours"), [("2026/03/01/12", 1), ("2026/03/01", 24), ("2026/03", 31 * 24), ("2026/03/01/12/30", 1 / 60)]
)
def test_a_folder_tells_its_time_whatever_the_rolling_rate(path: str, hours: float) -> None:
    found = _span_of(f"modelDataCollector/shop/blue/request/{path}/one.jsonl")
    assert found is not None
    assert found[1] - found[0] == timedelta(hours=hours, minutes=20)


def test_names_and_lines_that_make_no_sense_are_passed_over() -> None:
    assert _span_of("modelDataCollector/shop/blue/request/2026/99/01/one.jsonl") is None
    assert _span_of("modelDataCollector/shop/blue/request/one.jsonl") is None
    for line in (b"", b"no json", b"[]", b"{}", b'{"time": "never", "id": 1, "data": 2}'):
        assert _event(line) is None
    found = _event(b'{"id": "1", "time": "2026-03-01T12:00:00Z", "data": {"b": 1, "a": 2}, "xrequestid": "x"}')
    assert found == Event("1", "x", AT, '{"a":2,"b":1}')
    outside = _event(b'{"id": "1", "time": "2026-03-01T12:00:00Z", "data": "https://x", "datainblob": "true"}')
    assert outside is not None
    assert outside.text is None
