"""Judging answers: every kind of expectation, and input that is made to take for ever."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.expectations import budget
from services.expectations.checking import problem
from services.expectations.expectation import Expectation
from services.expectations.judging import Verdict, expected_answer, judge, unanswered
from services.expectations.words import describe
from services.scoring.answer import Answer, Timing

DOCUMENT = {
    "label": "cat",
    "score": 0.4,
    "flag": True,
    "rows": [{"id": 1, "label": "cat"}, {"id": 2, "label": "dog"}],
    "empty": [],
    "none": None,
}


def answered(body: bytes | str | Any = DOCUMENT, *, status: int = 200, total_ms: float = 120.0, **more: Any) -> Answer:
    """An answer with the given body; what is no text is written as JSON."""
    text = body if isinstance(body, bytes | str) else json.dumps(body)
    return Answer(
        status=status,
        body=text.encode() if isinstance(text, str) else text,
        headers={"content-type": "application/json"},
        trailers={},
        timing=Timing(None, None, None, total_ms - 1, 1.0, total_ms),
        deployment="blue",
        request_id="r",
        client_request_id="c",
        model_ms=None,
        **more,
    )


def path(at: str, rule: str, value: Any = None, tolerance: float = 0.0) -> Expectation:
    """An expectation of what a JSONPath finds."""
    return Expectation("path", value, at, rule, tolerance)


def verdict(expectation: Expectation, answer: Answer | None = None) -> Verdict:
    """The verdict on one expectation."""
    (found,) = judge([expectation], answer or answered())
    return found


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (Expectation("status", 200), "Status is 200."),
        (Expectation("status", [200, 201]), "Status is 200 or 201."),
        (Expectation("time", 120), "Answer within 120 ms."),
        (path("$.label", "equals", "cat"), '$.label is "cat".'),
        (path("$.score", "within", 0.3, 0.1), "$.score is 0.3 ± 0.1."),
        (path("$.rows[*].label", "in", ["cat", "dog"]), '$.rows[*].label is one of "cat", "dog".'),
        (path("$.none", "exists"), "$.none is there."),
        (path("$.rows[?@.id == 2].label", "equals", "dog"), '$.rows[?@.id == 2].label is "dog".'),
        (path("$.rows[?match(@.label, 'd.g')].id", "equals", 2), "$.rows[?match(@.label, 'd.g')].id is 2."),
        (Expectation("length", 2, "$.rows", "equals"), "Length of $.rows is 2."),
        (Expectation("length", 2, "$.rows[*]", "at_most"), "Length of $.rows[*] is at most 2."),
        (Expectation("length", 0, "$.empty[*]", "equals"), "Length of $.empty[*] is 0."),
        (Expectation("length", 6, "", "at_least"), "Length of the answer is at least 6."),
        (Expectation("schema", {"required": ["label"]}), "The answer keeps to the schema."),
        (
            Expectation("schema", {"title": "Row", "type": "object"}, "$.rows[*]"),
            "$.rows[*] keeps to the schema “Row”.",
        ),
    ],
)
def test_what_is_as_expected_passes(expectation: Expectation, words: str) -> None:
    found = verdict(expectation)

    assert (found.passed, found.words) == (True, words)
    assert words == f"{describe(expectation)}."


@pytest.mark.parametrize(
    ("expectation", "found", "why"),
    [
        (Expectation("status", 404), "200", "found 200"),
        (Expectation("time", 119.9), "120.0 ms", "it took 120.0 ms"),
        (path("$.label", "equals", "dog"), '"cat"', 'found "cat"'),
        (path("$.flag", "equals", 1), "true", "found true"),
        (path("$.label", "within", 1, 5), '"cat"', 'found "cat"'),
        (path("$.score", "within", 0.3, 0.09), "0.4", "found 0.4"),
        (path("$.rows[*].label", "in", ["cat"]), '"dog"', 'value 2 of 2 is "dog"'),
        (path("$.missing", "exists"), "nothing", "nothing is there"),
        (path("$.missing", "equals", None), "nothing", "nothing is there"),
        (Expectation("length", 3, "$.rows", "at_least"), "2", "found 2"),
        (Expectation("length", 1, "$.score", "equals"), "0.4", "0.4 has no length"),
        (
            Expectation("schema", {"properties": {"score": {"type": "string"}}}),
            "at $.score: 0.4 is not of type 'string'",
            "at $.score: 0.4 is not of type 'string'",
        ),
    ],
)
def test_what_is_not_as_expected_says_what_was_found(expectation: Expectation, found: str, why: str) -> None:
    failed = verdict(expectation)

    assert (failed.passed, failed.found) == (False, found)
    assert failed.words == f"{describe(expectation)}: {why}."


def test_a_whole_answer_is_compared_and_its_first_difference_named() -> None:
    text = json.dumps(DOCUMENT, indent=3)
    assert verdict(expected_answer(text)).passed

    changed = {**DOCUMENT, "rows": [{"id": 1, "label": "cat"}, {"id": 2.5, "label": "dog"}]}
    assert verdict(expected_answer(text), answered(changed)).words.endswith(": $.rows[1].id is 2.5 and not 2.")


def test_an_expected_answer_that_is_no_json_is_compared_as_text() -> None:
    wanted = expected_answer("it is a cat\n")

    assert verdict(wanted, answered("it is a cat")).passed
    assert verdict(wanted, answered("it is a dog")).words == 'The answer is "it is a cat\\n": found "it is a dog".'


def test_each_expectation_has_its_verdict_in_order() -> None:
    found = judge([Expectation("status", 200), Expectation("time", 1), path("$.flag", "equals", True)], answered())

    assert [each.passed for each in found] == [True, False, True]


def test_no_answer_passes_nothing() -> None:
    (found,) = unanswered([Expectation("status", 200)], "localhost refuses connections.")

    assert (found.passed, found.words) == (False, "Status is 200: no answer. localhost refuses connections.")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<html>sorry</html>", "the answer is not JSON from line 1, column 1 on"),
        ("", "the answer is not JSON from line 1, column 1 on"),
        (b"\xff\xfe", "the answer is not JSON from line 1, column 1 on"),
        ("[" * 100_000, "the answer is nested too deeply"),
        ("1" * 5000, "the answer holds a number with more digits than can be read"),
    ],
)
def test_an_answer_that_cannot_be_read_says_why(body: str | bytes, why: str) -> None:
    assert verdict(path("$", "exists"), answered(body)).words == f"The answer is there: {why}."
    assert verdict(Expectation("schema", True), answered(body)).passed is False


def test_a_cut_answer_is_not_judged_as_if_it_were_whole() -> None:
    cut = replace(answered("[1, 2]"), is_cut=True)

    assert "longer than what is kept" in verdict(path("$[0]", "equals", 1), cut).words
    assert not verdict(Expectation("length", 2, "", "equals"), cut).passed
    assert verdict(Expectation("status", 200), cut).passed


def test_nan_in_an_answer_is_no_number_within_a_tolerance() -> None:
    answer = answered('{"score": NaN}')

    assert verdict(path("$.score", "within", 0.5, 1), answer).words == "$.score is 0.5 ± 1: found NaN."
    assert not verdict(path("$.score", "equals", 0), answer).passed
    assert verdict(expected_answer('{"score": NaN}'), answer).passed


def test_numbers_keep_all_their_digits() -> None:
    answer = answered('{"id": 12345678901234567890123, "one": 1.0}')

    assert not verdict(path("$.id", "equals", 12345678901234567890124), answer).passed
    assert verdict(path("$.one", "equals", 1), answer).passed


def test_text_that_is_no_json_has_a_length() -> None:
    assert verdict(Expectation("length", 5, "", "equals"), answered("hello")).found == "5"
    assert verdict(Expectation("length", 5, "", "equals"), answered('"hello"')).found == "5"


@pytest.mark.parametrize(
    ("expectation", "why"),
    [
        (Expectation("status", "200"), "A status is a number"),
        (Expectation("status", []), "A status is a number"),
        (Expectation("time", 0), "milliseconds above 0"),
        (path("", "equals", 1), "The path is missing"),
        (path("label", "equals", 1), "is no JSONPath"),
        (path("$.a | $.b", "exists"), "is no JSONPath"),
        (path("$.a", "within", "x", 1), "Only a number"),
        (path("$.a", "within", 1, -1), "The tolerance"),
        (path("$.a", "in", "x"), "a list with at least one"),
        (path("$.a", "like", "x"), "no rule for a path"),
        (Expectation("length", -1, "", "equals"), "a whole number"),
        (Expectation("length", 1, "", "about"), "no rule for a length"),
        (Expectation("schema", "x"), "neither an object"),
        (Expectation("schema", {"type": "text"}), "The schema is not right at $.type"),
        (Expectation("schema", {"patternProperties": {"a": True}}), "patternProperties"),
        (Expectation("schema", {"properties": {"a": {"pattern": "(?=x)"}}}), "cannot be used: invalid perl operator"),
        (Expectation("text", 3), "text is missing"),
        (Expectation("colour", 3), "no kind of expectation"),  # type: ignore[arg-type]  # as an import may bring it
    ],
)
def test_an_expectation_that_means_nothing_is_named_and_does_not_pass(expectation: Expectation, why: str) -> None:
    assert why in problem(expectation)
    found = verdict(expectation)
    assert not found.passed
    assert found.found == "not judged"


@pytest.mark.parametrize(
    ("expectation", "body"),
    [
        (path("$[?search(@, '(a+)+$')]", "exists"), ["a" * 5000 + "!"]),
        (path("$..*..*..*..*..*..*", "exists"), [[[[[[0] * 9] * 9] * 9] * 9] * 9] * 9),
        (path("$[?count($[?count($[?@ == -1]) > 0]) > 0]", "exists"), list(range(2000))),
        (Expectation("schema", {"pattern": "^(a|a)*(a|a)*$"}), "a" * 400_000 + "!"),
        (Expectation("schema", {"uniqueItems": True}), [{"id": number} for number in range(20_000)]),
        (
            Expectation(
                "schema",
                {
                    "$defs": {f"n{depth}": {"allOf": [{"$ref": f"#/$defs/n{depth + 1}"}] * 4} for depth in range(20)}
                    | {"n20": {"type": "number"}},
                    "$ref": "#/$defs/n0",
                },
            ),
            1,
        ),
        (Expectation("schema", {"$ref": "#"}), 1),
        (Expectation("schema", {"anyOf": [{"type": "string"}] * 1000}), [{"id": 1}] * 5000),
        (Expectation("schema", {"allOf": [{"items": {}}] * 200}), [1] * 100_000),
        (Expectation("schema", {"items": {"enum": list(range(5000))}}), [4999] * 5000),
        (path("$[*]", "in", list(range(5000))), [4999] * 5000),
        (path("$.rows[?@ == $.big]", "exists"), {"rows": [[1] * 10_000] * 50, "big": [1] * 10_000}),
        (Expectation("schema", {"properties": {f"p{each}": {"type": "string"} for each in range(20_000)}}), {}),
        (Expectation("schema", {"$schema": ["x"]}), 1),
        (Expectation("schema", {"$schema": "http://json-schema.org/draft-03/schema#", "type": "no type"}), 1),
        (Expectation("schema", {"$ref": "#/title", "title": "no schema"}), 1),
        (Expectation("schema", {"$schema": "http://json-schema.org/draft-04/schema#", "$ref": 5}), 1),
        (Expectation("schema", {"multipleOf": 0.1}), float("nan")),
        (Expectation("schema", {"$ref": "https://example.org/schema.json"}), 1),
    ],
)
@pytest.mark.timeout(30)
def test_what_would_take_for_ever_or_leave_the_machine_is_given_up(
    expectation: Expectation, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MOST_STEPS", 30_000)
    found = verdict(expectation, answered(body))

    assert not found.passed
    assert found.words


def test_a_large_answer_that_breaks_its_schema_everywhere_is_told_where() -> None:
    found = verdict(Expectation("schema", {"items": {"type": "string"}}), answered([1] * 30_000))

    assert found.found.endswith("]: 1 is not of type 'string'")


def test_a_long_set_is_not_written_out() -> None:
    assert describe(path("$.a", "in", list(range(1000)))).endswith("8, 9 and 990 more")
    assert describe(Expectation("status", [200] * 12)).endswith("200 and 2 more")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner)))
def test_every_answer_is_as_itself_expects_it(value: Any) -> None:
    text = json.dumps(value)

    assert verdict(expected_answer(text), answered(text)).passed
