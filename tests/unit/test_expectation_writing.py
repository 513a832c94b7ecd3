"""Expectations as fields and as suggestions."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from services.expectations.checking import problem
from services.expectations.expectation import Expectation
from services.expectations.judging import judge
from services.expectations.report import junit, lines
from services.expectations.suggestions import suggest, suggest_fields
from services.expectations.writing import CHOICES, Choice, Written, choice_of, read, written
from services.scoring.answer import Answer, Timing


@pytest.mark.parametrize(
    "expectation",
    [
        Expectation("status", 200),
        Expectation("status", [200, 424]),
        Expectation("time", 12.5),
        Expectation("path", "cat", "$.label", "equals"),
        Expectation("path", "3", "$.label", "equals"),
        Expectation("path", {"a": [1, None]}, "$", "equals"),
        Expectation("path", ["a, b", 2], "$.x", "in"),
        Expectation("path", 0.5, "$.x", "within", 0.01),
        Expectation("path", None, "$.x", "exists"),
        Expectation("length", 3, "", "at_least"),
        Expectation("schema", {"type": "array"}, "$.rows"),
        Expectation("text", " as it\nis "),
    ],
)
def test_what_is_written_into_the_fields_is_read_back(expectation: Expectation) -> None:
    assert read(choice_of(expectation), written(expectation)) == expectation


def test_a_person_need_not_write_quotes() -> None:
    by_words = {each.words: each for each in CHOICES}

    assert read(by_words["Field equals"], Written("$.label", "big cat")).value == "big cat"
    assert read(by_words["Field is one of"], Written("$.label", "cat, dog, 3")).value == ["cat", "dog", 3]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("text", ["", "NaN", "[", "a, b", "-1", "1e999"])
def test_whatever_is_typed_is_kept_or_named(choice: Choice, text: str) -> None:
    made = read(choice, Written("$.x", text, text))

    assert isinstance(problem(made), str)


def test_suggestions_hold_for_the_answer_they_were_taken_from() -> None:
    document = {"label": "cat", "score": 0.1234567, "rows": [[1, 2], [3, 4]], "ok": True, "odd name": None}
    timing = Timing(None, None, None, 60.0, 3.0, 63.0)
    answer = Answer(200, json.dumps(document).encode(), {}, {}, timing, "blue", None, None, None)

    found = suggest(answer)

    assert Expectation("time", 130) in found
    assert Expectation("path", None, "$['odd name']", "equals") in found
    assert all(each.passed for each in judge(found, answer))
    assert suggest_fields("<html>") == ()


CONTENT = {
    "endpoint": "digits",
    "deployment": None,
    "began_at": "2026-03-01T12:00:00+00:00",
    "planned": 3,
    "passed": 0,
    "failed": 2,
    "is_stopped": True,
    "cases": [
        {
            "name": "a\x1b[31m",
            "passed": False,
            "status": 200,
            "failure": "",
            "deployment": "blue",
            "total_ms": 12.4,
            "request_id": "r",
            "verdicts": [{"expected": "x", "passed": False, "found": "", "words": "x <is> \x00 not."}],
        },
        {
            "name": "b",
            "passed": False,
            "status": None,
            "failure": "localhost refuses connections.",
            "deployment": None,
            "total_ms": None,
            "request_id": None,
            "verdicts": [{"expected": "y", "passed": False, "found": "no answer", "words": "y: no answer."}],
        },
    ],
}


def test_a_report_paints_over_no_terminal() -> None:
    assert list(lines(CONTENT, 2)) == [
        "digits, the split",
        "FAIL  a [31m  0 of 1 as expected  200 from blue, 12 ms",
        "      x <is>   not.",
        "FAIL  b       0 of 1 as expected  no answer",
        "      localhost refuses connections.",
        "0 passed, 2 failed, 1 not sent, 2 without expectations left out",
    ]


def test_junit_can_be_read_whatever_an_answer_held() -> None:
    suite = ElementTree.fromstring(junit(CONTENT))

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "x <is> \ufffd not."
