"""Free queries: bounded, pointed at, run in the background, and kept by name."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.azure.log_analytics import Column, QueryRefused, Rows
from services.errors import RuleBroken
from services.logs import queries
from services.logs.kql_text import bounded, code, pointed
from services.logs.queries import Queries, Run, Runs
from services.store import Store

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECONDS = 60.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T", "T\n| take 9"),
        ("T ;\n", "T\n| take 9"),
        ("T | take 3 // all; of it", "T | take 3\n| take 9"),
        (
            "T | summarize n = count() by x\n| render timechart",
            "T | summarize n = count() by x\n| take 9\n| render timechart",
        ),
        ('T | where a == "| render x"', 'T | where a == "| render x"\n| take 9'),
        ("let x = 1;\nT | where a == x;", "let x = 1;\nT | where a == x\n| take 9"),
        ("T | count", "T | count"),
        ("print 1", "print 1"),
        ("  // nothing", ""),
    ],
)
def test_a_query_is_bounded_without_moving_what_was_written(text: str, expected: str) -> None:
    assert bounded(text, 9).strip() == expected.strip()


@pytest.mark.parametrize(
    "text",
    ["T | where a == 'x;y'", 'T | where a == @"c:\\"', "T | where a == ```one\n| two```", 'T | where a == "q\\"; x"'],
)
def test_what_is_quoted_is_no_code(text: str) -> None:
    assert code(text).replace("_", "").strip() == "T | where a =="
    assert bounded(text, 9) == f"{text}\n| take 9"


@given(st.text(alphabet="Tab|\n'\"@/;` \\render", max_size=60))
def test_code_is_as_long_as_its_text_and_has_its_lines(text: str) -> None:
    assert len(code(text)) == len(text)
    assert [at for at, sign in enumerate(code(text)) if sign == "\n"] == [
        at for at, sign in enumerate(text) if sign == "\n"
    ]


def test_the_place_of_an_error_is_pointed_at() -> None:
    assert pointed("T\n| wher x", 2, 3) == "| wher x\n  ^"
    assert pointed("T", 1, None) == "T"
    assert pointed("T", 7, 1) == pointed("T", None, None) == ""


def rows(count: int) -> Rows:
    return Rows((Column("x", "long"),), tuple((number,) for number in range(count)))


def test_more_rows_than_are_kept_are_said() -> None:
    assert not queries.cut(rows(queries.MOST_ROWS), 1.0).is_cut
    found = queries.cut(rows(queries.MOST_ROWS + 1), 1.0)
    assert found.is_cut
    assert len(found.found.rows) == queries.MOST_ROWS


def test_a_run_ends_with_its_answer_or_its_failure_in_words() -> None:
    done = Run("T", lambda: rows(2))
    assert done.over.wait(SECONDS)
    assert done.answer is not None
    assert done.error is None

    def refuse() -> Rows:
        raise QueryRefused("a", "b", "c", line=1, column=2) from ValueError("secret")

    refused = Run("T", refuse)
    assert refused.over.wait(SECONDS)
    assert isinstance(refused.error, QueryRefused)
    assert refused.error.__cause__ is None
    assert refused.error.line == 1

    def break_down() -> Rows:
        raise ZeroDivisionError

    broken = Run("T", break_down)
    assert broken.over.wait(SECONDS)
    assert broken.error is not None
    assert "ZeroDivisionError" in broken.error.why


def test_a_stopped_run_is_over_at_once_and_forgets_what_comes_later() -> None:
    may_answer, has_answered = threading.Event(), threading.Event()

    def late() -> Rows:
        may_answer.wait(SECONDS)
        has_answered.set()
        return rows(1)

    run = Run("T", late)
    run.stop()
    assert run.over.is_set()
    may_answer.set()
    assert has_answered.wait(SECONDS)
    assert run.is_stopped
    assert run.answer is None


def test_runs_are_kept_within_a_bound_and_never_given_up_under_way() -> None:
    may_answer = threading.Event()

    def late() -> Rows:
        may_answer.wait(SECONDS)
        return rows(1)

    def slow() -> Run:
        return Run("slow", late, endpoint_id="/E")

    runs = Runs(most=2)
    first = runs.keep(slow)
    quick = runs.keep(lambda: Run("quick", lambda: rows(1), endpoint_id="/e"))
    assert quick.over.wait(SECONDS)
    second = runs.keep(slow)
    assert runs.find(quick.id) is None
    assert runs.of("/e") == (second, first)
    assert runs.of("/other") == ()
    with pytest.raises(RuleBroken, match="2 queries are running"):
        runs.keep(slow)
    first.stop()
    assert runs.keep(lambda: Run("T", lambda: rows(1))).endpoint_id == ""
    assert runs.find(first.id) is None
    may_answer.set()


def test_queries_are_kept_by_name_and_endpoint(tmp_path: Path) -> None:
    store = Store(tmp_path / "sluice.db")
    kept, elsewhere = Queries(store, "a"), Queries(store, "b")
    kept.save("/E1", " Slow  ones ", "T", at=AT)
    kept.save("/e1", "another", "T | count", at=AT)
    kept.save("/e1", "Slow ones", "T | take 1", at=AT)
    assert [(each.name, each.kql) for each in kept.all("/e1")] == [
        ("another", "T | count"),
        ("Slow ones", "T | take 1"),
    ]
    assert kept.all("/e2") == elsewhere.all("/e1") == ()
    kept.delete("/E1", "another")
    kept.delete("/E1", "never there")
    assert [each.name for each in kept.all("/e1")] == ["Slow ones"]
    store.close()


def test_what_cannot_be_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "sluice.db")
    kept = Queries(store, "a")
    for name, kql in ((" ", "T"), ("n" * 81, "T"), ("n", " "), ("n", "T" * 20_001)):
        with pytest.raises(RuleBroken):
            kept.save("/e", name, kql, at=AT)
    monkeypatch.setattr(queries, "MOST_KEPT", 1)
    kept.save("/e", "one", "T", at=AT)
    with pytest.raises(RuleBroken, match="are kept"):
        kept.save("/e", "two", "T", at=AT)
    assert kept.save("/e", "one", "U", at=AT).kql == "U"
    store.close()
