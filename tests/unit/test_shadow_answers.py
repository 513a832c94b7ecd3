"""Which answers count inside a run: every payload once, and nothing that differs by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from services.comparison.criteria import Criteria
from services.comparison.judge import ANSWERS, Judge, Verdict, slowest
from services.replay.outcome import Outcome, outcome_of
from services.replay.record import Item, Record
from services.replay.replaying import Replay
from services.scoring.answer import Answer, Timing
from services.scoring.request import ScoringRequest
from services.shadow.answers import (
    content_of,
    counted,
    drifting,
    fresh,
    left_out_of,
    mark,
    marks_of,
    may_drift_of,
    undecided_of,
)
from services.shadow.runs import Answers

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = "one run"


def item(number: int, name: str = "") -> Item:
    return Item(name or f"payload {number}", ScoringRequest(b"%d" % number))


def answered(document: object, status: int = 200) -> Outcome:
    timing = Timing(None, None, None, 1, 1, 10.0)
    return outcome_of(Answer(status, json.dumps(document).encode(), {}, {}, timing, None, None, None, None))


def compared(items: list[Item], ask: Callable[[ScoringRequest], Outcome]) -> Record:
    replay = Replay(items, "blue", "green", ask, seed=1, now=lambda: AT)
    replay.run()
    assert replay.progress.error is None
    return replay.record


def flipping(fewer_than: int) -> Callable[[ScoringRequest], Outcome]:
    def ask(request: ScoringRequest) -> Outcome:
        is_other = request.deployment == "green" and int(request.body) < fewer_than
        return answered({"label": "spam" if is_other else "ham"})

    return ask


def kept(record: Record, marks: list[str], already: frozenset[str] = frozenset()) -> Answers:
    found = counted(record, marks, already, ())
    content = content_of(record, marks, found, left_out=(), may_drift=False, source="Library", until=AT, result="")
    return Answers(found.compared, found.different, json.loads(json.dumps(content)))


def test_a_payload_counts_once_in_a_run_whatever_its_name() -> None:
    items = [item(number) for number in range(20)]
    marks = [mark(RUN, each) for each in items]
    one = kept(compared(items, flipping(3)), marks)
    assert (one.compared, one.different) == (20, 3)
    assert [each.name for each in fresh(RUN, [item(0, "again"), item(20), item(20, "twice")], marks_of([one]))] == [
        "payload 20"
    ]
    again = counted(compared(items, flipping(3)), marks, marks_of([one]), ())
    assert (again.compared, again.different, again.repeated) == (0, 0, 20)


def test_the_same_payload_is_known_within_its_own_run_only() -> None:
    assert mark(RUN, item(1)) == mark(RUN, item(1, "another name"))
    assert len({mark(RUN, item(1)), mark("another run", item(1)), mark(RUN, item(2))}) == 3


def test_what_was_sent_and_answered_is_not_kept_with_the_run() -> None:
    items = [Item("a name", ScoringRequest(b'{"who": "somebody"}'))] * 2
    record = compared(items[:1], lambda _: answered({"label": "a label"}))
    text = json.dumps(kept(record, [mark(RUN, items[0])]).content)
    assert "somebody" not in text
    assert "a label" not in text


def test_what_also_differs_by_itself_is_taken_off_before_it_fails_anybody() -> None:
    calls: dict[str, int] = {}

    def ask(request: ScoringRequest) -> Outcome:
        number = int(request.body)
        calls[f"{number}"] = calls.get(f"{number}", 0) + 1
        is_odd = request.deployment == "green" and number < 30
        # One payload in ten answers its second call otherwise, whoever is asked.
        by_itself = number % 10 == 0 and calls[f"{number}"] == 2
        return answered({"label": "spam" if is_odd or by_itself else "ham"})

    items = [item(number) for number in range(200)]
    found = counted(compared(items, ask), [mark(RUN, each) for each in items], frozenset(), ())
    assert 0 < found.different < 30
    assert found.different + found.undecided >= 27


def test_a_payload_that_fails_everywhere_compares_nothing_and_may_be_tried_again() -> None:
    items = [item(number) for number in range(12)]
    marks = [mark(RUN, each) for each in items]
    record = compared(items, lambda request: answered({}, 500 if int(request.body) < 4 else 200))
    one = kept(record, marks)
    assert (one.compared, one.content["both_failed"]) == (8, 4)
    assert [each.name for each in fresh(RUN, items, marks_of([one]))] == [f"payload {number}" for number in range(4)]


def test_a_field_that_is_meant_to_differ_is_left_out_for_the_whole_run() -> None:
    items = [item(number) for number in range(30)]
    marks = [mark(RUN, each) for each in items]
    record = compared(items, lambda request: answered({"version": request.deployment, "label": "ham"}))
    assert counted(record, marks, frozenset(), ()).different == 30
    found = counted(record, marks, frozenset(), ["$.version"])
    assert (found.different, found.undecided) == (0, 0)
    content = content_of(
        record, marks, found, left_out=["$.version"], may_drift=False, source="File", until=AT, result=""
    )
    assert left_out_of([Answers(30, 0, content)]) == ("$.version",)
    assert left_out_of([]) is None


def test_scores_that_drift_are_told_and_not_counted_and_classes_are_counted() -> None:
    def ask(request: ScoringRequest) -> Outcome:
        is_green, number = request.deployment == "green", int(request.body)
        return answered({"score": 0.5 + 0.125 * is_green, "class": 7 if is_green and number < 3 else 1})

    items = [item(number) for number in range(30)]
    marks = [mark(RUN, each) for each in items]
    record = compared(items, ask)
    assert drifting(record) == {"$.score"}
    assert counted(record, marks, frozenset(), ()).different == 30
    found = counted(record, marks, frozenset(), drifting(record))
    assert found.different == 3
    content = content_of(record, marks, found, left_out=(), may_drift=True, source="File", until=AT, result="")
    assert content["drifted"] == ["$.score"]
    assert [each["field"] for each in content["fields"] if each["is_named"]] == ["$.class"]
    assert {each["field"] for each in content["numbers"]} == {"$.score", "$.class"}
    assert may_drift_of([Answers(30, 3, content)]) is True
    assert may_drift_of([]) is None


def test_what_is_undecided_keeps_a_run_from_passing_and_never_fails_it() -> None:
    criteria = Criteria(error_points=None, latency=None, quantiles=(), answer_percent=2.0)
    clear, unclear = Judge(criteria), Judge(criteria)
    clear.add_answers(600, 0)
    unclear.add_answers(600, 0, undecided=60)
    assert (clear.verdict, unclear.verdict) == (Verdict.PASS, Verdict.NEED_MORE)
    standing = unclear.standings()[0]
    assert (standing.name, standing.lower) == (ANSWERS, 0.0)
    assert standing.upper > 10.0
    assert slowest(clear.standings()) is None, "nothing is needed"
    few = Judge(criteria)
    few.add_answers(10, 0)
    assert few.standings()[0].more is not None
    assert slowest(few.standings()) is None, "payloads are no requests"
    assert undecided_of({}) == 0
