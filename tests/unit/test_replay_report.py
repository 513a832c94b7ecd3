"""What a comparison says about its record."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from services.errors import AccessDenied, RuleBroken, Timeout
from services.replay.export import to_csv, to_json
from services.replay.outcome import LARGEST_COMPARED, MOST_HELD, Outcome, between, outcome_of
from services.replay.record import Item, from_document, to_document
from services.replay.replaying import HOPELESS, Replay
from services.replay.report import Interval, median, proportion, report
from services.scoring.answer import Answer, Timing
from services.scoring.request import ScoringRequest
from ui.test.compare.compare_rows import verdict

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def answered(document: object, *, status: int = 200, total_ms: float = 10.0, body: bytes | None = None) -> Outcome:
    content = json.dumps(document).encode() if body is None else body
    timing = Timing(None, None, None, 1, 1, total_ms)
    return outcome_of(Answer(status, content, {}, {}, timing, None, None, None, model_ms=total_ms / 2))


def items(count: int) -> list[Item]:
    return [Item(f"item {number}", ScoringRequest(b"%d" % number)) for number in range(count)]


def run(count: int, ask: object, **changes: object) -> Replay:
    replay = Replay(items(count), "blue", "green", ask, seed=1, now=lambda: AT, **changes)  # type: ignore[arg-type]  # whatever a test gives
    replay.run()
    return replay


def test_the_share_of_different_answers_has_an_exact_interval() -> None:
    def ask(request: ScoringRequest) -> Outcome:
        is_other = request.deployment == "green" and int(request.body) < 10
        return answered({"label": "b" if is_other else "a"})

    found = report(run(100, ask).record)
    assert (found.compared, found.different) == (100, 10)
    assert found.share.value == 0.1
    # From R: binom.test(10, 100).
    assert (round(found.share.low or 0, 4), round(found.share.high or 0, 4)) == (0.0490, 0.1762)


def test_a_muted_field_counts_nowhere() -> None:
    def ask(request: ScoringRequest) -> Outcome:
        return answered({"label": request.deployment, "version": request.deployment})

    record = run(30, ask).record
    assert [field.field for field in report(record).named] == ["$.label", "$.version"]
    assert [field.field for field in report(record, ["$.version"]).named] == ["$.label"]
    assert report(record, ["$.version", "$.label"]).different == 0


def test_numbers_that_move_are_named_with_their_shift() -> None:
    def ask(request: ScoringRequest) -> Outcome:
        number = int(request.body)
        return answered({"rows": [{"score": number + (0.5 if request.deployment == "green" else 0)}] * 3})

    (shift,) = report(run(40, ask).record).shifts
    assert (shift.field, shift.count, shift.changed, shift.median.value) == ("$.rows[*].score", 40, 40, 0.5)
    assert (shift.largest, shift.by_itself) == (0.5, 0.0)


def test_an_error_on_one_side_is_a_difference_of_the_status() -> None:
    def ask(request: ScoringRequest) -> Outcome:
        if request.deployment == "green" and int(request.body) % 4 == 0:
            return outcome_of(Timeout("No answer.", "It took too long.", "Wait."))
        return answered([1])

    found = report(run(80, ask).record)
    assert [field.field for field in found.named] == ["status"]
    assert (found.different, found.candidate_errors, found.live_errors) == (20, 20, 0)
    assert found.examples[0].differences[0].right == "Timeout"


def test_requests_that_fail_on_both_sides_compare_nothing() -> None:
    found = report(run(20, lambda request: answered({"why": request.deployment}, status=424)).record)
    assert (found.compared, found.both_failed, found.named) == (0, 20, ())
    assert found.share.low is None


def test_answers_that_are_no_json_are_compared_as_text() -> None:
    found = report(run(30, lambda request: answered(None, body=f"<p>{request.deployment}".encode())).record)
    assert [field.field for field in found.named] == ["body"]


def test_an_answer_that_was_encoded_twice_is_compared_by_its_fields() -> None:
    found = report(run(30, lambda request: answered(json.dumps({"label": request.deployment}))).record)
    assert [field.field for field in found.named] == ["$.label"]


def test_bytes_that_are_no_text_are_told_apart() -> None:
    found = report(
        run(30, lambda request: answered(None, body=b"\xfe" if request.deployment == "blue" else b"\xff")).record
    )
    assert [field.field for field in found.named] == ["body"]


def test_large_answers_are_compared_and_not_held() -> None:
    one, other = (answered(None, body=b'"' + b"a" * LARGEST_COMPARED + end) for end in (b'b"', b'c"'))
    assert between(one, one, 0.0) == ()
    assert [each.path for each in between(one, other, 0.0)] == ["body"]
    assert len(one.text) < 2 * MOST_HELD


ODD = (
    (b'{"huge": 1' + b"0" * 400 + b', "nan": NaN, "\\ud800": "\\ud83d", "far": 1e308}'),
    (b'{"huge": 1.5, "nan": 1, "\\ud800": "\\ude00", "far": -1e308}'),
)


def test_odd_values_are_compared_and_can_be_written_to_files() -> None:
    found = run(30, lambda request: answered(None, body=ODD[request.deployment == "green"]))
    assert found.progress.error is None
    said = report(found.record)
    assert {field.field for field in said.named} == {"$.huge", "$.nan", "$.far", r"$['\ud800']"}
    assert said.shifts == ()
    text = to_json(found.record)
    json.loads(text, parse_constant=pytest.fail)
    assert text.encode()
    assert to_csv(found.record, frozenset(field.field for field in said.named)).encode()


def test_an_answer_that_is_nested_deep_can_be_kept() -> None:
    deep = b"[" * 480 + b"]" * 480
    found = run(30, lambda request: answered(None, body=deep if request.deployment == "green" else b"{}"))
    assert from_document(json.loads(json.dumps(to_document(found.record)))) == found.record


@pytest.mark.parametrize(("count", "low"), [(1, 0.025), (2, 0.1581), (5, 0.4782)])
def test_few_requests_have_wide_intervals_and_no_interval_of_times(count: int, low: float) -> None:
    found = report(run(count, lambda request: answered(request.deployment)).record)
    assert (found.different, round(found.share.low or 0, 4), found.share.high) == (count, low, 1.0)
    assert found.latency[0].difference.low is None


def test_differences_too_few_to_tell_are_not_called_none() -> None:
    record = run(100, lambda request: answered(request.deployment if int(request.body) < 5 else "a")).record
    stopped = replace(record, again=())
    assert report(record).different == 5
    found = report(stopped)
    assert (found.named, found.different, found.undecided) == ((), 0, 5)
    assert "answers 5 of 100 requests otherwise" in verdict(stopped, found)
    assert "at most 11.3 %" in verdict(stopped, found)


def test_a_comparison_that_is_over_cannot_be_stopped() -> None:
    replay = run(3, lambda _: answered(1))
    replay.stop()
    assert not replay.record.is_stopped


def test_times_are_compared_in_pairs() -> None:
    rng = Random(3)

    def ask(request: ScoringRequest) -> Outcome:
        return answered([1], total_ms=10 + rng.random() + (5 if request.deployment == "green" else 0))

    whole, model = report(run(60, ask).record).latency
    assert whole.pairs == 60
    assert whole.difference.holds(5.0)
    assert whole.by_itself.holds(0.0)
    assert (whole.is_model, model.is_model) == (False, True)


def test_the_candidate_is_asked_first_in_half_of_the_pairs() -> None:
    record = run(60, lambda _: answered([1])).record
    assert sum(triple.is_candidate_first for triple in record.triples) == 30


def test_the_example_that_differs_most_comes_first() -> None:
    def ask(request: ScoringRequest) -> Outcome:
        number = int(request.body)
        return answered([0] * (30 - number) + [int(request.deployment == "green")] * number)

    found = report(run(30, ask).record)
    assert [each.name for each in found.examples[:3]] == ["item 29", "item 28", "item 27"]


def test_a_record_comes_back_from_json_as_it_was() -> None:
    rng = Random(1)

    def ask(request: ScoringRequest) -> Outcome:
        document = {"label": request.deployment, "id": rng.random(), "lists": [1] * rng.randint(1, 3)}
        return answered(document, status=rng.choice([200, 200, 200, 500]))

    record = run(20, ask, parallel=3).record
    again = from_document(json.loads(json.dumps(to_document(record))))
    assert again == record
    assert report(again) == report(record)
    assert "item 3" in json.dumps(to_document(record.without_bodies()))


def test_a_record_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        from_document({"format": 99})


def test_a_failure_that_would_come_each_time_ends_the_comparison() -> None:
    calls = []

    def ask(request: ScoringRequest) -> Outcome:
        calls.append(request)
        raise AccessDenied("The key was not read.", "The role is missing.", "Ask for it.")

    replay = run(50, ask, parallel=2)
    assert isinstance(replay.progress.error, AccessDenied)
    assert replay.progress.is_over
    assert len(calls) <= 2


def test_a_comparison_without_any_answer_gives_up() -> None:
    replay = run(50, lambda _: outcome_of(Timeout("No answer.", "Too long.", "Wait.")), parallel=1)
    assert "Timeout" in str(replay.progress.error)
    assert len(replay.record.triples) == HOPELESS


def test_a_stopped_comparison_keeps_what_it_has() -> None:
    is_asked, may_go_on = threading.Event(), threading.Event()

    def ask(_: ScoringRequest) -> Outcome:
        if len(replay.record.triples) == 3:
            is_asked.set()
            assert may_go_on.wait(60)
        return answered([1])

    replay = Replay(items(20), "blue", "green", ask, seed=1, parallel=1)
    replay.start()
    assert is_asked.wait(60)
    replay.stop()
    may_go_on.set()
    assert replay.wait(60)
    assert (len(replay.record.triples), replay.record.is_stopped, replay.progress.error) == (3, True, None)


@pytest.mark.parametrize(("count", "live"), [(0, "blue"), (1, "green"), (2001, "blue")])
def test_a_set_that_cannot_be_compared_is_refused(count: int, live: str) -> None:
    with pytest.raises(RuleBroken):
        Replay(items(count), live, "green", lambda _: answered(1), seed=1)


def test_intervals_are_those_of_the_tables() -> None:
    assert proportion(0, 0).low is None
    assert (proportion(0, 10).low, round(proportion(0, 10).high or 0, 4)) == (0.0, 0.3085)
    assert proportion(10, 10).high == 1.0
    # Conover's table of the sign interval: 20 values, the 6th from each end.
    assert median([*map(float, range(1, 21))]) == Interval(10.5, 6.0, 15.0)
    assert median([1.0, 2.0, 3.0]) == Interval(2.0, None, None)
